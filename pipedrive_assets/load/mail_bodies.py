"""Bodies of emails that Pipedrive leaves out of a reply: kept if loaded, counted, read again.

A body is missing if `has_body_flag` is set and `body` is null. Emails of erased persons have
neither subject nor snippet, and do not count. Callers hold the warehouse lock.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.registry import Entity
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import (
    Sql,
    columns_in,
    placeholders,
    table,
    table_exists,
)
from pipedrive_assets.warehouse.warehouse import Warehouse

BODY = "body"
AGAIN_AFTER = timedelta(hours=20)
"""How long after a reading a missing body is requested again: by the first run of the next day."""

Row = dict[str, Any]


def keep_loaded(
    warehouse: Warehouse, entity: Entity, rows: list[tuple[int, Row]]
) -> list[tuple[int, Row]]:
    """Fill bodies that a reply lacks with those that the table has.

    Args:
        warehouse: The warehouse.
        entity: The table that is loaded.
        rows: Rows as Pipedrive returned them, each with the id of its parent.

    Returns:
        The rows, in their order.
    """
    # A hash of a hash would not be the hash of the body.
    keeps = entity.has_bodies and BODY not in entity.hashed
    lacking = {parent for parent, row in rows if not row.get(BODY)} if keeps else set()
    if not lacking:
        return rows
    with warehouse.sql() as sql:
        held = _bodies(sql, entity, sorted(lacking))
    return [
        (parent, {**row, BODY: row.get(BODY) or held.get((parent, row.get("id")))})
        for parent, row in rows
    ]


def _bodies(sql: Sql, entity: Entity, parents: Sequence[int]) -> dict[tuple[Any, Any], str]:
    if not table_exists(sql, entity.name) or BODY not in columns_in(sql, entity.name):
        return {}
    key = sql.escape_column_name(entity.key[0])
    return {
        (parent, mail): body
        for some in batches(parents, STATEMENT_ROWS)
        for parent, mail, body in sql.execute_sql(
            f"SELECT {key}, id, {BODY} FROM {table(sql, entity.name)} "
            f"WHERE {BODY} IS NOT NULL AND {key} IN ({placeholders(some)})",
            *some,
        )
        or ()
    }


def _missing(sql: Sql, entity: Entity) -> str:
    """Return a FROM clause with the rows whose body is missing; empty if there is no table."""
    if not entity.has_bodies or not table_exists(sql, entity.name):
        return ""
    is_null = f"{BODY} IS NULL" if BODY in columns_in(sql, entity.name) else "TRUE"
    return (
        f"FROM {table(sql, entity.name)} WHERE {is_null} AND has_body_flag "
        "AND (subject IS NOT NULL OR snippet IS NOT NULL) AND _deleted_at IS NULL"
    )


def count_missing(sql: Sql, entity: Entity) -> int:
    """Return the number of emails without a body that have one in Pipedrive."""
    rows = sql.execute_sql(f"SELECT count(*) {found}") if (found := _missing(sql, entity)) else ()
    return int(rows[0][0]) if rows else 0


def warning_of(entity: Entity, missing: int) -> str:
    """Return the warning for emails without a body."""
    return (
        f"Pipedrive returned no body for {missing:,} emails of {entity.name} that have one. Their "
        "rows are loaded without it, and loaded bodies are kept. The first load of each day "
        "requests them again."
    )


def is_due(sql: Sql, entity: Entity, now: datetime) -> str:
    """Return SQL for whether a parent has emails whose bodies have to be requested again.

    Args:
        sql: The warehouse.
        entity: The table.
        now: Pipedrive's clock, UTC.

    Returns:
        A condition on a parent `p` whose emails were last read at `c.read_at`.
    """
    found = _missing(sql, entity)
    if not found:
        return "FALSE"
    key = sql.escape_column_name(entity.key[0])
    moment = (now - AGAIN_AFTER).isoformat()
    return (
        f"(p._deleted_at IS NULL AND coalesce(c.read_at < TIMESTAMPTZ '{moment}', FALSE) "
        f"AND p.id IN (SELECT {key} {found}))"
    )
