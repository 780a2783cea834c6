"""`sales_overview`: charts of the derived tables, as one HTML page and in Dagster's metadata."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from pipedrive_assets.orchestration.automation.partitions import beta_accepted
from pipedrive_assets.orchestration.derived import GROUP, READS, failing_alone
from pipedrive_assets.orchestration.failures import raise_as_failure
from pipedrive_assets.orchestration.known_content import known_content
from pipedrive_assets.orchestration.names import OWN, OWN_NAMES, Names
from pipedrive_assets.orchestration.resources import resources_of
from pipedrive_assets.registry import Entity
from pipedrive_assets.views import Overview, overview
from pipedrive_assets.views.overview_page import (
    FILE,
    SANDBOX_FILE,
    charts_missing,
    known_pages,
    page_path,
    pictures_of,
    renew_page,
    write_page,
)
from pipedrive_assets.views.report.page import Picture
from pipedrive_assets.views.sql import OVERVIEW

DESCRIPTION = f"""Charts of the derived tables. The page `{FILE}` is written beside the warehouse.
It is one HTML file without scripts that you can open, mail or serve. The page of the sandbox's
invented data is `{SANDBOX_FILE}`.

Each materialization replaces the file."""

DRAWN = ("charts_drawn", "charts", "not_drawn")
"""Metadata keys about the charts, which a run that finds the same content reports again."""


def build_overview(entities: Sequence[Entity], names: Names = OWN_NAMES) -> dg.AssetsDefinition:
    """Return the asset, downstream of every derived table.

    Args:
        entities: The entities that are assets.
        names: The names of the assets and the resources.
    """
    there = {entity.name for entity in entities} | set(READS)

    def make(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        return _materialize(context, names)

    with beta_accepted():
        return dg.asset(
            key=names.key(OVERVIEW),
            required_resource_keys=names.resource_keys,
            deps=[names.key(name) for name in READS[OVERVIEW] if name in there],
            description=DESCRIPTION,
            group_name=GROUP,
            kinds={"html"},
            backfill_policy=dg.BackfillPolicy.single_run(),
        )(make)


def _materialize(context: dg.AssetExecutionContext, names: Names) -> dg.MaterializeResult[Any]:
    if why := charts_missing():
        context.log.warning(why)
        return dg.MaterializeResult(metadata={"skipped": why})
    pipedrive, duckdb = resources_of(context, names)
    preview = raise_as_failure(pipedrive.settings).preview
    warehouse = raise_as_failure(duckdb.warehouse)
    folder, prefix = Path(duckdb.database).parent, "" if names.prefix == OWN else f"{names.prefix}_"
    try:
        with failing_alone(context):
            last = known_content(context.instance, [names.key(OVERVIEW)], str(warehouse), preview)
            seen = overview(warehouse, known_pages(folder, prefix) & {last.digest})
            if seen is None:
                return dg.MaterializeResult(metadata={"skipped": "Nothing has been loaded yet."})
            path = page_path(folder, seen, prefix)
            if seen.is_known:
                renew_page(path, seen, file_mode=duckdb.file_mode)
                drawn = last.of(OVERVIEW, DRAWN)
            else:
                pictures = pictures_of(seen, path)
                write_page(path, pictures, seen, file_mode=duckdb.file_mode)
                drawn = _drawn(pictures, seen, preview)
    finally:
        warehouse.close()
    context.log.info("%s: %s", OVERVIEW, path)
    reached = seen.complete_until
    return dg.MaterializeResult(
        metadata={
            "file": dg.MetadataValue.path(str(path)),
            **{name.replace(" ", "_"): number for name, number in seen.headline.items()},
            **drawn,
            **last.content(seen.digest),
            **({"complete_until": dg.MetadataValue.timestamp(reached)} if reached else {}),
        }
    )


def _drawn(pictures: list[Picture], seen: Overview, preview: str) -> dict[str, Any]:
    """Return what the metadata has about the charts, under the keys DRAWN."""
    shown = list(_charts_in_markdown(pictures, seen, preview))
    return {
        "charts_drawn": sum(1 for picture in pictures if picture.svg),
        **({"charts": dg.MetadataValue.md("\n\n".join(shown))} if shown else {}),
        **({"not_drawn": dict(seen.missing)} if seen.missing else {}),
    }


def _charts_in_markdown(pictures: list[Picture], seen: Overview, preview: str) -> Iterator[str]:
    """The charts as Markdown; those that name people only if previews may show names."""
    for picture in pictures:
        hidden = picture.chart.personal and preview != "full" and not seen.invented
        if picture.svg and not hidden and preview != "off":
            data = base64.b64encode(picture.svg.encode()).decode()
            title = picture.chart.title
            note = f"\n\n{picture.note}" if picture.note else ""
            yield f"**{title}**\n\n![{title}](data:image/svg+xml;base64,{data}){note}"
