"""Keeps the values of columns that were not requested from Pipedrive.

Callers of this module hold the warehouse lock.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from pipedrive_assets.extract.chunk import Row, batches
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.normalize import COERCION_FAILED_SUFFIX
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import Sql, columns_in, in_clause, table, table_exists


def with_held(sql: Sql, entity: Entity, rows: Sequence[Row], names: Iterable[str]) -> list[Row]:
    """Complete rows that were read without some of their fields.

    Args:
        sql: The warehouse.
        entity: The table; its primary key is `id`.
        rows: Rows as Pipedrive returned them.
        names: The fields that were not requested.

    Returns:
        The rows, with the values of these fields from the table. Rows that the table does not
        have lack the fields.
    """
    if not names or not rows or not table_exists(sql, entity.name):
        return list(rows)
    lists = [name for name in names if name in columns_of(entity.name).lists]
    columns = columns_in(sql, entity.name)
    held = {
        column
        for name in names
        for column in (name, f"{name}{COERCION_FAILED_SUFFIX}")
        if column in columns
    }
    found: dict[Any, Row] = {}
    for some in batches(sorted({row["id"] for row in rows}), STATEMENT_ROWS):
        if held:
            found |= _columns(sql, entity, some, sorted(held))
        for name in lists:
            for key, items in _items(sql, entity, some, name).items():
                found.setdefault(key, {})[name] = items
    return [{**found.get(row["id"], {}), **row} for row in rows]


def _columns(sql: Sql, entity: Entity, keys: list[Any], names: list[str]) -> dict[Any, Row]:
    shown = ", ".join(sql.escape_column_name(name) for name in names)
    these, values = in_clause(keys)
    rows = sql.execute_sql(
        f"SELECT id, {shown} FROM {table(sql, entity.name)} WHERE id IN ({these})", *values
    )
    return {key: _as_returned(names, held) for key, *held in rows or ()}


def _items(sql: Sql, entity: Entity, keys: list[Any], name: str) -> dict[Any, list[Row]]:
    """Return the items of a list, by the id of their row."""
    items = f"{entity.name}__{name}"
    if not table_exists(sql, items):
        return {}
    names = sorted(each for each in columns_in(sql, items) if not each.startswith("_dlt"))
    shown = ", ".join(f"i.{sql.escape_column_name(each)}" for each in names)
    these, values = in_clause(keys)
    rows = sql.execute_sql(
        f"SELECT r.id, {shown} FROM {table(sql, items)} i "
        f"JOIN {table(sql, entity.name)} r ON r._dlt_id = i._dlt_root_id "
        f"WHERE r.id IN ({these}) ORDER BY r.id, i._dlt_list_idx",
        *values,
    )
    found: dict[Any, list[Row]] = {}
    for key, *held in rows or ():
        found.setdefault(key, []).append(_as_returned(names, held))
    return found


def _as_returned(names: Sequence[str], values: Sequence[Any]) -> Row:
    """Return values in the form in which Pipedrive returns them, without null values."""
    pairs = zip(names, values, strict=True)
    return {name: _timestamp_text(value) for name, value in pairs if value is not None}


def _timestamp_text(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
