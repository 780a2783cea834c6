"""Deals whose history shows records that have changed since the history was read.

A history contains activities, notes and files as they are now. Adding or editing one does not
always change the deal, but these records have tables of their own, with the deal's id and a
change time.

Call every function with the file held.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from pipedrive_assets.registry import ENTITIES, Entity
from pipedrive_assets.warehouse.statements import Sql, columns_in, table, table_exists

FIRST_DAY = datetime(1970, 1, 1, tzinfo=timezone.utc)


def has_changed_records(sql: Sql, child: Entity, overlap: timedelta, now: datetime) -> str:
    """Return SQL for whether a parent `p` has embedded records that changed since it was read.

    Args:
        sql: The warehouse.
        child: The table whose rows show the records, for example `deals_flow`.
        overlap: A reading counts only if it came this much later than the change.
        now: Pipedrive's clock. Later change times are not trusted: they would never be over.

    Returns:
        A boolean expression; `FALSE` where no records are embedded or none of their tables exist.
    """
    links = [link for name, kinds in child.embeds for link in _links(sql, child, name, kinds)]
    if not links:
        return "FALSE"
    records = " UNION ALL ".join(links)
    return (
        f"(p._deleted_at IS NULL AND p.id IN (SELECT r.parent_id FROM ({records}) r "
        f"JOIN {table(sql, '_pipedrive_children')} k ON k.entity = '{child.name}' "
        "AND k.parent_id = r.parent_id WHERE r.changed_at <= "
        f"TIMESTAMPTZ '{now.isoformat()}' "
        f"AND k.read_at < r.changed_at + INTERVAL '{int(overlap.total_seconds())} seconds'))"
    )


def expire_histories(sql: Sql, entity: Entity) -> None:
    """Have the histories read again that show marked rows of a table, before these are removed."""
    for child in ENTITIES:
        kinds = dict(child.embeds).get(entity.name)
        if kinds is None or not table_exists(sql, entity.name):
            continue
        for link in _links(sql, child, entity.name, kinds, only_marked=True):
            sql.execute_sql(
                f"UPDATE {table(sql, '_pipedrive_children')} SET parent_update_time = "
                f"TIMESTAMPTZ '{FIRST_DAY.isoformat()}' WHERE entity = '{child.name}' "
                f"AND parent_id IN (SELECT parent_id FROM ({link}) marked)"
            )


def events_of_marked(sql: Sql, entity: Entity) -> Iterator[tuple[str, str]]:
    """The events in histories that show marked rows of a table.

    Yields:
        A history, such as `deals_flow`, and a condition that is true for those of its rows.
    """
    for child in ENTITIES:
        kinds = dict(child.embeds).get(entity.name)
        if kinds is None or not table_exists(sql, entity.name):
            continue
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
    """Queries for `parent_id` and `changed_at`: where the records of a table are, and where the
    child's rows still show records that have moved to another parent.
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
