"""Moments and windows as Pipedrive takes them."""

from datetime import datetime, timedelta, timezone

import pytest

from pipedrive_assets.windows import Window, earlier, parse_stamp, stamp

BERLIN_SUMMER = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(1, 1, 1, tzinfo=timezone.utc), "0001-01-01T00:00:00Z"),
        (datetime(987, 6, 5, 4, 3, 2, tzinfo=timezone.utc), "0987-06-05T04:03:02Z"),
        (datetime(2026, 7, 1, 0, 30, 0, 999_999, BERLIN_SUMMER), "2026-06-30T22:30:00Z"),
        (datetime.max.replace(tzinfo=timezone.utc), "9999-12-31T23:59:59Z"),
    ],
)
def test_a_moment_is_sent_in_utc_in_whole_seconds_with_four_digits_of_year(moment, expected):
    assert expected == stamp(moment)
    assert [("updated_since", expected)] == list(Window(start=moment).params(until=False))
    assert parse_stamp(expected) == moment.replace(microsecond=0)


def test_nothing_is_earlier_than_the_first_moment():
    first = datetime(1, 1, 1, tzinfo=timezone.utc)

    assert first == earlier(first, timedelta(minutes=5))
    assert first == earlier(first + timedelta(minutes=2), timedelta(minutes=5))
    assert first + timedelta(minutes=1) == earlier(
        first + timedelta(minutes=6), timedelta(minutes=5)
    )
