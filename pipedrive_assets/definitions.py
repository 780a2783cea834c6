"""The code location: `build(settings)` puts it together, `defs` is what Dagster loads."""

import os

import dagster as dg

from pipedrive_assets.config import Settings
from pipedrive_assets.orchestration.assets import build_assets
from pipedrive_assets.orchestration.automation.alerts import build_alerts
from pipedrive_assets.orchestration.automation.freshness import (
    build_sensor,
    with_freshness_policies,
)
from pipedrive_assets.orchestration.automation.partitions import daily_partitions
from pipedrive_assets.orchestration.automation.reconcile import (
    build_reconcile_job,
    build_reconcile_schedule,
)
from pipedrive_assets.orchestration.automation.schedule import build_job, build_schedule
from pipedrive_assets.orchestration.automation.target import Target
from pipedrive_assets.orchestration.derived import build_derived
from pipedrive_assets.orchestration.owners_and_tags import with_owners_and_tags
from pipedrive_assets.orchestration.resources import PipedriveResource, WarehouseResource
from pipedrive_assets.orchestration.sales_overview import build_overview

EXECUTORS = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}


def build(settings: Settings, pipedrive: PipedriveResource | None = None) -> dg.Definitions:
    """All definitions for these settings.

    Touches no network, no disk.
    """
    partitions = daily_partitions(settings.first_partition)
    executor = EXECUTORS[settings.executor]
    job, reconcile_job = build_job(settings.entities), build_reconcile_job(executor)
    loaded = build_assets(partitions, settings.entities, settings.destination)
    assets = [
        with_freshness_policies(loaded, Target.of(settings)),
        build_derived(partitions, settings.entities, settings.destination),
        build_overview(partitions, settings.entities),
    ]
    return dg.Definitions(
        assets=[with_owners_and_tags(each, settings) for each in assets],
        jobs=[job, reconcile_job],
        schedules=[
            build_schedule(settings, job),
            *build_reconcile_schedule(settings, reconcile_job),
        ],
        sensors=[build_sensor(settings, job), *build_alerts(settings)],
        resources={
            "pipedrive": pipedrive or PipedriveResource(),
            "duckdb": WarehouseResource(
                database=str(settings.warehouse),
                destination=settings.destination,
                dataset=settings.dataset,
                read_copy=str(settings.read_copy or ""),
                file_mode=settings.file_mode,
            ),
        },
        executor=executor,
    )


defs = build(Settings.from_env(os.environ))
