"""Views `<table>_live`: the rows of a table without those that are marked as deleted.

Their columns are spelled out: a view of `*` breaks in DuckDB as soon as its table gets a column.
"""

from collections.abc import Iterator, Mapping

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.warehouse.statements import Sql, table

NESTED = "__"
"""Between a table and the list in its rows that became a table of its own."""


def live_views(sql: Sql, columns: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Name and query of each; `columns` are those of the tables that exist."""
    for name, held in columns.items():
        root, is_nested, _ = name.partition(NESTED)
        if root not in BY_NAME or "_deleted_at" not in columns.get(root, ()):
            continue
        shown = ", ".join(f"t.{sql.escape_column_name(column)}" for column in held)
        query = f"SELECT {shown} FROM {table(sql, name)} t "
        if is_nested:
            query += f"JOIN {table(sql, root)} r ON r._dlt_id = t.{_link(held)} "
        marked = "r" if is_nested else "t"
        yield f"{name}_live", f"{query}WHERE {marked}._deleted_at IS NULL"


def _link(held: list[str]) -> str:
    """What names the row of the root table: a list within a list has a parent in between."""
    return "_dlt_root_id" if "_dlt_root_id" in held else "_dlt_parent_id"
