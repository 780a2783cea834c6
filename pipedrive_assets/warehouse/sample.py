"""Samples a table for display: the time of its newest change, and a few of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import Column, columns_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.warehouse.statements import Sql, columns_in, table, table_exists
from pipedrive_assets.warehouse.warehouse import Warehouse

CHANGED = ("update_time", "modified", "time", "timestamp", "add_time", "first_seen_at")
"""Columns with the time when a row changed, in order of preference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSample:
    """A sample of a table.

    Attributes:
        newest_change: When a row changed last, UTC; None if the table is empty or has no such
            column.
        columns: The columns of the sample, by name, without JSON columns and columns that start
            with `_`.
        rows: The newest rows that are not marked as deleted, with a value per column.
    """

    newest_change: datetime | None = None
    columns: Mapping[str, Column]
    rows: Sequence[Sequence[Any]] = ()


def sample_rows(
    warehouse: Warehouse, entity: Entity, custom: FieldSet | None, *, rows: int
) -> TableSample:
    """Read a sample of a table.

    Args:
        warehouse: Where the table is.
        entity: The table.
        custom: The custom fields of the table; None if it has none.
        rows: How many rows to read.

    Returns:
        The sample; without columns and rows if the table does not exist.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    known = {**columns_of(entity.name).columns, **(custom.columns if custom else {})}
    with warehouse.sql() as sql:
        if not table_exists(sql, entity.name):
            return TableSample(columns={})
        held = columns_in(sql, entity.name)
        shown = {
            name: column
            for name, column in known.items()
            if name in held and not name.startswith("_") and column.type != "json"
        }
        changed = next((name for name in (entity.cursor, *CHANGED) if name in shown), None)
        return TableSample(
            newest_change=_newest(sql, entity, changed) if changed else None,
            columns=shown,
            rows=_rows(sql, entity, list(shown), changed, rows) if rows else (),
        )


def _newest(sql: Sql, entity: Entity, changed: str) -> datetime | None:
    column = sql.escape_column_name(changed)
    found = sql.execute_sql(f"SELECT max({column}) FROM {table(sql, entity.name)}")
    newest = found[0][0] if found else None
    return newest.astimezone(timezone.utc) if newest else None


def _rows(
    sql: Sql, entity: Entity, names: Sequence[str], changed: str | None, most: int
) -> Sequence[Sequence[Any]]:
    """Return the newest rows; rows without a time come last in both databases."""
    columns = [sql.escape_column_name(name) for name in names]
    order = [sql.escape_column_name(name) for name in entity.key]
    if changed:
        newest = sql.escape_column_name(changed)
        order = [f"CASE WHEN {newest} IS NULL THEN 1 ELSE 0 END", f"{newest} DESC", *order]
    return (
        sql.execute_sql(
            f"SELECT {', '.join(columns)} FROM {table(sql, entity.name)} "
            f"WHERE _deleted_at IS NULL ORDER BY {', '.join(order)} LIMIT {most}"
        )
        or ()
    )
