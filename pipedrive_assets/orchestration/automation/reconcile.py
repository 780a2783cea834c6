"""The weekly reconciliation: a job and its schedule."""

import re
from datetime import datetime
from typing import Any

import dagster as dg

from pipedrive_assets.config import Settings
from pipedrive_assets.config.values import WEEKDAYS
from pipedrive_assets.connect import caps_of
from pipedrive_assets.errors import raise_alone
from pipedrive_assets.load import (
    ReconcileRequest,
    TableReport,
    children_to_read_again,
    raise_failures,
    reconcilable,
    reconcile_tables,
)
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.load.schema_alert import post_schema_changes
from pipedrive_assets.orchestration.automation import backoff, run_tags, runs
from pipedrive_assets.orchestration.automation.alerts import send_alert
from pipedrive_assets.orchestration.automation.last_materialization import facts_of
from pipedrive_assets.orchestration.automation.target import (
    REQUESTED_BY_TAG,
    WAREHOUSE_TAG,
    WEEKLY,
    Target,
)
from pipedrive_assets.orchestration.failures import (
    failure,
    log_stop,
    of_ours,
    raise_as_failure,
    raise_tick_errors,
)
from pipedrive_assets.orchestration.metadata import metadata, sentence
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.orchestration.resources import resources_of
from pipedrive_assets.windows import utc_now


class ReconcileConfig(dg.Config):
    """Run config of the op, as shown in the Launchpad."""

    children: bool = False
    """Also read the children of every deal (participants, products, …), within the token caps."""

    accept_loss: bool = False
    """Mark missing rows as deleted, however many. Use it after a run refused to."""


def _reconcile(context: dg.OpExecutionContext, config: ReconcileConfig, names: Names) -> None:
    """Reconcile every table, and record an observation of each asset."""
    pipedrive, duckdb = resources_of(context, names)
    settings = raise_as_failure(pipedrive.settings)
    warehouse = raise_as_failure(duckdb.warehouse)
    run_tags.note_start(context, str(warehouse))
    entities = reconcilable(settings.entities)
    request = ReconcileRequest(
        entities=entities,
        children=children_to_read_again(entities, settings.entities) if config.children else (),
        caps=caps_of(settings),
        run_id=context.run_id,
        max_share=settings.reconcile_max_share / 100,
        raw=RawZone.of(settings),
        accept_loss=config.accept_loss,
        since=settings.since_timestamp,
        purge_deleted=settings.deleted == "purge",
    )
    reports: list[TableReport] = []
    try:
        connection, watch = raise_as_failure(pipedrive.connect), pipedrive.watch(context.log)
        for report in reconcile_tables(connection, warehouse, request, watch):
            reports.append(report)
            context.log.info(sentence(report))
            key = names.key(report.entity.name)
            context.log_event(dg.AssetObservation(key, metadata=metadata(report)))
        raise_failures(reports)
    except Exception as caught:  # noqa: BLE001 - a bug ends the step with a sentence
        error = of_ours(caught, "reconciling")
        run_tags.note_failure(context, error, unloaded=set())
        send_alert(context.run, settings, error)
        raise_alone(failure(error))
    finally:
        warehouse.close()
        post_schema_changes(settings, reports)


def build_reconcile_job(
    executor: dg.ExecutorDefinition | None = None, names: Names = OWN_NAMES
) -> dg.JobDefinition:
    """Return the job. It loads no partition, so it is not part of the job of all tables."""

    @dg.op(
        name=names.step("reconcile"),
        description="Reads every list, loads missing rows, and marks deleted rows.",
        required_resource_keys=names.resource_keys,
    )
    def reconcile(context: dg.OpExecutionContext, config: ReconcileConfig) -> None:
        with log_stop(context.log):
            _reconcile(context, config, names)

    return dg.GraphDefinition(name=names.reconcile_job, node_defs=[reconcile]).to_job(
        description="Finds deleted, merged and hidden records, and changes without a change date.",
        executor_def=executor,
    )


def build_reconcile_schedule(
    settings: Settings, job: Any, names: Names = OWN_NAMES
) -> list[dg.ScheduleDefinition]:
    """Return the weekly schedule; an empty list if PIPEDRIVE_RECONCILE_AT is off.

    Args:
        settings: When the schedule runs, and whether it is on from the start.
        job: The reconciliation job.
        names: The name of the schedule.
    """
    if settings.reconcile_at is None:
        return []
    target = Target.of(settings, names=names)
    weekday, hour, minute = re.split("[ :]", settings.reconcile_at)
    on = settings.schedule

    @dg.schedule(
        name=f"{names.prefix}_weekly_schedule",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * {WEEKDAYS.index(weekday)}",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED,
        description="Compares every table with Pipedrive once a week.",
    )
    def pipedrive_weekly_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        with raise_tick_errors("the weekly schedule"):
            return weekly_tick(context.instance, target, utc_now())

    return [pipedrive_weekly_schedule]


def weekly_tick(
    instance: dg.DagsterInstance, target: Target, now: datetime
) -> dg.RunRequest | dg.SkipReason:
    """Evaluate the schedule once.

    Args:
        instance: The Dagster instance.
        target: The account.
        now: The current time, aware.

    Returns:
        A request, or the reason for skipping.
    """
    if any(run.job == target.names.reconcile_job for run in runs.under_way(instance, target, now)):
        return dg.SkipReason("A reconciliation is queued or in progress.")
    if reset := backoff.budget_reset(runs.ended(instance, target), now):
        return dg.SkipReason(f"{backoff.spent_sentence(reset)} The next tick reconciles.")
    if not facts_of(instance, target):
        return dg.SkipReason("Nothing has been loaded yet.")
    return dg.RunRequest(tags={REQUESTED_BY_TAG: WEEKLY, WAREHOUSE_TAG: target.tag})
