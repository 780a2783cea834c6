"""`load`: bring tables up to date, without Dagster."""

import logging
from collections.abc import Sequence

from pipedrive_assets.cli.table_lines import print_lines
from pipedrive_assets.cli.table_names import entities_of
from pipedrive_assets.config import Settings
from pipedrive_assets.connect import caps_of
from pipedrive_assets.extract.unexpected import foreseen
from pipedrive_assets.load import LoadRequest, TableReport, load_tables, raise_failures
from pipedrive_assets.load.attachments.target import AttachmentTarget
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.views.overview_page import draw_page
from pipedrive_assets.warehouse import warehouse_of
from pipedrive_assets.windows import Window, utc_now

log = logging.getLogger(__name__)


def load(tables: Sequence[str], *, full: bool, accept_loss: bool) -> None:
    """Load the given tables, or those of the settings; the window is today (UTC).

    Args:
        tables: Names of tables; empty: those of the settings.
        full: Read each table from the start.
        accept_loss: Mark rows of reference tables as deleted, however many are missing.

    Raises:
        PipedriveError: A table failed; the others are loaded.
    """
    settings = Settings.from_env()
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    request = LoadRequest(
        entities=entities_of(tables, settings),
        window=Window(start=midnight),
        overlap=settings.overlap,
        since=settings.since_timestamp,
        full=full,
        recheck_days=settings.recheck_days,
        recheck_flow_days=settings.recheck_flow_days,
        caps=caps_of(settings),
        purge_deleted=settings.deleted == "purge",
        max_share=settings.reconcile_max_share / 100,
        raw=RawZone.of(settings),
        attachments=AttachmentTarget.of(settings),
        accept_loss=accept_loss,
    )
    reports = print_lines(
        settings,
        "Loading",
        lambda connection, warehouse, watch: load_tables(connection, warehouse, request, watch),
        _line,
    )
    if reports and (tokens := reports[-1].tokens):
        print(tokens)
    _draw_overview(settings, [report.entity.name for report in reports if not report.error])
    raise_failures(reports)


def _draw_overview(settings: Settings, loaded: Sequence[str]) -> None:
    """Draw the sales overview; a failure is a warning, because the tables are loaded."""
    warehouse = warehouse_of(settings)
    try:
        folder = settings.warehouse.parent
        path = draw_page(warehouse, folder, loaded, file_mode=settings.file_mode)
    except Exception as error:  # noqa: BLE001 - whatever fails here, the tables are loaded
        log.warning(
            "The sales overview was not drawn (%s). The tables are loaded. The next load draws "
            "it again.",
            foreseen(error, "drawing the sales overview"),
        )
        return
    finally:
        warehouse.close()
    if path:
        print(f"sales_overview: {path}")


def _line(report: TableReport) -> str:
    name = report.entity.name
    if report.skipped:
        return f"{name}: skipped, Pipedrive refuses it: «{report.skipped}»"
    if report.waiting:
        return " ".join(filter(None, (f"{name}: {report.waiting}", report.unread_sentence)))
    loaded = f"{name}: {report.written.loaded} rows loaded, {report.total} in the table"
    more = (*report.warnings, *report.schema_changes, *report.more_sentences)
    return " ".join((f"{loaded}." if more else loaded, *more))
