"""`export`: tables as Parquet files in a folder or an object store."""

from collections.abc import Sequence

from pipedrive_assets.cli.table_names import entities_of
from pipedrive_assets.config import Settings
from pipedrive_assets.export import ExportRequest
from pipedrive_assets.export import export as export_tables
from pipedrive_assets.windows import utc_now


def export(url: str, tables: Sequence[str], *, is_delta: bool, prune: bool) -> None:
    """Bring an export up to date, and print a line per table.

    Args:
        url: The target.
        tables: The tables; empty: all that the warehouse has.
        is_delta: Whether each table gets a Delta log.
        prune: Whether to remove files of the previous state at once.
    """
    settings = Settings.from_env()
    if tables:
        entities_of(tables, settings)
    request = ExportRequest(url=url, now=utc_now(), tables=tables, is_delta=is_delta, prunes=prune)
    written = kept = 0
    for done in export_tables(settings, request):
        written += done.files_written
        kept += done.files_kept
        if done.files_written:
            print(
                f"{done.name}: {done.rows_written:,} rows in {done.files_written} new "
                f"{'file' if done.files_written == 1 else 'files'}, "
                f"{done.rows:,} rows in the table"
            )
        else:
            print(f"{done.name}: no change, {done.rows:,} rows in the table")
    print(f"{written} files written, {kept} files unchanged.")
