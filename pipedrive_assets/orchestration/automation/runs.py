"""The runs of the Dagster instance: which are in progress, and how the last ones ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import dagster as dg

from pipedrive_assets.orchestration.automation.target import (
    REQUESTED_BY_TAG,
    WAREHOUSE_TAG,
    Target,
)
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.process_identity import ProcessIdentity

FAILED_TAG = "pipedrive/failed_tables"
"""Tag of a failed run: the tables that failed. Without it, all tables failed."""

RESET_TAG = "pipedrive/budget_reset_at"
"""Tag of a run that used up the account's tokens: when they reset, as ISO 8601."""

PROCESS_TAG = "pipedrive/process"
"""Tag of a run: its process, as `ProcessIdentity.to_json` writes it."""

SILENT = timedelta(hours=1)
"""A run without an event for this long is orphaned: runs log progress every 30 seconds, and wait
for the warehouse for ten minutes at most."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What automation needs to know about a run.

    `tables` is None for a run of all tables. The result of a reconciliation does not count for
    loads.
    """

    id: str
    job: str
    requested_by: str | None
    tables: frozenset[str] | None
    failed: frozenset[str] | None
    """The tables that failed; None: all tables, because the account or the warehouse failed."""

    began: datetime
    ended: datetime
    succeeded: bool
    reset_at: datetime | None

    @classmethod
    def of(cls, record: dg.RunRecord, names: Names = OWN_NAMES) -> "RunFacts":
        """Create from Dagster's record; assets of other code are ignored."""
        run, tags = record.dagster_run, record.dagster_run.tags
        selection = run.asset_selection
        reconciles = run.job_name == names.reconcile_job
        succeeded = run.status is dg.DagsterRunStatus.SUCCESS
        failed = frozenset(tags[FAILED_TAG].split(",")) if FAILED_TAG in tags else None
        reset = tags.get(RESET_TAG)
        created = record.create_timestamp.replace(tzinfo=timezone.utc)
        return cls(
            id=run.run_id,
            job=run.job_name,
            requested_by=tags.get(REQUESTED_BY_TAG),
            tables=names.tables(selection) if selection or reconciles else None,
            failed=frozenset() if succeeded or reconciles else failed,
            began=_moment(record.start_time) or created,
            ended=_moment(record.end_time) or created,
            succeeded=succeeded,
            reset_at=datetime.fromisoformat(reset) if reset else None,
        )

    def concerns(self, table: str) -> bool:
        """Return whether the run loaded or should have loaded a table."""
        return self.failed is None or self.tables is None or table in self.tables

    def failed_for(self, table: str) -> bool:
        """Return whether the run did not load a table."""
        return self.failed is None or table in self.failed


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None


def under_way(
    instance: dg.DagsterInstance,
    target: Target,
    now: datetime,
    tags: Mapping[str, str] | None = None,
) -> list[RunFacts]:
    """Return queued and running runs, except those whose process is gone.

    Args:
        instance: The Dagster instance.
        target: The account.
        now: The current time, aware.
        tags: Tags that the runs must have.
    """
    wanted = dg.RunsFilter(statuses=list(UNDER_WAY), tags=dict(tags or {}))
    records = instance.get_run_records(wanted, limit=RUNS_LOOKED_AT)
    alive = [record for record in records if not is_orphaned(instance, record, now)]
    return [RunFacts.of(record, target.names) for record in alive]


def is_orphaned(instance: dg.DagsterInstance, record: dg.RunRecord, now: datetime) -> bool:
    """Return whether a started run has no process any more, after a kill or a power failure.

    Args:
        instance: The Dagster instance.
        record: The run.
        now: The current time, aware.
    """
    run = record.dagster_run
    if run.status is not dg.DagsterRunStatus.STARTED:
        return False
    if _is_gone(run):
        return True
    last = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    heard = last[0].timestamp if last else record.create_timestamp.timestamp()
    return now.timestamp() - heard > SILENT.total_seconds()


def fail_orphaned(instance: dg.DagsterInstance, target: Target) -> None:
    """Fail the runs whose process on this machine is gone; they would block Dagster's queue."""
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], tags={WAREHOUSE_TAG: target.tag})
    for run in instance.get_runs(wanted, limit=RUNS_LOOKED_AT):
        if _is_gone(run):
            instance.report_run_failed(
                run,
                "The process of this run is gone: it was killed, or the machine stopped. "
                "Rows it committed are kept, and the next run continues from there.",
            )


def _is_gone(run: dg.DagsterRun) -> bool:
    process = ProcessIdentity.from_json(run.tags.get(PROCESS_TAG, ""))
    return process is not None and process.is_gone()


def ended(instance: dg.DagsterInstance, target: Target) -> list[RunFacts]:
    """Return the last ended runs of this warehouse, newest first."""
    wanted = dg.RunsFilter(statuses=list(ENDED), tags={WAREHOUSE_TAG: target.tag})
    records = instance.get_run_records(wanted, limit=RUNS_LOOKED_AT)
    return [RunFacts.of(record, target.names) for record in records]


def blocking(running: Sequence[RunFacts], names: Names) -> RunFacts | None:
    """Return a run of our jobs; automation starts no other run beside it."""
    jobs = {names.job, names.reconcile_job}
    return next((run for run in running if run.job in jobs), None)


def busy_tables(running: Sequence[RunFacts]) -> set[str]:
    """Return the tables that runs in progress are loading."""
    return {table for run in running for table in run.tables or ()}
