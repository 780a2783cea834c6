"""Daily partitions in UTC, today's open day included, and the window that a range of them
means.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone

import dagster as dg

from pipedrive_assets.windows import Window

DAY = timedelta(days=1)


def daily_partitions(first: date) -> dg.DailyPartitionsDefinition:
    """One partition per UTC day from `first` to today."""
    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC", end_offset=1)


def window_of(time_window: dg.TimeWindow) -> Window:
    """The window that a partition, or a range of partitions, stands for."""
    return Window(
        start=time_window.start.astimezone(timezone.utc),
        end=time_window.end.astimezone(timezone.utc),
    )


def newest_ended_day(moment: datetime) -> date:
    """The last UTC day that is over at `moment`."""
    return moment.astimezone(timezone.utc).date() - DAY


def open_day(moment: datetime) -> str:
    """The key of the UTC day that `moment` falls in."""
    return moment.astimezone(timezone.utc).date().isoformat()


@contextmanager
def beta_accepted() -> Iterator[None]:
    """Backfill policies are marked beta in the pinned Dagster; the pin is what makes them safe to
    use.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        yield


def days(first: date, last: date) -> Iterator[date]:
    """From `first` to `last`, both included."""
    while first <= last:
        yield first
        first += DAY
