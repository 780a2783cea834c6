"""`reconcile`: find what no update time shows, above all deletions."""

from collections.abc import Sequence

from pipedrive_assets.cli.table_lines import print_lines
from pipedrive_assets.cli.table_names import entities_of
from pipedrive_assets.config import Settings
from pipedrive_assets.connect import caps_of
from pipedrive_assets.load import (
    ReconcileRequest,
    TableReport,
    children_to_read_again,
    raise_failures,
    reconcilable,
    reconcile_tables,
)
from pipedrive_assets.load.raw_zone import RawZone


def reconcile(tables: Sequence[str], *, children: bool, accept_loss: bool) -> None:
    """Reconcile the given tables, or those of the settings that are loaded incrementally.

    Args:
        tables: Names of tables; empty: those of the settings.
        children: Read the child records of every parent again.
        accept_loss: Mark rows as deleted, however many are missing.

    Raises:
        PipedriveError: A table failed; the others are reconciled.
    """
    settings = Settings.from_env()
    entities = entities_of(tables, settings)
    entities = entities if tables else reconcilable(entities)
    again = children_to_read_again(entities, settings.entities) if children else ()
    request = ReconcileRequest(
        entities=entities,
        children=again,
        caps=caps_of(settings),
        max_share=settings.reconcile_max_share / 100,
        raw=RawZone.of(settings),
        accept_loss=accept_loss,
        purge_deleted=settings.deleted == "purge",
        since=settings.since_timestamp,
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


def _line(report: TableReport) -> str:
    if report.skipped:
        return f"{report.entity.name}: skipped: {report.skipped}"
    if report.waiting:
        return f"{report.entity.name}: {report.waiting}"
    done = (
        f"{report.entity.name}: {report.written.loaded} rows loaded, "
        f"{report.written.marked_deleted} marked as deleted "
        f"({report.stats.tokens} tokens): {report.what}"
    )
    return " ".join([done, *report.warnings, *report.schema_changes])
