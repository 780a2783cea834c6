"""Definitions for any Dagster code location: one account, or several side by side."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from pipedrive_assets.config import Settings, settings_of_accounts
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.orchestration.assets import build_assets
from pipedrive_assets.orchestration.automation.alerts import build_alerts
from pipedrive_assets.orchestration.automation.digest import build_digest
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
from pipedrive_assets.orchestration.names import OWN, OWN_NAMES, Names
from pipedrive_assets.orchestration.owners_and_tags import with_owners_and_tags
from pipedrive_assets.orchestration.resources import (
    PipedriveResource,
    WarehouseResource,
    account_of,
)
from pipedrive_assets.orchestration.sales_overview import build_overview

FIELDS = {
    "group_name": "asset_group",
    "first_partition": "first_partition",
    "tables": "tables",
    "owners": "asset_owners",
    "tags": "asset_tags",
}
"""Arguments of `pipedrive_definitions` that replace a setting, with the setting's field."""
EXECUTORS = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}


def pipedrive_definitions(  # noqa: PLR0913 - each is an argument of its own to the user
    settings: Settings | None = None,
    *,
    accounts: Mapping[str, Settings | str] | None = None,
    key_prefix: str | Sequence[str] = (),
    name_prefix: str = OWN,
    pipedrive_key: str = "pipedrive",
    warehouse_key: str = "duckdb",
    executor: dg.ExecutorDefinition | None = None,
    group_name: str | None = None,
    first_partition: date | str | None = None,
    tables: str | Sequence[str] | None = None,
    owners: Sequence[str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.Definitions:
    """Return assets, checks, jobs, schedules, sensors and resources for a code location.

    Args:
        settings: Settings given in code. They are used as they are, also when a run starts. Without
            them, and without the last five arguments, each run reads the environment when it
            starts.
        accounts: Several accounts by name. A value is the account's settings, or the environment
            variable that has its API token. The name is added to asset keys (`acme/deals`), to the
            names of jobs, schedules and sensors (`pipedrive_acme_daily`), and to resource keys
            (`duckdb_acme`). Each account has its own warehouse.
        key_prefix: Prefix of all asset keys.
        name_prefix: Prefix of the names of jobs, schedules and sensors.
        pipedrive_key: Resource key of the Pipedrive account.
        warehouse_key: Resource key of the warehouse.
        executor: Executor of the definitions. Default: that of `PIPEDRIVE_EXECUTOR` for our jobs if
            it is set, else the deployment's.
        group_name: One group for all assets, in place of `PIPEDRIVE_ASSET_GROUP`.
        first_partition: The first daily partition, in place of `PIPEDRIVE_FIRST_PARTITION`.
        tables: The tables to load, in place of `PIPEDRIVE_TABLES`.
        owners: Owners of the assets, in place of `PIPEDRIVE_ASSET_OWNERS`.
        tags: Tags of the assets, in place of `PIPEDRIVE_ASSET_TAGS`.

    Raises:
        ConfigurationError: A setting is wrong, or two accounts share a token or a warehouse.
    """
    prefix = (key_prefix,) if isinstance(key_prefix, str) else tuple(key_prefix)
    names = Names(
        key_prefix=prefix, prefix=name_prefix, pipedrive=pipedrive_key, warehouse=warehouse_key
    )
    given = {
        "group_name": group_name,
        "first_partition": first_partition,
        "tables": tables,
        "owners": owners,
        "tags": tags,
    }
    changes = {FIELDS[name]: value for name, value in given.items() if value is not None}
    if accounts is None:
        found = settings or Settings()
        fixed = found.replace(**changes) if changes else found
        resource = account_of(fixed) if settings or changes else PipedriveResource()
        return build(fixed, resource, names=names, executor=executor)
    if settings is not None:
        raise ConfigurationError("Pass either settings or accounts, not both.")
    return dg.Definitions.merge(
        *(
            build(one, account_of(one), names=names.of_account(name), executor=executor)
            for name, one in settings_of_accounts(accounts, **changes).items()
        )
    )


def build(
    settings: Settings,
    pipedrive: PipedriveResource,
    *,
    names: Names = OWN_NAMES,
    executor: dg.ExecutorDefinition | None = None,
) -> dg.Definitions:
    """Return the definitions of one account; uses neither the network nor a disk.

    Args:
        settings: The settings of the account.
        pipedrive: The account as a resource.
        names: The names of the definitions.
        executor: The executor of the definitions; None: that of the settings, else Dagster's.
    """
    chosen = EXECUTORS[settings.executor] if "executor" in settings.model_fields_set else None
    partitions, entities = daily_partitions(settings.first_partition), settings.entities
    job = build_job(entities, names, executor or chosen)
    reconcile_job = build_reconcile_job(executor or chosen, names)
    digest_jobs, digest_schedules = build_digest(settings, names)
    loaded = build_assets(partitions, entities, settings.destination, names)
    assets = [
        with_freshness_policies(loaded, Target.of(settings)),
        build_derived(entities, settings.destination, names),
        build_overview(entities, names),
    ]
    resources: dict[str, Any] = {
        names.pipedrive: pipedrive,
        names.warehouse: WarehouseResource(
            database=str(settings.warehouse),
            destination=settings.destination,
            dataset=settings.dataset,
            read_copy=str(settings.read_copy or ""),
            file_mode=settings.file_mode,
            memory=settings.duckdb_memory,
        ),
    }
    return dg.Definitions(
        assets=[with_owners_and_tags(each, settings) for each in assets],
        jobs=[job, reconcile_job, *digest_jobs],
        schedules=[
            build_schedule(settings, job, names),
            *build_reconcile_schedule(settings, reconcile_job, names),
            *digest_schedules,
        ],
        sensors=[build_sensor(settings, job, names), *build_alerts(settings, names)],
        resources=resources,
        executor=executor,
    )
