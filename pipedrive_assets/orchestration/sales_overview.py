"""`sales_overview`: the derived tables as one HTML page of charts, and its pictures in Dagster."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from pipedrive_assets.derived.charts import CHARTS, Chart
from pipedrive_assets.derived.page import Picture, page
from pipedrive_assets.entities import Entity
from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.orchestration.derived import GROUP, OVERVIEW, READS, failing_alone
from pipedrive_assets.orchestration.failures import or_failure
from pipedrive_assets.orchestration.partitions import beta_accepted
from pipedrive_assets.orchestration.resources import PipedriveResource, WarehouseResource
from pipedrive_assets.source import Overview, overview
from pipedrive_assets.source.private_files import make_file, make_folder
from pipedrive_assets.source.replace_file import replace_file

FILE = "sales_overview.html"
MOST_DAYS = 7
"""A run over more days leaves the pictures out: Dagster would keep them once for each."""

DESCRIPTION = f"""The derived tables at a glance: `{FILE}` beside the warehouse, one page that needs
nothing else and runs nothing, to be opened, mailed or served.

A partition records the state when it was made; the file is replaced each time."""


def build_overview(
    partitions: dg.PartitionsDefinition, entities: Sequence[Entity]
) -> dg.AssetsDefinition:
    """The asset, downstream of every derived table; `entities` are those that are assets."""
    there = {entity.name for entity in entities} | set(READS)
    with beta_accepted():
        return dg.asset(
            name=OVERVIEW,
            deps=[name for name in READS[OVERVIEW] if name in there],
            description=DESCRIPTION,
            group_name=GROUP,
            kinds={"html"},
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )(_materialize)


def _materialize(
    context: dg.AssetExecutionContext, pipedrive: PipedriveResource, duckdb: WarehouseResource
) -> dg.MaterializeResult[Any]:
    preview = or_failure(pipedrive.settings).preview
    warehouse = or_failure(duckdb.warehouse)
    try:
        with failing_alone(context):
            seen = overview(warehouse)
            if seen is None:
                return dg.MaterializeResult(metadata={"skipped": "Nothing was loaded yet."})
            pictures = [_picture(chart, seen) for chart in CHARTS]
            path = Path(duckdb.database).with_name(FILE)
            _write(path, pictures, seen, file_mode=duckdb.file_mode)
    finally:
        warehouse.close()
    context.log.info("%s: %s", OVERVIEW, path)
    shown = [] if len(context.partition_keys) > MOST_DAYS else list(_told(pictures, seen, preview))
    return dg.MaterializeResult(
        metadata={
            "file": dg.MetadataValue.path(str(path)),
            **{name.replace(" ", "_"): number for name, number in seen.headline.items()},
            "charts_drawn": sum(1 for picture in pictures if picture.svg),
            **({"charts": dg.MetadataValue.md("\n\n".join(shown))} if shown else {}),
            **({"not_drawn": dict(seen.missing)} if seen.missing else {}),
            **(
                {"complete_until": dg.MetadataValue.timestamp(seen.complete_until)}
                if seen.complete_until
                else {}
            ),
        }
    )


def _picture(chart: Chart, seen: Overview) -> Picture:
    if chart.name in seen.missing:
        return Picture(chart=chart, missing=seen.missing[chart.name])
    if not (rows := seen.rows[chart.name]):
        return Picture(chart=chart)
    import vl_convert  # noqa: PLC0415 - 90 MB that nothing else needs

    return Picture(chart=chart, rows=rows, svg=vl_convert.vegalite_to_svg(chart.spec(rows)))


def _write(path: Path, pictures: list[Picture], seen: Overview, *, file_mode: int) -> None:
    """Replace the file at once: whoever reads it meanwhile gets the old one whole."""
    text = page(
        seen.account,
        pictures,
        headline=seen.headline,
        until=seen.complete_until,
        invented=seen.invented,
    )
    fresh = path.with_name(f".{path.name}.fresh")
    try:
        make_folder(path.parent, file_mode)
        fresh.unlink(missing_ok=True)
        make_file(fresh, file_mode)
        fresh.write_text(text, "utf-8")
        replace_file(fresh, path)
    except OSError as error:
        raise WarehouseError(
            f"The sales overview could not be written to {path} ({error}). Make room or give this "
            "user the right to write there; the tables are loaded all the same."
        ) from error


def _told(pictures: list[Picture], seen: Overview, preview: str) -> Iterator[str]:
    """The pictures as Markdown; those that name people only where previews may."""
    for picture in pictures:
        hidden = picture.chart.personal and preview != "full" and not seen.invented
        if picture.svg and not hidden and preview != "off":
            data = base64.b64encode(picture.svg.encode()).decode()
            title = picture.chart.title
            yield f"**{title}**\n\n![{title}](data:image/svg+xml;base64,{data})"
