"""Finds deals whose history embeds records that have changed since the history was read.

A history contains the current state of activities, notes and files. Adding or editing one does not
always change the deal, but these records have tables of their own, with the deal's id and a
change time. Callers of this module hold the warehouse lock.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from pipedrive_assets.registry import Entity, histories_of
from pipedrive_assets.warehouse.statements import Sql, columns_in, table, table_exists

FIRST_DAY = datetime(1970, 1, 1, tzinfo=timezone.utc)


def has_changed_records(sql: Sql, child: Entity, overlap: timedelta, now: datetime) -> str:
    """Return SQL for whether a parent `p` has embedded records that changed since it was read.

    Args:
        sql: The warehouse.
        child: The table whose rows embed the records, for example `deals_flow`.
        overlap: How much later than the change the history must have been read to include it.
        now: Pipedrive's clock, UTC. Change times after it are ignored: they would keep a history
            stale for ever.

    Returns:
        A boolean expression; `FALSE` if no records are embedded, none of their tables exist, or no
        history was read.
    """
    links = [link for name, kinds in child.embeds for link in _links(sql, child, name, kinds)]
    first_read = _first_read(sql, child) if links else None
    if first_read is None:
        return "FALSE"
    records = " UNION ALL ".join(links)
    # Only records that changed since the earliest read need to be compared with theirs.
    return (
        f"(p._deleted_at IS NULL AND p.id IN (SELECT r.parent_id FROM ({records}) r "
        f"JOIN {table(sql, '_pipedrive_children')} k ON k.entity = '{child.name}' "
        "AND k.parent_id = r.parent_id WHERE r.changed_at "
        f">= TIMESTAMPTZ '{(first_read - overlap).isoformat()}' "
        f"AND r.changed_at <= TIMESTAMPTZ '{now.isoformat()}' "
        f"AND k.read_at < r.changed_at + INTERVAL '{int(overlap.total_seconds())} seconds'))"
    )


def _first_read(sql: Sql, child: Entity) -> datetime | None:
    """Return when the oldest of the histories was read; None if none was."""
    rows = sql.execute_sql(
        f"SELECT min(read_at) FROM {table(sql, '_pipedrive_children')} WHERE entity = %s",
        child.name,
    )
    return rows[0][0] if rows else None


def expire_histories(sql: Sql, entity: Entity) -> None:
    """Make the next load read the histories again that embed marked rows of a table.

    Call it before the marked rows are removed.

    Args:
        sql: The warehouse.
        entity: The table with the marked rows.
    """
    for child, kinds in histories_of(entity.name) if table_exists(sql, entity.name) else ():
        for link in _links(sql, child, entity.name, kinds, only_marked=True):
            sql.execute_sql(
                f"UPDATE {table(sql, '_pipedrive_children')} SET parent_update_time = "
                f"TIMESTAMPTZ '{FIRST_DAY.isoformat()}' WHERE entity = '{child.name}' "
                f"AND parent_id IN (SELECT parent_id FROM ({link}) marked)"
            )


def events_of_marked(sql: Sql, entity: Entity) -> Iterator[tuple[str, str]]:
    """Find the history events that embed marked rows of a table.

    Args:
        sql: The warehouse.
        entity: The table with the marked rows.

    Yields:
        The name of a history table, for example `deals_flow`, and the SQL condition that selects
        these events.
    """
    for child, kinds in histories_of(entity.name) if table_exists(sql, entity.name) else ():
        if _shows_records(sql, child):
            marked = (
                f"SELECT CAST(id AS VARCHAR) FROM {table(sql, entity.name)} "
                "WHERE _deleted_at IS NOT NULL"
            )
            yield child.name, f"{_is_of_kind(sql, kinds)} AND event_id IN ({marked})"


def _shows_records(sql: Sql, child: Entity) -> bool:
    return table_exists(sql, child.name) and {"object", "event_id"} <= columns_in(sql, child.name)


def _is_of_kind(sql: Sql, kinds: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{each}'" for each in kinds)
    return f"{sql.escape_column_name('object')} IN ({listed})"


def _links(
    sql: Sql, child: Entity, name: str, kinds: tuple[str, ...], *, only_marked: bool = False
) -> Iterator[str]:
    """Yield queries for the `parent_id` and `changed_at` of embedded records.

    The first query returns the current parent of each record. The second returns the parents whose
    history still embeds records that have moved to another parent.
    """
    key = child.key[0]
    if not table_exists(sql, name) or not {key, "update_time"} <= (held := columns_in(sql, name)):
        return
    added = "r.add_time" if "add_time" in held else "NULL"
    moment = f"COALESCE(r.update_time, {added})"
    moment = f"GREATEST(COALESCE({moment}, r._deleted_at), COALESCE(r._deleted_at, {moment}))"
    marked = "r._deleted_at IS NOT NULL" if only_marked else "TRUE"
    yield (
        f"SELECT r.{key} AS parent_id, {moment} AS changed_at FROM {table(sql, name)} r "
        f"WHERE r.{key} IS NOT NULL AND {marked}"
    )
    if _shows_records(sql, child):
        yield (
            f"SELECT e.{key}, {moment} FROM {table(sql, child.name)} e "
            f"JOIN {table(sql, name)} r ON e.event_id = CAST(r.id AS VARCHAR) "
            f"WHERE e.{_is_of_kind(sql, kinds)} AND r.{key} IS DISTINCT FROM e.{key} AND {marked}"
        )
