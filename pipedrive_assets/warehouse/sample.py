"""A sample of a table: its newest change, and a few of its rows."""

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
"""Columns that tell when a row changed, the best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSample:
    """`newest_change` is UTC, None where no column tells; `rows` hold the newest, living ones,
    without JSON and without our own columns.
    """

    newest_change: datetime | None = None
    columns: Mapping[str, Column]
    rows: Sequence[Sequence[Any]] = ()


def sample_rows(
    warehouse: Warehouse, entity: Entity, custom: FieldSet | None, *, rows: int
) -> TableSample:
    """Look at a table with the custom fields it has; at `rows` of its rows.

    Raises WarehouseError.
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
    """Rows without a date come last, in every warehouse."""
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
