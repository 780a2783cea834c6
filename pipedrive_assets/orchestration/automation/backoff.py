"""How long automation waits after failed runs, and after runs that brought nothing newer."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipedrive_assets.orchestration.automation.runs import RunFacts
from pipedrive_assets.orchestration.automation.target import FRESHNESS

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=6)


def budget_reset(runs: Sequence[RunFacts], now: datetime) -> datetime | None:
    """Return when the account's daily tokens reset; None: it is not known to be out of tokens."""
    for run in runs:
        if run.succeeded:
            return None
        if run.reset_at and run.reset_at > now:
            return run.reset_at
    return None


def spent_sentence(reset: datetime) -> str:
    """Return the sentence of a skipped tick while the account is out of tokens."""
    return f"The account's daily token budget is used up until about {reset:%Y-%m-%d %H:%M} UTC."


def paused_until(runs: Sequence[RunFacts], table: str) -> tuple[datetime, int] | None:
    """Return until when a table is not retried, and how often it failed in a row; None: retry now.

    The pause is 5 minutes after the first failure and doubles up to 6 hours.
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
    """Return whether the sensor had a table loaded after `since`.

    If the table is stale nevertheless, another run at once would not help.

    Args:
        runs: Ended runs.
        table: The table.
        since: A moment, aware.
    """
    return any(
        run.requested_by == FRESHNESS and run.began > since and table in (run.tables or ())
        for run in runs
        if run.succeeded
    )
