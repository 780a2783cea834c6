"""Selects the parents whose children have to be read: changed parents, and parents to re-check.

Pipedrive may change a deal's children without changing its `update_time`. The daily run therefore
reads the children of each deal again once in a number of days, as far as the token caps allow.
Callers of this module hold the warehouse lock.
"""

from datetime import datetime, timedelta

from pipedrive_assets.extract.chunk import Parent
from pipedrive_assets.load import mail_bodies
from pipedrive_assets.load.report import LoadRequest
from pipedrive_assets.load.soft_delete import FILTERED
from pipedrive_assets.load.stale_histories import FIRST_DAY, has_changed_records
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.flow import FIELD_CHANGE
from pipedrive_assets.warehouse.ledger import watermark
from pipedrive_assets.warehouse.statements import Sql, table, table_exists

HELD = "coalesce(h.rows_held, 0)"


def parents_to_read(sql: Sql, child: Entity, request: LoadRequest, now: datetime) -> list[Parent]:
    """Return the parents whose children have to be read.

    Children are up to date only if they were read at least the overlap after the parent's last
    change: a second change within the same second leaves the same `update_time`. A full load
    reads the children of all parents.

    Args:
        sql: The warehouse.
        child: The child table.
        request: The load.
        now: Pipedrive's clock, UTC.

    Returns:
        Changed parents, the most recent change first; then parents to re-check, the longest
        unread first. Within both groups, parents that an earlier run doubted come last.
    """
    parent = child.parent or ""
    # If Pipedrive refuses the counter, its stored value is outdated and cannot replace a call.
    is_known = (
        child.count_column and child.count_column not in watermark(sql, BY_NAME[parent]).omitted
    )
    counter = f"p.{sql.escape_column_name(child.count_column or '')}" if is_known else "NULL"
    due = _due(child, request, now, counter)
    if request.recheck_days:
        due = f"({due} OR {mail_bodies.is_due(sql, child, now)})"
    again = f"({due} OR ({request.full} AND {HELD} > 0))"
    changed = (
        f"({request.full} OR {_changed(request)} "
        f"OR {has_changed_records(sql, child, request.overlap, now)})"
    )
    # The inner query evaluates each condition once, however often the outer one names it.
    rows = sql.execute_sql(
        "SELECT id, update_time, counter, is_asked, has_changed, has_rows, is_lasting, doubted, "
        "is_deleted "
        f"FROM (SELECT p.id, p.update_time, {counter} AS counter, {again} AS is_asked, "
        f"{changed} AS has_changed, {due} AS is_due, {HELD} > 0 AS has_rows, "
        "coalesce(h.lasting_rows, 0) > 0 AS is_lasting, "
        "c.parent_id IS NOT NULL AND c.read_at IS NULL AS doubted, "
        "p._deleted_at IS NOT NULL AS is_deleted, c.read_at "
        f"{_joined(sql, child)} WHERE p._deleted_reason IS DISTINCT FROM '{FILTERED}') "
        "AS parents WHERE has_changed OR is_due "
        "ORDER BY CASE WHEN has_changed THEN 0 ELSE 1 END, doubted, "
        "CASE WHEN has_changed THEN NULL ELSE read_at END, update_time DESC NULLS LAST, id DESC",
        child.name,
    )
    return [_parent(child, *row) for row in rows or ()]


def _parent(  # noqa: PLR0913, PLR0917 - the columns of the query
    child: Entity,
    key: int,
    moment: datetime | None,
    count: int | None,
    is_asked: bool,
    has_changed: bool,
    has_rows: bool,
    is_lasting: bool,
    is_doubted: bool,
    is_deleted: bool,
) -> Parent:
    return Parent(
        id=key,
        update_time=moment,
        empty=count == 0 and not is_asked,
        filled=has_rows or bool(child.has_own_count and count),
        doubted=is_doubted,
        counted=bool(has_rows and child.has_own_count and count),
        lasting=is_lasting,
        rechecked=not has_changed,
        deleted=is_deleted,
    )


def control_parents(sql: Sql, child: Entity, request: LoadRequest) -> Parent | None:
    """Return a parent to request as a control: alive, with children that are up to date.

    Args:
        sql: The warehouse.
        child: The child table.
        request: The load.

    Returns:
        The parent, or None if the table has no such parent.
    """
    rows = sql.execute_sql(
        f"SELECT p.id, p.update_time, {HELD} > 0 {_joined(sql, child)} "
        f"WHERE c.read_at IS NOT NULL AND p._deleted_at IS NULL AND NOT {_changed(request)} "
        f"ORDER BY {HELD} > 0 DESC, c.read_at DESC, p.id DESC LIMIT 1",
        child.name,
    )
    if not rows:
        return None
    key, moment, has_rows = rows[0]
    return Parent(id=key, update_time=moment, filled=has_rows)


def _joined(sql: Sql, child: Entity) -> str:
    """Return a FROM clause: parents `p`, their ledger rows `c` and their numbers of children `h`.

    The clause has one placeholder, for the name of the child table.
    """
    key = sql.escape_column_name(child.key[0])
    held = "SELECT 0 AS id, 0 AS rows_held, 0 AS lasting_rows"
    if table_exists(sql, child.name):
        held = (
            f"SELECT {key} AS id, count(*) AS rows_held, {_lasting(child)} AS lasting_rows "
            f"FROM {table(sql, child.name)} GROUP BY 1"
        )
    return (
        f"FROM {table(sql, child.parent or '')} p LEFT JOIN {table(sql, '_pipedrive_children')} c "
        f"ON c.entity = %s AND c.parent_id = p.id LEFT JOIN ({held}) h ON h.id = p.id"
    )


def _lasting(child: Entity) -> str:
    """Return SQL for the number of loaded children that Pipedrive never removes."""
    if child.shape == "changelog":
        return "count(*)"
    if child.shape == "flow":
        # The column `object` can be excluded or hashed, the key cannot.
        return f"count(*) FILTER (WHERE starts_with(event_key, '{FIELD_CHANGE}:'))"
    return "0"


def _changed(request: LoadRequest) -> str:
    """Return SQL for whether a parent's children are unread since its last change, or doubted."""
    return (
        "coalesce(c.read_at IS NULL OR c.parent_update_time IS DISTINCT FROM p.update_time "
        f"OR c.read_at < p.update_time + INTERVAL '{_seconds(request.overlap)} seconds', FALSE)"
    )


def restart(sql: Sql, child: Entity) -> None:
    """Record the children of all parents as out of date; the rows stay.

    Later loads then read the children of all parents again, in as many runs as the caps require.

    Args:
        sql: The warehouse.
        child: The child table.
    """
    sql.execute_sql(
        f"UPDATE {table(sql, '_pipedrive_children')} "
        f"SET parent_update_time = TIMESTAMPTZ '{FIRST_DAY.isoformat()}' WHERE entity = %s",
        child.name,
    )


def _due(child: Entity, request: LoadRequest, now: datetime, counter: str) -> str:
    """Return SQL for whether a parent is due for a re-check.

    Re-checks are spread by id: deal 17 is due on the days whose number has the same remainder as
    17, divided by the number of days between re-checks. A re-check that no run did on its day
    stays due.
    """
    is_history = child.shape == "flow"
    days = request.recheck_flow_days if is_history else request.recheck_days
    if not days or not (child.bulk or child.count_column or child.poll_children or is_history):
        return "FALSE"
    today = (now - FIRST_DAY).days
    turn = f"{today} - mod({today % days} - mod(p.id, {days}) + {days}, {days})"
    passed = f"c.read_at < TIMESTAMPTZ '{FIRST_DAY.isoformat()}' + INTERVAL '1 day' * ({turn})"
    # An unchanged counter proves nothing: one child may have replaced another.
    has_any = f"({counter} IS DISTINCT FROM 0 OR {HELD} > 0)"
    likely = has_any if child.count_column and not child.bulk else "TRUE"
    return f"(p._deleted_at IS NULL AND {passed} AND {likely})"


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
