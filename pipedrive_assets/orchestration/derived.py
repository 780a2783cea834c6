"""The derived tables as assets, downstream of the tables they read. They send no request to
Pipedrive.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dagster as dg

from pipedrive_assets.config import FILE_DESTINATION
from pipedrive_assets.errors import raise_alone
from pipedrive_assets.orchestration.automation.partitions import beta_accepted
from pipedrive_assets.orchestration.automation.runs import FAILED_TAG
from pipedrive_assets.orchestration.failures import failure, of_ours, raise_as_failure
from pipedrive_assets.orchestration.hygiene_checks import (
    ASSET,
    RULES_KEY,
    hygiene_check_results,
    hygiene_check_specs,
    reported_rules,
    rules_metadata,
)
from pipedrive_assets.orchestration.known_content import KnownContent, known_content
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.orchestration.preview import as_table
from pipedrive_assets.orchestration.resources import resources_of
from pipedrive_assets.orchestration.table_schema import table_schema
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.redaction import is_fixed
from pipedrive_assets.views import Derivation, RuleResult, derive, derive_with_rules
from pipedrive_assets.views.sql import DERIVED_TABLES, OVERVIEW, DerivedTable
from pipedrive_assets.warehouse import Warehouse

GROUP = "sales"
PREVIEW_ROWS = 10

READS: Mapping[str, tuple[str, ...]] = {
    **{table.name: tuple(dict.fromkeys((*table.reads, *table.needs))) for table in DERIVED_TABLES},
    OVERVIEW: ("deals", *(table.name for table in DERIVED_TABLES)),
}
"""What each derived asset reads, also through another derived table."""


def build_derived(
    entities: Sequence[Entity], destination: str = FILE_DESTINATION, names: Names = OWN_NAMES
) -> dg.AssetsDefinition:
    """Return one multi-asset with an asset per derived table.

    The assets have no partitions: a view always shows what its inputs hold now.

    Args:
        entities: The entities that are assets.
        destination: dlt's name of the destination, shown as the assets' kind.
        names: The names of the assets, the step and the resources.
    """

    def make(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        yield from _materialize(context, names)

    with beta_accepted():
        return dg.multi_asset(
            name=names.step("derived"),
            required_resource_keys=names.resource_keys,
            specs=[_spec(table, entities, destination, names) for table in DERIVED_TABLES],
            check_specs=hygiene_check_specs(names),
            can_subset=True,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )(make)


def _spec(
    table: DerivedTable, entities: Sequence[Entity], destination: str, names: Names
) -> dg.AssetSpec:
    there = {entity.name for entity in entities} | set(READS)
    return dg.AssetSpec(
        key=names.key(table.name),
        deps=[names.key(name) for name in READS[table.name] if name in there],
        description=f"{table.description}\n\nA view of its input tables; costs no API tokens.",
        group_name=GROUP,
        kinds={destination, "sql"},
        metadata={
            "query": dg.MetadataValue.md(f"```sql\n{table.query}\n```"),
            "dagster/column_schema": table_schema(table.columns),
        },
    )


def _materialize(
    context: dg.AssetExecutionContext, names: Names
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    pipedrive, duckdb = resources_of(context, names)
    preview = raise_as_failure(pipedrive.settings).preview
    warehouse = raise_as_failure(duckdb.warehouse)
    asked = {key.name for key in context.selected_asset_check_keys}
    keys = {*context.selected_asset_keys, *((names.key(ASSET),) if asked else ())}
    try:
        with failing_alone(context):
            last = known_content(context.instance, keys, str(warehouse), preview)
            found, rules = _derive(context, warehouse, last, checked=bool(asked))
            for derivation in found:
                context.log.info(sentence(derivation))
                name = derivation.table.name
                yield dg.MaterializeResult(
                    asset_key=names.key(name),
                    metadata={
                        **metadata(derivation, str(warehouse), preview),
                        **last.content(derivation.digest),
                        **(rules_metadata(rules) if name == ASSET else {}),
                        **(_recalled(last, name) if derivation.is_known else {}),
                    },
                )
            yield from hygiene_check_results(rules, asked, names)
    finally:
        warehouse.close()


def _derive(
    context: dg.AssetExecutionContext, warehouse: Warehouse, last: KnownContent, *, checked: bool
) -> tuple[list[Derivation], list[RuleResult]]:
    """Read the selected tables and, if a check is selected, the results of the rules.

    What the last materializations reported about the same content is not computed again.
    """
    wanted = {key.path[-1] for key in context.selected_asset_keys}
    chosen = [table for table in DERIVED_TABLES if table.name in wanted]
    if not checked:
        found = derive(warehouse, chosen, most_rows=PREVIEW_ROWS, known=last.digest)
        return [_with_rows(each, last) for each in found], []
    known = last.digest if last.of(ASSET, [RULES_KEY]) else ""
    found, rules = derive_with_rules(warehouse, chosen, most_rows=PREVIEW_ROWS, known=known)
    return [_with_rows(each, last) for each in found], rules or reported_rules(
        last.of(ASSET, [RULES_KEY])
    )


def _with_rows(derivation: Derivation, last: KnownContent) -> Derivation:
    """Return the derivation with the number of rows that is known of the same content."""
    rows = last.of(derivation.table.name, ["rows_in_table"]) if derivation.is_known else {}
    return replace(derivation, rows=rows["rows_in_table"].value) if rows else derivation


def _recalled(last: KnownContent, name: str) -> dict[str, Any]:
    """Return what is reported again of the same content; durations in a preview are as of then."""
    facts = last.of(name, ("preview", "preview_as_of", RULES_KEY))
    reached = last.of(name, ["complete_until"])
    if "preview" in facts and reached:
        facts.setdefault("preview_as_of", reached["complete_until"])
    return facts


@contextmanager
def failing_alone(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Attribute a failure to the selected assets, so that automation does not retry all tables."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a bug ends the step with a sentence
        names = ",".join(sorted(key.path[-1] for key in context.selected_asset_keys))
        context.instance.add_run_tags(context.run.run_id, {FAILED_TAG: names})
        raise_alone(failure(of_ours(error, f"making {names}")))


def sentence(derivation: Derivation) -> str:
    """Return the log line of a derived table."""
    if derivation.missing:
        return f"{derivation.table.name}: not created. {derivation.missing}"
    return f"{derivation.table.name}: {derivation.rows} rows"


def metadata(derivation: Derivation, warehouse: str, preview: str) -> dict[str, Any]:
    """Return the metadata of a materialization.

    Args:
        derivation: The derived table; without its inputs the metadata has `skipped`.
        warehouse: The name of the warehouse.
        preview: The setting PIPEDRIVE_PREVIEW: masked, full or off.
    """
    based_on = {
        name: f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "first load not finished"
        for name, moment in derivation.based_on.items()
    }
    reached = derivation.complete_until
    facts: dict[str, Any] = {
        "based_on": based_on,
        "deals_without_history": derivation.deals_without_history,
        "warehouse": warehouse,
        **({"complete_until": dg.MetadataValue.timestamp(reached)} if reached else {}),
    }
    if derivation.missing:
        return {"skipped": derivation.missing, **facts}
    shown = _preview(derivation, preview)
    return {
        "rows_in_table": derivation.rows,
        "dagster/row_count": derivation.rows,
        "dagster/table_name": f"{warehouse.rpartition(':')[2]}.{derivation.table.name}",
        **({"preview": dg.MetadataValue.md(shown)} if shown else {}),
        **facts,
    }


def _preview(derivation: Derivation, preview: str) -> str | None:
    """Return the preview that the setting allows; invented data is never masked."""
    columns = derivation.table.columns
    masked = preview == "masked" and not derivation.is_sandbox

    def is_masked(name: str, value: Any) -> bool:
        is_text = isinstance(value, str) and not is_fixed(name, value)
        return masked and (columns[name].personal or is_text)

    return None if preview == "off" else as_table(columns, derivation.content, is_masked)


def derived_from(tables: Collection[str]) -> list[str]:
    """Return the names of all derived assets downstream of these tables."""
    reached = set(tables)
    for name, reads in READS.items():
        if reached & set(reads):
            reached.add(name)
    return [name for name in READS if name in reached and name not in tables]


def with_derived(request: dg.RunRequest, names: Names = OWN_NAMES) -> dg.RunRequest:
    """Return the run that was requested, with the derived assets of its tables."""
    tables = [key.path[-1] for key in request.asset_selection or ()]
    wanted = (*tables, *derived_from(tables))
    return request.with_replaced_attrs(asset_selection=[names.key(name) for name in wanted])
