"""What the Dagster instance knows of runs: which are under way, and how the last ones ended."""

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
"""On a failed run: the tables that failed; absent where all did."""

RESET_TAG = "pipedrive/budget_reset_at"
"""On a run that spent the account's tokens: when there will be new ones (ISO form)."""

PROCESS_TAG = "pipedrive/process"
"""On a run: its process, as `ProcessIdentity.to_json` writes it."""

SILENT = timedelta(hours=1)
"""A run that has said nothing for so long is dead: each half minute it says how far it is, and no
wait for the warehouse is longer than ten minutes."""

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
    def of(cls, record: dg.RunRecord, names: Names = OWN_NAMES) -> "RunFacts":
        """Take what Dagster's record says; assets of others are left out."""
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
        """Whether it tells anything about a table."""
        return self.failed is None or self.tables is None or table in self.tables

    def failed_for(self, table: str) -> bool:
        """Whether it left a table unloaded."""
        return self.failed is None or table in self.failed


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None


def under_way(
    instance: dg.DagsterInstance,
    target: Target,
    now: datetime,
    tags: Mapping[str, str] | None = None,
) -> list[RunFacts]:
    """Runs that are queued or running, whoever started them; runs whose process is gone are not."""
    wanted = dg.RunsFilter(statuses=list(UNDER_WAY), tags=dict(tags or {}))
    records = instance.get_run_records(wanted, limit=RUNS_LOOKED_AT)
    alive = [record for record in records if not is_orphaned(instance, record, now)]
    return [RunFacts.of(record, target.names) for record in alive]


def is_orphaned(instance: dg.DagsterInstance, record: dg.RunRecord, now: datetime) -> bool:
    """Whether a run that counts as started has no process any more: a power cut, a kill."""
    run = record.dagster_run
    if run.status is not dg.DagsterRunStatus.STARTED:
        return False
    if _is_gone(run):
        return True
    last = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    said = last[0].timestamp if last else record.create_timestamp.timestamp()
    return now.timestamp() - said > SILENT.total_seconds()


def fail_orphaned(instance: dg.DagsterInstance, target: Target) -> None:
    """Let runs whose process on this machine is gone count as failed: they would hold their places
    in Dagster's queue for a day.
    """
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], tags={WAREHOUSE_TAG: target.tag})
    for run in instance.get_runs(wanted, limit=RUNS_LOOKED_AT):
        if _is_gone(run):
            instance.report_run_failed(
                run,
                "The process of this run is gone: it was killed, or the machine went down. What it "
                "had loaded stays; the next run goes on from there.",
            )


def _is_gone(run: dg.DagsterRun) -> bool:
    process = ProcessIdentity.from_json(run.tags.get(PROCESS_TAG, ""))
    return process is not None and process.is_gone()


def ended(instance: dg.DagsterInstance, target: Target) -> list[RunFacts]:
    """The last runs into this warehouse that are over, newest first."""
    wanted = dg.RunsFilter(statuses=list(ENDED), tags={WAREHOUSE_TAG: target.tag})
    records = instance.get_run_records(wanted, limit=RUNS_LOOKED_AT)
    return [RunFacts.of(record, target.names) for record in records]


def blocking(running: Sequence[RunFacts], names: Names) -> RunFacts | None:
    """Return a run beside which automation starts none."""
    jobs = {names.job, names.reconcile_job}
    return next((run for run in running if run.job in jobs), None)


def busy_tables(running: Sequence[RunFacts]) -> set[str]:
    """Tables that runs started by people are loading."""
    return {table for run in running for table in run.tables or ()}
