"""`reconcile`: find what no change date shows, deletions above all."""

import argparse
from typing import TYPE_CHECKING

from pipedrive_assets.cli.command import Command
from pipedrive_assets.cli.load import chosen
from pipedrive_assets.config import Settings

if TYPE_CHECKING:
    from pipedrive_assets.load import TableReport


def reconcile_tables(arguments: argparse.Namespace) -> None:
    """Reconcile with the settings found, a line per table."""
    from pipedrive_assets.cli.table_lines import print_lines
    from pipedrive_assets.connect import caps_of
    from pipedrive_assets.load import (
        ReconcileRequest,
        children_to_read_again,
        raise_failures,
        reconcilable,
        reconcile_tables,
    )

    settings = Settings.from_env()
    entities = chosen(arguments.tables, settings)
    entities = entities if arguments.tables else reconcilable(entities)
    again = children_to_read_again(entities, settings.entities) if arguments.children else ()
    request = ReconcileRequest(
        entities=entities,
        children=again,
        caps=caps_of(settings),
        max_share=settings.reconcile_max_share,
        accept_loss=arguments.accept_loss,
        purge_deleted=settings.purge_deleted,
        since=settings.since,
    )
    reports = print_lines(
        settings,
        "Reconciling",
        lambda connection, warehouse, watch: reconcile_tables(
            connection, warehouse, request, watch
        ),
        _line,
    )
    raise_failures(reports)


def _line(report: "TableReport") -> str:
    if report.skipped:
        return f"{report.entity.name}: skipped: {report.skipped}"
    if report.waiting:
        return f"{report.entity.name}: {report.waiting}"
    done = (
        f"{report.entity.name}: {report.written.loaded} rows loaded, "
        f"{report.written.marked_deleted} marked as deleted "
        f"({report.tally.tokens} tokens): {report.what}"
    )
    return " ".join([done, *report.warnings])


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tables", nargs="*", metavar="table", help="default: all loaded by windows")
    parser.add_argument(
        "--children",
        action="store_true",
        help="also read every deal's participants, products and the like again (10 tokens a call)",
    )
    parser.add_argument(
        "--accept-loss", action="store_true", help="mark rows however many have vanished"
    )


COMMAND = Command(
    name="reconcile",
    help="walk every list, load what is missing, mark what is deleted, merged or out of view",
    run=reconcile_tables,
    options=_options,
    alerts=True,
)
