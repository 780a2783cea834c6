"""The assets: one per entity of the registry, all loaded by one step that scans them in parallel.

A step per entity would read one list after the other. One step uses the account's burst limit in
full, reads reference tables once per run, and shares what one table learns (limits, refusals, an
exhausted token budget). You still select and materialize each asset separately.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg

from pipedrive_assets.config import FILE_DESTINATION, Settings
from pipedrive_assets.connect import caps_of
from pipedrive_assets.errors import raise_alone
from pipedrive_assets.extract.unexpected import foreseen
from pipedrive_assets.load import LoadRequest, TableReport, load_tables, raise_failures
from pipedrive_assets.load.attachments.target import AttachmentTarget
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.load.schema_alert import post_schema_changes
from pipedrive_assets.orchestration.automation.alerts import send_alert
from pipedrive_assets.orchestration.automation.backfill_events import covered_days, record_covered
from pipedrive_assets.orchestration.automation.last_materialization import closed_until, facts_of
from pipedrive_assets.orchestration.automation.partitions import beta_accepted, window_of
from pipedrive_assets.orchestration.automation.run_tags import note_failure, note_start
from pipedrive_assets.orchestration.automation.target import Target
from pipedrive_assets.orchestration.checks import check_results, check_specs
from pipedrive_assets.orchestration.failures import (
    failure,
    log_stop,
    of_ours,
    raise_as_failure,
)
from pipedrive_assets.orchestration.metadata import metadata, sample_facts, schema_facts, sentence
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.orchestration.resources import resources_of
from pipedrive_assets.orchestration.translator import specs
from pipedrive_assets.registry import DEFAULT_ENTITIES, Entity
from pipedrive_assets.windows import utc_now


class LoadConfig(dg.Config):
    """Run config of the load step, as shown in the Launchpad."""

    full: bool = False
    """Read every list from its start. Rows that are already loaded stay readable."""

    accept_loss: bool = False
    """Accept lost rows that an earlier run did not remove: rows of reference tables, however many
    are missing, and child records that Pipedrive no longer returns although their deal counts
    them."""

    newest: bool = True
    """Also read what no time window returns: new rows without a change date (one more call for each
    table that has them), and children that changed without their deal (some deals each day)."""


def build_assets(
    partitions: dg.PartitionsDefinition,
    entities: Sequence[Entity] = DEFAULT_ENTITIES,
    destination: str = FILE_DESTINATION,
    names: Names = OWN_NAMES,
) -> dg.AssetsDefinition:
    """Return one multi-asset with an asset per entity.

    Args:
        partitions: The daily partitions of all assets.
        entities: The entities to load.
        destination: dlt's name of the destination, shown as the assets' kind.
        names: The names of the assets, the step and the resources.
    """

    def load(
        context: dg.AssetExecutionContext, config: LoadConfig
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with log_stop(context.log):
            yield from _materialize(context, config, names)

    with beta_accepted():
        return dg.multi_asset(
            name=names.load_step,
            specs=specs(entities, destination, names),
            check_specs=check_specs(entities, names),
            required_resource_keys=names.resource_keys,
            can_subset=True,
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )(load)


def _materialize(
    context: dg.AssetExecutionContext, config: LoadConfig, names: Names
) -> Iterator[dg.MaterializeResult[Any]]:
    pipedrive, duckdb = resources_of(context, names)
    settings = raise_as_failure(pipedrive.settings)
    request = _request(context, config, settings)
    warehouse = raise_as_failure(duckdb.warehouse)
    note_start(context, str(warehouse))
    notes = _Notes(context, Target.of(settings, str(warehouse), names), request)
    reports: list[TableReport] = []
    try:
        connection, watch = raise_as_failure(pipedrive.connect), pipedrive.watch(context.log)
        for report in load_tables(connection, warehouse, request, watch):
            reports.append(report)
            context.log.info(sentence(report))
            _note_schema_changes(context, report, names)
            if not report.error:
                yield dg.MaterializeResult(
                    asset_key=names.key(report.entity.name),
                    metadata=_facts(
                        context,
                        report,
                        {
                            "metadata": partial(notes.on, report),
                            "preview": partial(sample_facts, warehouse, report, settings.preview),
                            "table schema": partial(schema_facts, report),
                        },
                    ),
                    check_results=check_results(
                        context, warehouse, report, notes.target, utc_now()
                    ),
                )
        raise_failures(reports)
    except Exception as caught:  # noqa: BLE001 - a bug ends the step with a sentence
        error = of_ours(caught, "loading tables")
        loaded = {report.entity.name for report in reports if not report.error}
        note_failure(context, error, unloaded=_selected(context) - loaded, names=names)
        send_alert(context.run, settings, error)
        raise_alone(failure(error))
    finally:
        warehouse.close()
        post_schema_changes(settings, reports)


def _note_schema_changes(
    context: dg.AssetExecutionContext, report: TableReport, names: Names
) -> None:
    """Record changed fields as an event of their own, which Dagster lists with the asset."""
    if report.schema_changes:
        context.log_event(
            dg.AssetObservation(
                names.key(report.entity.name),
                description="The fields of this table have changed in Pipedrive.",
                metadata={"schema_changes": list(report.schema_changes)},
            )
        )


def _facts(
    context: dg.AssetExecutionContext,
    report: TableReport,
    parts: Mapping[str, Callable[[], dict[str, Any]]],
) -> dict[str, Any]:
    """Return a table's metadata; a part that fails is listed and does not fail the table."""
    facts: dict[str, Any] = {}
    failed: list[str] = []
    for name, make in parts.items():
        with _noted(name, failed):
            facts |= make()
    if failed:
        facts["not_determined"] = ", ".join(failed)
        context.log.warning(
            "%s: the rows are loaded, but the metadata lacks: %s.",
            *(report.entity.name, facts["not_determined"]),
        )
    return facts


@contextlib.contextmanager
def _noted(name: str, failed: list[str]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the rows are loaded, whatever fails here
        failed.append(f"{name} ({type(error).__name__})")
        foreseen(error, f"determining the {name}")


def _request(
    context: dg.AssetExecutionContext, config: LoadConfig, settings: Settings
) -> LoadRequest:
    return LoadRequest(
        entities=settings.named(_selected(context)),
        window=window_of(context.partition_time_window),
        overlap=settings.overlap,
        since=settings.since_timestamp,
        full=config.full,
        newest=config.newest,
        recheck_days=settings.recheck_days if config.newest else None,
        recheck_flow_days=settings.recheck_flow_days if config.newest else None,
        caps=caps_of(settings),
        run_id=context.run.run_id,
        purge_deleted=settings.deleted == "purge",
        max_share=settings.reconcile_max_share / 100,
        raw=RawZone.of(settings),
        attachments=AttachmentTarget.of(settings),
        accept_loss=config.accept_loss,
    )


def _selected(context: dg.AssetExecutionContext) -> set[str]:
    return {key.path[-1] for key in context.selected_asset_keys}


class _Notes:
    """Metadata that depends on the previous materialization of a table."""

    def __init__(
        self, context: dg.AssetExecutionContext, target: Target, request: LoadRequest
    ) -> None:
        self.target = target
        self._context, self._request = context, request
        self._before = facts_of(context.instance, target)

    def on(self, report: TableReport) -> dict[str, Any]:
        """Return a table's metadata, and record the days that its load covered besides its own."""
        before, window = self._before.get(report.entity.name), self._request.window
        covered = covered_days(before, report, window)
        recorded = record_covered(
            self._context.instance,
            report,
            covered,
            key=self.target.names.key(report.entity.name),
            run_id=self._context.run.run_id,
        )
        closed = closed_until(before, report, window, whole=self._request.newest)
        more = {"days_covered": recorded} if recorded else {}
        return {**metadata(report, closed_until=closed), **more}
