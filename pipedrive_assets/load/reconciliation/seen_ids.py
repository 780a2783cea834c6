"""Stores the state of a reconciliation, so that an interrupted one can continue.

The state is in two ledger tables: `_pipedrive_reconciled` (per entity: when a reconciliation last
finished, and the scan of an unfinished one) and `_pipedrive_seen` (the ids that the unfinished scan
has returned). Callers of this module hold the warehouse lock, and have begun a transaction for what
writes.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.load.soft_delete import Key
from pipedrive_assets.registry import Entity
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import Sql, table, tuples

GOES_STALE_AFTER = timedelta(hours=1)
"""An older unfinished scan starts again: rows that it has seen may be deleted since."""


def begin(sql: Sql, entity: Entity, now: datetime) -> Scan:
    """Return the unfinished scan of a table, or a new one.

    Args:
        sql: The warehouse.
        entity: The table.
        now: Pipedrive's clock, UTC. Scans that started over an hour before it are discarded.

    Returns:
        A scan over every row of the table.
    """
    rows = sql.execute_sql(
        f"SELECT walk FROM {table(sql, '_pipedrive_reconciled')} "
        "WHERE entity = %s AND walk IS NOT NULL",
        entity.name,
    )
    found = Scan.from_json(rows[0][0]) if rows else None
    if found and found.started_at and found.started_at > now - GOES_STALE_AFTER:
        return found
    _forget(sql, entity)
    return Scan(initial_load=True, advances=True)


def note(sql: Sql, entity: Entity, ids: Iterable[object], scan: Scan) -> None:
    """Record the ids of a chunk as seen, then the position of the scan.

    Args:
        sql: The warehouse.
        entity: The table.
        ids: The ids in the chunk.
        scan: The scan, positioned after the chunk.
    """
    for some in batches(ids, STATEMENT_ROWS):
        rows, values = tuples([(entity.name, str(each)) for each in some])
        sql.execute_sql(f"INSERT INTO {table(sql, '_pipedrive_seen')} VALUES {rows}", *values)
    _record(sql, entity, finished_at=_finished_at(sql, entity), scan=scan)


def not_seen(sql: Sql, entity: Entity) -> set[Key]:
    """Return the keys of rows that are not marked as deleted and that the scan did not return."""
    rows = sql.execute_sql(
        f"SELECT id FROM {table(sql, entity.name)} WHERE _deleted_at IS NULL "
        "AND CAST(id AS VARCHAR) NOT IN "
        f"(SELECT id FROM {table(sql, '_pipedrive_seen')} WHERE entity = %s)",
        entity.name,
    )
    return {tuple(row) for row in rows or ()}


def listed_rows(sql: Sql, entity: Entity) -> list[Key]:
    """Return the keys of the first and the last row, by id, that the scan returned."""
    rows = sql.execute_sql(
        f"SELECT min(id), max(id) FROM {table(sql, entity.name)} WHERE _deleted_at IS NULL "
        "AND CAST(id AS VARCHAR) IN "
        f"(SELECT id FROM {table(sql, '_pipedrive_seen')} WHERE entity = %s)",
        entity.name,
    )
    found = {each for row in rows or () for each in row if each is not None}
    return [(each,) for each in sorted(found)]


def finish(sql: Sql, entity: Entity, now: datetime) -> None:
    """Record a reconciliation as finished and delete its state.

    Args:
        sql: The warehouse.
        entity: The table.
        now: When it finished, UTC.
    """
    _forget(sql, entity)
    _record(sql, entity, finished_at=now, scan=None)


def give_up(sql: Sql, entity: Entity) -> None:
    """Delete the state of a reconciliation with an unreliable result; the next one starts again."""
    _forget(sql, entity)
    _record(sql, entity, finished_at=_finished_at(sql, entity), scan=None)


def _finished_at(sql: Sql, entity: Entity) -> datetime | None:
    rows = sql.execute_sql(
        f"SELECT finished_at FROM {table(sql, '_pipedrive_reconciled')} WHERE entity = %s",
        entity.name,
    )
    found: datetime | None = rows[0][0] if rows else None
    return found


def _record(sql: Sql, entity: Entity, *, finished_at: datetime | None, scan: Scan | None) -> None:
    name = table(sql, "_pipedrive_reconciled")
    sql.execute_sql(f"DELETE FROM {name} WHERE entity = %s", entity.name)
    sql.execute_sql(
        f"INSERT INTO {name} VALUES (%s, %s, %s)",
        entity.name,
        finished_at,
        scan.to_json() if scan else None,
    )


def _forget(sql: Sql, entity: Entity) -> None:
    sql.execute_sql(f"DELETE FROM {table(sql, '_pipedrive_seen')} WHERE entity = %s", entity.name)
