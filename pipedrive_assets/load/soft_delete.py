"""Soft deletes: `_deleted_at` and `_deleted_reason` of rows that Pipedrive no longer has.

Callers of this module hold the warehouse lock.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.load.attachments.erase import erase_where
from pipedrive_assets.load.stale_histories import events_of_marked, expire_histories
from pipedrive_assets.registry import BY_NAME, Entity, Kind, children_of
from pipedrive_assets.warehouse.cleanup import note_purge
from pipedrive_assets.warehouse.history.versions import delete_versions
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS, all_columns
from pipedrive_assets.warehouse.statements import Sql, table, table_exists

Key = tuple[Any, ...]
Reason = Literal[
    "converted", "deleted", "filtered", "merged", "out_of_view", "unlisted", "vanished"
]

VANISHED: Reason = "vanished"
"""The row is no longer listed, and Pipedrive does not return a reason."""

UNLISTED: Reason = "unlisted"
"""No complete list returns the row, although a request by its id does."""

FILTERED: Reason = "filtered"
"""The row no longer fulfils PIPEDRIVE_ROW_FILTER. It has the values that it had before."""

CONVERTED: Reason = "converted"
"""The lead was converted to a deal. Such rows are kept whatever PIPEDRIVE_DELETED is."""


def mark(sql: Sql, entity: Entity, gone: Mapping[Key, Reason], moment: datetime) -> None:
    """Mark rows as deleted; rows that are already marked do not change.

    Args:
        sql: The warehouse.
        entity: The table.
        gone: The reason by primary key of each row.
        moment: The value for `_deleted_at`, UTC.
    """
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
    """Return the primary keys of all rows that are not marked as deleted."""
    columns = ", ".join(key_columns(sql, entity))
    rows = sql.execute_sql(
        f"SELECT {columns} FROM {table(sql, entity.name)} WHERE _deleted_at IS NULL"
    )
    return {tuple(row) for row in rows or ()}


def soft_delete_children(sql: Sql, entity: Entity) -> None:
    """Copy the mark of each parent to its children, or remove it from them.

    Children are never marked on their own: the children of a parent are replaced as a set.

    Args:
        sql: The warehouse.
        entity: The table that changed, as a child table or a parent table.
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
    """Delete marked rows with their lists, their children, and the history events that embed them.

    Converted leads stay: they show how many leads became deals.

    Args:
        sql: The warehouse.
        entity: The table.
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
        # A history has children, too, that the parent no longer had.
        past = f"IN (SELECT id FROM {table(sql, entity.name)} WHERE {gone})"
        delete_versions(sql, child, f"{sql.escape_column_name(child.key[0])} {past}")
    _delete(sql, entity.name, gone)


def _delete(sql: Sql, name: str, gone: str) -> None:
    """Delete the rows of a table for which `gone` is true, with their lists."""
    rows = f"FROM {table(sql, name)} WHERE {gone}"
    if not sql.execute_sql(f"SELECT 1 {rows} LIMIT 1"):
        return
    # Noted first: if this run is killed, the next one removes the bytes from the file.
    note_purge(sql, name)
    if name == "files":
        erase_where(sql, gone)
    key = ", ".join(key_columns(sql, BY_NAME[name]))
    delete_versions(sql, BY_NAME[name], f"({key}) IN (SELECT {key} {rows})")
    for each in (each for each in all_columns(sql) if each.startswith(f"{name}__")):
        sql.execute_sql(
            f"DELETE FROM {table(sql, each)} WHERE _dlt_root_id IN (SELECT _dlt_id {rows})"
        )
    sql.execute_sql(f"DELETE {rows}")


def key_columns(sql: Sql, entity: Entity) -> list[str]:
    """Return the columns of the primary key, quoted for SQL."""
    return [sql.escape_column_name(name) for name in entity.key]
