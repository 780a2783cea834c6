"""What a reconciliation has seen so far, kept in the warehouse: a killed one goes on where it
stood.

Two tables of the ledger: `_pipedrive_reconciled` (per entity: when one was last finished, and the
scan of one that is not) and `_pipedrive_seen` (the ids it was shown). Call every function with the
file held.
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
"""An older unfinished scan begins anew: what it saw may have gone since."""


def begin(sql: Sql, entity: Entity, now: datetime) -> Scan:
    """The scan to follow: the unfinished one, or a new one that has seen nothing."""
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
    """Remember what a chunk showed, then how far the scan has come."""
    for some in batches(ids, STATEMENT_ROWS):
        rows, values = tuples([(entity.name, str(each)) for each in some])
        sql.execute_sql(f"INSERT INTO {table(sql, '_pipedrive_seen')} VALUES {rows}", *values)
    _record(sql, entity, finished_at=_finished_at(sql, entity), scan=scan)


def not_seen(sql: Sql, entity: Entity) -> set[Key]:
    """The rows without a mark that the scan did not show."""
    rows = sql.execute_sql(
        f"SELECT id FROM {table(sql, entity.name)} WHERE _deleted_at IS NULL "
        "AND CAST(id AS VARCHAR) NOT IN "
        f"(SELECT id FROM {table(sql, '_pipedrive_seen')} WHERE entity = %s)",
        entity.name,
    )
    return {tuple(row) for row in rows or ()}


def listed_rows(sql: Sql, entity: Entity) -> list[Key]:
    """Up to two rows of the table that the scan did show, the first and the last by id."""
    rows = sql.execute_sql(
        f"SELECT min(id), max(id) FROM {table(sql, entity.name)} WHERE _deleted_at IS NULL "
        "AND CAST(id AS VARCHAR) IN "
        f"(SELECT id FROM {table(sql, '_pipedrive_seen')} WHERE entity = %s)",
        entity.name,
    )
    found = {each for row in rows or () for each in row if each is not None}
    return [(each,) for each in sorted(found)]


def finish(sql: Sql, entity: Entity, now: datetime) -> None:
    """It is done: forget what was seen."""
    _forget(sql, entity)
    _record(sql, entity, finished_at=now, scan=None)


def give_up(sql: Sql, entity: Entity) -> None:
    """Its outcome is not to be believed: the next one begins anew."""
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
    with sql.begin_transaction():
        sql.execute_sql(f"DELETE FROM {name} WHERE entity = %s", entity.name)
        sql.execute_sql(
            f"INSERT INTO {name} VALUES (%s, %s, %s)",
            entity.name,
            finished_at,
            scan.to_json() if scan else None,
        )


def _forget(sql: Sql, entity: Entity) -> None:
    sql.execute_sql(f"DELETE FROM {table(sql, '_pipedrive_seen')} WHERE entity = %s", entity.name)
