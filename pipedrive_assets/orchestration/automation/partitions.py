"""Daily UTC partitions, including the current day, and their time windows."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone

import dagster as dg

from pipedrive_assets.windows import Window

DAY = timedelta(days=1)


def daily_partitions(first: date) -> dg.DailyPartitionsDefinition:
    """Return one partition per UTC day from `first` to today."""
    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC", end_offset=1)


def window_of(time_window: dg.TimeWindow) -> Window:
    """Return the window of a partition or of a range of partitions."""
    return Window(
        start=time_window.start.astimezone(timezone.utc),
        end=time_window.end.astimezone(timezone.utc),
    )


def newest_ended_day(moment: datetime) -> date:
    """Return the last UTC day that has ended at `moment`."""
    return moment.astimezone(timezone.utc).date() - DAY


def open_day(moment: datetime) -> str:
    """Return the partition key of the UTC day of `moment`."""
    return moment.astimezone(timezone.utc).date().isoformat()


@contextmanager
def beta_accepted() -> Iterator[None]:
    """Suppress the beta warning about backfill policies; the lock file pins Dagster."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        yield


def days(first: date, last: date) -> Iterator[date]:
    """Yield the days from `first` to `last`, both included."""
    while first <= last:
        yield first
        first += DAY
