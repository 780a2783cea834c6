"""Marks: `_deleted_at` and `_deleted_reason` of rows that are no longer there.

Call every function with the file held.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.load.stale_histories import events_of_marked, expire_histories
from pipedrive_assets.registry import Entity, Kind, children_of
from pipedrive_assets.warehouse.cleanup import note_purge
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS, all_columns
from pipedrive_assets.warehouse.statements import Sql, table, table_exists

Key = tuple[Any, ...]
Reason = Literal["converted", "deleted", "merged", "out_of_view", "unlisted", "vanished"]

VANISHED: Reason = "vanished"
"""No longer listed, and Pipedrive does not say why."""

UNLISTED: Reason = "unlisted"
"""No complete list returns it, although it still answers by its id."""

CONVERTED: Reason = "converted"
"""A lead that became a deal. Such rows are kept whatever PIPEDRIVE_DELETED is."""


def mark(sql: Sql, entity: Entity, gone: Mapping[Key, Reason], moment: datetime) -> None:
    """Mark rows by their keys; those that bear a mark keep it."""
    name = table(sql, entity.name)
    one = " AND ".join(f"{column} = %s" for column in key_columns(sql, entity))
    for reason in sorted(set(gone.values())):
        keys = [key for key, why in gone.items() if why == reason]
        for some in batches(keys, STATEMENT_ROWS):
            these = " OR ".join([f"({one})"] * len(some))
            sql.execute_sql(
                f"UPDATE {name} SET _deleted_at = %s, _deleted_reason = %s "
                f"WHERE _deleted_at IS NULL AND ({these})",
                *(moment, reason, *(value for key in some for value in key)),
            )


def alive_keys(sql: Sql, entity: Entity) -> set[Key]:
    """The keys of all rows without a mark."""
    columns = ", ".join(key_columns(sql, entity))
    rows = sql.execute_sql(
        f"SELECT {columns} FROM {table(sql, entity.name)} WHERE _deleted_at IS NULL"
    )
    return {tuple(row) for row in rows or ()}


def soft_delete_children(sql: Sql, entity: Entity) -> None:
    """Give children the mark of their parent, or take it off with the parent's.

    A child has no mark of its own: a parent's set is replaced as a whole.
    """
    if entity.kind is Kind.CHILD:
        _soft_delete(sql, entity, entity.parent or "")
    for child in children_of(entity.name):
        if table_exists(sql, child.name):
            _soft_delete(sql, child, entity.name)


def _soft_delete(sql: Sql, child: Entity, parent: str) -> None:
    key = sql.escape_column_name(child.key[0])
    sql.execute_sql(
        f"UPDATE {table(sql, child.name)} AS child "
        "SET _deleted_at = parent._deleted_at, _deleted_reason = parent._deleted_reason "
        f"FROM {table(sql, parent)} AS parent WHERE parent.id = child.{key} "
        "AND (child._deleted_at IS DISTINCT FROM parent._deleted_at "
        "OR child._deleted_reason IS DISTINCT FROM parent._deleted_reason)"
    )


def purge(sql: Sql, entity: Entity) -> None:
    """Take marked rows away, with their lists, their children and the events that show them, as if
    never loaded.

    Converted leads stay: they answer how many leads became deals.
    """
    expire_histories(sql, entity)
    for history, events in events_of_marked(sql, entity):
        _delete(sql, history, events)
    gone = f"_deleted_at IS NOT NULL AND _deleted_reason IS DISTINCT FROM '{CONVERTED}'"
    for child in children_of(entity.name):
        if table_exists(sql, child.name):
            purge(sql, child)
        sql.execute_sql(
            f"DELETE FROM {table(sql, '_pipedrive_children')} WHERE entity = %s "
            f"AND parent_id IN (SELECT id FROM {table(sql, entity.name)} WHERE {gone})",
            child.name,
        )
    _delete(sql, entity.name, gone)


def _delete(sql: Sql, name: str, gone: str) -> None:
    """Delete the rows of a table for which `gone` is true, with their lists."""
    rows = f"FROM {table(sql, name)} WHERE {gone}"
    if not sql.execute_sql(f"SELECT 1 {rows} LIMIT 1"):
        return
    # First: a run that is killed in between has the bytes removed by the next one.
    note_purge(sql, name)
    for each in (each for each in all_columns(sql) if each.startswith(f"{name}__")):
        sql.execute_sql(
            f"DELETE FROM {table(sql, each)} WHERE _dlt_root_id IN (SELECT _dlt_id {rows})"
        )
    sql.execute_sql(f"DELETE {rows}")


def key_columns(sql: Sql, entity: Entity) -> list[str]:
    """The key's columns, quoted."""
    return [sql.escape_column_name(name) for name in entity.key]
