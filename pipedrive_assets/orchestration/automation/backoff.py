"""What automation waits for after runs that failed, or that helped nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipedrive_assets.orchestration.automation.runs import RunFacts
from pipedrive_assets.orchestration.automation.target import FRESHNESS

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=6)


def budget_reset(runs: Sequence[RunFacts], now: datetime) -> datetime | None:
    """When the account will have tokens again; None: it has some, as far as is known."""
    for run in runs:
        if run.succeeded:
            return None
        if run.reset_at and run.reset_at > now:
            return run.reset_at
    return None


def spent_sentence(reset: datetime) -> str:
    """Why nothing is asked for until then."""
    return f"The account's API tokens are spent until about {reset:%Y-%m-%d %H:%M} UTC."


def paused_until(runs: Sequence[RunFacts], table: str) -> tuple[datetime, int] | None:
    """Until when a table is left alone after failures in a row, and how many those were.

    5 minutes after the first, doubling up to 6 hours.
    """
    failures = []
    for run in runs:
        if run.concerns(table):
            if not run.failed_for(table):
                break
            failures.append(run)
    if not failures:
        return None
    pause = min(FIRST_PAUSE * 2 ** (len(failures) - 1), LONGEST_PAUSE)
    return failures[0].ended + pause, len(failures)


def requested_recently(runs: Sequence[RunFacts], table: str, since: datetime) -> bool:
    """Whether the sensor had a table loaded after `since`: if it is stale all the same, asking
    again at once would not help.
    """
    return any(
        run.requested_by == FRESHNESS and run.began > since and table in (run.tables or ())
        for run in runs
        if run.succeeded
    )
