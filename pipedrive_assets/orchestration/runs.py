"""What the Dagster instance knows of runs: which are under way, and what to wait for after
failures.
"""

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import dagster as dg

from pipedrive_assets.errors import BudgetExhausted, LoadFailed, PipedriveError
from pipedrive_assets.orchestration.target import (
    FRESHNESS,
    JOB,
    RECONCILE_JOB,
    REQUESTED_BY_TAG,
    WAREHOUSE_TAG,
    Target,
    fingerprint,
)
from pipedrive_assets.windows import utc_now

FAILED_TAG = "pipedrive/failed_tables"
"""On a failed run: the tables that failed; absent where all did."""

RESET_TAG = "pipedrive/budget_reset_at"
"""On a run that spent the account's tokens: when there will be new ones (ISO form)."""

GUESS_HELD = timedelta(hours=6)
"""How long a reset time is relied on that Pipedrive did not tell."""

PROCESS_TAG = "pipedrive/process"
"""On a run: `host/pid` of its process."""

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=6)
SILENT = timedelta(hours=1)
"""A run that has said nothing for so long is dead: each page that is committed is a log line, and
no wait is longer than ten minutes."""

RUNS_LOOKED_AT = 50
UNDER_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
ENDED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)


Context = dg.AssetExecutionContext | dg.OpExecutionContext


def note_start(context: Context, warehouse: str) -> None:
    """Tag a run with its warehouse and its process, however it was started."""
    process = f"{socket.gethostname()}/{os.getpid()}"
    tags = {WAREHOUSE_TAG: fingerprint(warehouse), PROCESS_TAG: process}
    context.instance.add_run_tags(context.run.run_id, tags)


def note_failure(context: Context, error: PipedriveError, *, unloaded: set[str]) -> None:
    """Tag a run with the tables that failed, and with the budget's reset where that is known.

    Where nothing was loaded and no table is to blame, the account is.
    """
    tags = {}
    if isinstance(error, LoadFailed):
        tags[FAILED_TAG] = ",".join(error.failures)
    elif unloaded != set(_names(context.run.asset_selection)):
        tags[FAILED_TAG] = ",".join(unloaded)
    if back_at := budget_back_at(error, utc_now()):
        tags[RESET_TAG] = back_at.isoformat()
    if tags:
        context.instance.add_run_tags(context.run.run_id, tags)


def budget_back_at(error: PipedriveError, now: datetime) -> datetime | None:
    """Before when no run should ask again, because the account's tokens are gone; None: they are
    not. A reset that Pipedrive did not tell is a guess, and tried in between.
    """
    causes = error.failures.values() if isinstance(error, LoadFailed) else (error,)
    spent = [cause for cause in causes if isinstance(cause, BudgetExhausted)]
    if not spent:
        return None
    reset_at = max(cause.reset_at for cause in spent)
    return reset_at if any(cause.is_told for cause in spent) else min(reset_at, now + GUESS_HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A run, reduced to what automation asks of it; `tables` is None where it means all.

    A reconciliation loads no table of its own: whether it failed tells nothing of the loads.
    """

    id: str
    job: str
    requested_by: str | None
    tables: frozenset[str] | None
    failed: frozenset[str] | None
    """The tables that failed; None: all there are, for the trouble was not a table's own."""

    began: datetime
    ended: datetime
    succeeded: bool
    reset_at: datetime | None

    @classmethod
    def of(cls, record: dg.RunRecord) -> "RunFacts":
        """From Dagster's record."""
        run, tags = record.dagster_run, record.dagster_run.tags
        selection = run.asset_selection
        reconciles = run.job_name == RECONCILE_JOB
        succeeded = run.status is dg.DagsterRunStatus.SUCCESS
        failed = frozenset(tags[FAILED_TAG].split(",")) if FAILED_TAG in tags else None
        reset = tags.get(RESET_TAG)
        created = record.create_timestamp.replace(tzinfo=timezone.utc)
        return cls(
            id=run.run_id,
            job=run.job_name,
            requested_by=tags.get(REQUESTED_BY_TAG),
            tables=_names(selection) if selection or reconciles else None,
            failed=frozenset() if succeeded or reconciles else failed,
            began=_moment(record.start_time) or created,
            ended=_moment(record.end_time) or created,
            succeeded=succeeded,
            reset_at=datetime.fromisoformat(reset) if reset else None,
        )

    def concerns(self, table: str) -> bool:
        """Whether it tells anything about a table."""
        return self.failed is None or self.tables is None or table in self.tables

    def failed_for(self, table: str) -> bool:
        """Whether it left a table unloaded."""
        return self.failed is None or table in self.failed


def _names(selection: Iterable[dg.AssetKey] | None) -> frozenset[str]:
    return frozenset(key.to_user_string() for key in selection or ())


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None


def under_way(
    instance: dg.DagsterInstance, now: datetime, tags: Mapping[str, str] | None = None
) -> list[RunFacts]:
    """Runs that are queued or running, whoever started them; runs whose process is gone are not."""
    wanted = dg.RunsFilter(statuses=list(UNDER_WAY), tags=dict(tags or {}))
    records = instance.get_run_records(wanted, limit=RUNS_LOOKED_AT)
    return [RunFacts.of(record) for record in records if not is_dead(instance, record, now)]


def is_dead(instance: dg.DagsterInstance, record: dg.RunRecord, now: datetime) -> bool:
    """Whether a run that counts as started has no process any more: a power cut, a kill."""
    run = record.dagster_run
    if run.status is not dg.DagsterRunStatus.STARTED:
        return False
    host, _, pid = run.tags.get(PROCESS_TAG, "").rpartition("/")
    if host == socket.gethostname() and not _exists(int(pid)):
        return True
    last = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    said = last[0].timestamp if last else record.create_timestamp.timestamp()
    return now.timestamp() - said > SILENT.total_seconds()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def ended(instance: dg.DagsterInstance, target: Target) -> list[RunFacts]:
    """The last runs into this warehouse that are over, newest first."""
    wanted = dg.RunsFilter(statuses=list(ENDED), tags={WAREHOUSE_TAG: target.tag})
    records = instance.get_run_records(wanted, limit=RUNS_LOOKED_AT)
    return [RunFacts.of(record) for record in records]


def blocking(running: Sequence[RunFacts]) -> RunFacts | None:
    """A run beside which automation starts none."""
    return next((run for run in running if run.job in {JOB, RECONCILE_JOB}), None)


def busy_tables(running: Sequence[RunFacts]) -> set[str]:
    """Tables that runs started by people are loading."""
    return {table for run in running for table in run.tables or ()}


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


def asked_lately(runs: Sequence[RunFacts], table: str, since: datetime) -> bool:
    """Whether the sensor had a table loaded after `since`: if it is stale all the same, asking
    again at once would not help.
    """
    return any(
        run.requested_by == FRESHNESS and run.began > since and table in (run.tables or ())
        for run in runs
        if run.succeeded
    )
