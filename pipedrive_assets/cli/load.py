"""`load`: bring tables up to now, without Dagster."""

import argparse
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipedrive_assets.cli.command import Command
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.extract.unexpected import foreseen
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.windows import Window, utc_now

if TYPE_CHECKING:
    from pipedrive_assets.load import TableReport

log = logging.getLogger(__name__)


def load_tables(arguments: argparse.Namespace) -> None:
    """Load with the settings found; today's window."""
    from pipedrive_assets.cli.table_lines import print_lines
    from pipedrive_assets.connect import caps_of
    from pipedrive_assets.load import LoadRequest, load_tables, raise_failures

    settings = Settings.from_env()
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    request = LoadRequest(
        entities=chosen(arguments.tables, settings),
        window=Window(start=midnight),
        overlap=settings.overlap,
        since=settings.since,
        full=arguments.full,
        recheck_days=settings.recheck_days,
        recheck_flow_days=settings.recheck_flow_days,
        caps=caps_of(settings),
        purge_deleted=settings.purge_deleted,
        max_share=settings.reconcile_max_share,
        accept_loss=arguments.accept_loss,
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
    """Draw the sales overview; a failure is a warning, for the tables are loaded."""
    from pipedrive_assets.views.overview_page import draw_page
    from pipedrive_assets.warehouse import warehouse_of

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


def _line(report: "TableReport") -> str:
    name = report.entity.name
    if report.skipped:
        return f"{name}: skipped, Pipedrive refuses it: «{report.skipped}»"
    if report.waiting:
        return " ".join(filter(None, (f"{name}: {report.waiting}", report.unread_sentence)))
    loaded = f"{name}: {report.written.loaded} rows loaded, {report.total} in the table"
    return " ".join(filter(None, (loaded, *report.warnings, report.unread_sentence)))


def chosen(names: Sequence[str], settings: Settings) -> tuple[Entity, ...]:
    """The tables typed, optional ones too; none typed: those of the settings."""
    for name in names:
        if name not in BY_NAME:
            raise ConfigurationError(f"There is no table {name!r}. Known: {', '.join(BY_NAME)}.")
    if not names:
        return settings.entities
    return settings.named(names)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tables", nargs="*", metavar="table", help="default: all")
    parser.add_argument(
        "--full", action="store_true", help="walk everything again; rows held stay readable"
    )
    parser.add_argument(
        "--accept-loss",
        action="store_true",
        help="mark rows of reference tables however many are no longer listed",
    )


COMMAND = Command(
    name="load",
    help="bring tables up to now, without Dagster",
    run=load_tables,
    options=_options,
    alerts=True,
)
