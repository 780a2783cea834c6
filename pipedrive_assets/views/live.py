"""Views `<table>_live`: the rows of a table that are not marked as deleted.

Their queries list all columns: in DuckDB a view with `*` fails as soon as its table gets a column.
"""

from collections.abc import Iterator, Mapping

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.warehouse.statements import Sql, table

NESTED = "__"
"""Separates the names of a table and a list in the name of a list table."""


def live_views(sql: Sql, columns: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Yield the name and the query of each view.

    Args:
        sql: The warehouse.
        columns: The columns of each table that exists.

    Yields:
        Name and query, in the SQL of the warehouse.
    """
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
    """Return the column that refers to the row of the root table, not to a list in between."""
    return "_dlt_root_id" if "_dlt_root_id" in held else "_dlt_parent_id"
