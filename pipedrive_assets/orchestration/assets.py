"""The assets: every entity of the registry, in one step, so that their walks run side by side.

A step per entity would read one list after the other; in one step the account's burst limit is
used in full, the reference tables are read once however many days a run covers, and what one
table learns (limits, refusals, an exhausted budget) holds for all. Each entity is still an
asset of its own: selected, materialized and reported singly.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from pipedrive_assets.api import Caps
from pipedrive_assets.entities import DEFAULT_ENTITIES, Entity
from pipedrive_assets.errors import LoadFailed, PipedriveError
from pipedrive_assets.orchestration.facts import closed_until, facts_of
from pipedrive_assets.orchestration.metadata import metadata, sentence
from pipedrive_assets.orchestration.partitions import beta_accepted, window_of
from pipedrive_assets.orchestration.resources import PipedriveResource, WarehouseResource
from pipedrive_assets.orchestration.runs import note_failure, note_start
from pipedrive_assets.orchestration.target import Target
from pipedrive_assets.orchestration.translator import specs
from pipedrive_assets.source import LoadRequest, TableReport, load_tables, raise_failures
from pipedrive_assets.windows import utc_now


class LoadConfig(dg.Config):
    """Run config of the step, as in the Launchpad."""

    full: bool = False
    """Walk everything again; the rows held stay readable meanwhile."""

    newest: bool = True
    """Also look for what no window shows: new rows without a change date (one more call per table
    that has such), and children that changed without their deal (a share of the deals a day)."""


READABLE = "readable"
"""The check of every table that an account may lack."""


def build_assets(
    partitions: dg.PartitionsDefinition, entities: Sequence[Entity] = DEFAULT_ENTITIES
) -> dg.AssetsDefinition:
    """One multi-asset with an asset per entity."""
    with beta_accepted():
        return dg.multi_asset(
            name="pipedrive",
            specs=specs(entities),
            check_specs=[_readable(entity) for entity in entities if entity.gated],
            can_subset=True,
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )(_materialize)


def _readable(entity: Entity) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=READABLE,
        asset=entity.name,
        description="Warns while Pipedrive refuses the table, as it does without the feature.",
    )


def _materialize(
    context: dg.AssetExecutionContext,
    config: LoadConfig,
    pipedrive: PipedriveResource,
    duckdb: WarehouseResource,
) -> Iterator[dg.MaterializeResult[Any]]:
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    settings = _or_failure(pipedrive.settings)
    request = LoadRequest(
        entities=settings.named(selected),
        window=window_of(context.partition_time_window),
        overlap=settings.overlap,
        since=settings.since,
        full=config.full,
        newest=config.newest,
        recheck_days=settings.recheck_days if config.newest else None,
        caps=Caps(per_run=settings.tokens_per_run, per_day=settings.tokens_per_day),
        run_id=context.run.run_id,
        purge_deleted=settings.purge_deleted,
    )
    warehouse = duckdb.warehouse()
    note_start(context, str(warehouse))
    before = facts_of(context.instance, Target.of(settings, str(warehouse)))

    def closed(report: TableReport) -> date | None:
        known = before.get(report.entity.name)
        return closed_until(known, report, request.window, now=utc_now(), whole=config.newest)

    reports: list[TableReport] = []
    try:
        for report in load_tables(_or_failure(pipedrive.connect), warehouse, request):
            reports.append(report)
            context.log.info(sentence(report))
            if not report.error:
                yield dg.MaterializeResult(
                    asset_key=report.entity.name,
                    metadata={
                        **pipedrive.dlt_metadata(context, report),
                        **metadata(report, closed_until=closed(report)),
                    },
                    check_results=_check_results(context, report),
                )
        raise_failures(reports)
    except PipedriveError as error:
        note_failure(context, error)
        raise failure(error) from None
    finally:
        warehouse.close()


def _check_results(
    context: dg.AssetExecutionContext, report: TableReport
) -> list[dg.AssetCheckResult]:
    key = dg.AssetCheckKey(asset_key=dg.AssetKey(report.entity.name), name=READABLE)
    if key not in context.selected_asset_check_keys:
        return []
    return [
        dg.AssetCheckResult(
            asset_key=report.entity.name,
            check_name=READABLE,
            passed=report.skipped is None,
            severity=dg.AssetCheckSeverity.WARN,
            description=report.skipped,
        )
    ]


def _or_failure(act: Any) -> Any:
    try:
        return act()
    except PipedriveError as error:
        raise failure(error) from None


def failure(error: PipedriveError) -> dg.Failure:
    """The run's end: what failed, why, what to do next.

    Retrying at once would only repeat what was retried already.
    """
    facts: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, LoadFailed):
        facts = {name: named(cause) for name, cause in error.failures.items()}
    return dg.Failure(description=named(error), metadata=facts, allow_retries=False)


def named(error: PipedriveError) -> str:
    """The sentence with the error's name before it; a line per table where several failed."""
    if isinstance(error, LoadFailed):
        return "\n".join(f"{table}: {named(cause)}" for table, cause in error.failures.items())
    return f"{type(error).__name__}: {error}"
