"""What to read next, from what is held: a table."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies

from pipedrive_assets.extract.plan import Scan, TableStats, Watermark, plan
from pipedrive_assets.windows import Window

OVERLAP = timedelta(minutes=5)


def at(day, hour=0, minute=0):
    return datetime(2026, 3, day, hour, minute, tzinfo=timezone.utc)


KNOWN = Watermark(initial_load_at=at(1), complete_until=at(8, 10), ids_until=100)
TABLE_STATS = TableStats(newest=at(8, 9, 59), highest_id=100)
INITIAL_LOAD = Scan(initial_load=True, advances=True)


@pytest.mark.parametrize(
    ("case", "watermark", "window", "table_stats", "expected"),
    [
        ("nothing held yet", Watermark(), Window(start=at(10)), TableStats(), INITIAL_LOAD),
        (
            "a past day comes first",
            Watermark(),
            Window(start=at(2), end=at(3)),
            TableStats(),
            INITIAL_LOAD,
        ),
        ("a table without any change", KNOWN, Window(start=at(10)), TableStats(), INITIAL_LOAD),
        (
            "the open day starts where watermark ends, and looks at the ids above",
            KNOWN,
            Window(start=at(8)),
            TABLE_STATS,
            Scan(initial_load=False, advances=True, since=at(8, 9, 54), above_id=100),
        ),
        (
            "after a week of sleep nothing is left out",
            KNOWN,
            Window(start=at(15)),
            TABLE_STATS,
            Scan(initial_load=False, advances=True, since=at(8, 9, 54), above_id=100),
        ),
        (
            "a closed day beyond watermark closes the gap before it",
            KNOWN,
            Window(start=at(9), end=at(10)),
            TABLE_STATS,
            Scan(initial_load=False, advances=True, since=at(8, 9, 54), until=at(10), above_id=100),
        ),
        (
            "a closed day in which a load ended is read as a whole",
            KNOWN,
            Window(start=at(8), end=at(9)),
            TABLE_STATS,
            Scan(initial_load=False, advances=True, since=at(8), until=at(9), above_id=100),
        ),
        (
            "so is a range of days",
            KNOWN,
            Window(start=at(5), end=at(9)),
            TABLE_STATS,
            Scan(initial_load=False, advances=True, since=at(5), until=at(9), above_id=100),
        ),
        (
            "a past day reads itself alone",
            KNOWN,
            Window(start=at(2), end=at(3)),
            TABLE_STATS,
            Scan(initial_load=False, advances=False, since=at(2), until=at(3)),
        ),
        (
            "a clock ahead of the newest change loses nothing",
            KNOWN,
            Window(start=at(10)),
            replace(TABLE_STATS, newest=at(4)),
            Scan(initial_load=False, advances=True, since=at(4) - OVERLAP, above_id=100),
        ),
        (
            "ids that are no numbers tell nothing of newer ones",
            replace(KNOWN, ids_until=None),
            Window(start=at(8)),
            TABLE_STATS,
            Scan(initial_load=False, advances=True, since=at(8, 9, 54)),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_plan(case, watermark, window, table_stats, expected):
    assert expected == plan(watermark, window, table_stats=table_stats, overlap=OVERLAP)


def test_an_unfinished_first_load_goes_on_where_it_stood():
    begun = replace(INITIAL_LOAD, started_at=at(2), endpoint_index=1, marker="abc", pages=20)

    assert begun == plan(
        Watermark(scan=begun), Window(start=at(3)), table_stats=TableStats(), overlap=OVERLAP
    )


def test_an_unfinished_window_that_began_earlier_is_finished_first():
    begun = Scan(initial_load=False, advances=True, since=at(7), started_at=at(8), marker="abc")

    assert begun == plan(
        replace(KNOWN, scan=begun), Window(start=at(9)), table_stats=TABLE_STATS, overlap=OVERLAP
    )


def test_an_unfinished_walk_of_other_bounds_is_dropped():
    begun = Scan(
        initial_load=False, advances=False, since=at(2), until=at(3), started_at=at(8), marker="abc"
    )

    planned = plan(
        replace(KNOWN, scan=begun), Window(start=at(9)), table_stats=TABLE_STATS, overlap=OVERLAP
    )

    assert planned.marker is None


def test_full_reads_everything_again_whatever_is_held():
    assert INITIAL_LOAD == plan(
        KNOWN, Window(start=at(9)), table_stats=TABLE_STATS, overlap=OVERLAP, full=True
    )


@pytest.mark.parametrize(
    ("scan", "expected"),
    [
        (replace(INITIAL_LOAD, started_at=at(8)), at(8)),
        (
            Scan(initial_load=False, advances=True, since=at(2), until=at(5), started_at=at(8)),
            at(5),
        ),
        (
            Scan(initial_load=False, advances=True, since=at(2), until=at(9), started_at=at(8)),
            at(8),
        ),
        (
            Scan(initial_load=False, advances=False, since=at(2), until=at(5), started_at=at(8)),
            None,
        ),
    ],
)
def test_what_a_finished_walk_makes_complete(scan, expected):
    assert expected == scan.complete_until()


def test_a_walk_survives_the_ledger():
    scan = Scan(
        initial_load=False,
        advances=True,
        since=at(2),
        until=at(5),
        started_at=at(8),
        endpoint_index=1,
        marker="m",
    )

    assert scan == Scan.from_json(scan.to_json())


MOMENTS = strategies.integers(0, 20_000).map(lambda minutes: at(1) + timedelta(minutes=minutes))


@given(
    known=MOMENTS,
    newest=MOMENTS,
    archive=strategies.none() | MOMENTS,
    first=MOMENTS,
    days=strategies.integers(1, 5),
)
def test_a_window_with_an_end_is_read_as_a_whole(known, newest, archive, first, days):
    """However far the loads before it have come, and whatever each list has returned so far."""
    watermark = replace(KNOWN, complete_until=known, lists={"deals": newest, "archived": archive})
    window = Window(start=first, end=first + timedelta(days=days))

    scan = plan(watermark, window, table_stats=replace(TABLE_STATS, newest=newest), overlap=OVERLAP)

    for path in ("deals", "archived"):
        start = scan.start_of(path)
        assert start is None or start <= window.start
        assert scan.advances is False or start is None or start <= known - OVERLAP
    assert scan.until == window.end
    resumed = replace(scan, started_at=at(28), marker="abc")
    again = plan(replace(watermark, scan=resumed), window, table_stats=TABLE_STATS, overlap=OVERLAP)
    assert again.start_of("deals") <= window.start
