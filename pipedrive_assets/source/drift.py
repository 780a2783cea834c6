"""Whose children are to be read: of parents that changed, and now and then of those that did not.

Pipedrive may change a deal's children without moving its `update_time`. So the daily run reads
each deal's children again once in a number of days, where that is cheap, its counter disagrees or
nothing else tells.
"""

from datetime import datetime, timedelta, timezone

from pipedrive_assets.entities import BY_NAME, Entity
from pipedrive_assets.reading.chunk import Parent
from pipedrive_assets.source.ledger import Sql, coverage, table, table_exists
from pipedrive_assets.source.report import LoadRequest

FIRST_DAY = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parents_to_read(sql: Sql, child: Entity, request: LoadRequest, now: datetime) -> list[Parent]:
    """The parents whose children are to be read, most recently changed first; `now` is Pipedrive's.

    Children count as held only if they were read at least the overlap after the parent's last
    change: a second change within the same second leaves the same `update_time`. A full load
    wants them all. Call it with the file held.
    """
    parent = child.parent or ""
    # A counter that Pipedrive refuses is as old as its row: it spares no call.
    is_known = child.counter and child.counter not in coverage(sql, BY_NAME[parent]).omitted
    counter = f"p.{sql.escape_column_name(child.counter or '')}" if is_known else "NULL"
    due = _due(sql, child, request, now)
    rows = sql.execute_sql(
        f"SELECT p.id, p.update_time, {counter}, {due} FROM {table(sql, parent)} p "
        f"LEFT JOIN {table(sql, '_pipedrive_children')} c ON c.entity = %s AND c.parent_id = p.id "
        f"WHERE {request.full} OR c.parent_id IS NULL "
        "OR c.parent_update_time IS DISTINCT FROM p.update_time "
        f"OR c.read_at < p.update_time + INTERVAL '{_seconds(request.overlap)} seconds' OR {due} "
        "ORDER BY p.update_time DESC NULLS LAST, p.id DESC",
        child.name,
    )
    return [
        Parent(id=key, update_time=moment, empty=count == 0 and not again)
        for key, moment, count, again in rows or ()
    ]


def begin_anew(sql: Sql, child: Entity) -> None:
    """Let every parent wait for its children to be read again, by however many runs that takes; the
    rows held stay. Call it with the file held.
    """
    sql.execute_sql(
        f"UPDATE {table(sql, '_pipedrive_children')} "
        f"SET parent_update_time = TIMESTAMPTZ '{FIRST_DAY.isoformat()}' WHERE entity = %s",
        child.name,
    )


def _due(sql: Sql, child: Entity, request: LoadRequest, now: datetime) -> str:
    """SQL: whether a parent's turn has come since its children were read.

    Turns are spread by id: deal 17 has its turn on each day whose number leaves the remainder of
    17. A turn that no run saw is made up for by the next run.
    """
    days = request.recheck_days
    if not days or not (child.bulk or child.counter or child.drifts):
        return "FALSE"
    today = (now - FIRST_DAY).days
    turn = f"{today} - mod({today % days} - mod(p.id, {days}) + {days}, {days})"
    passed = f"c.read_at < TIMESTAMPTZ '{FIRST_DAY.isoformat()}' + INTERVAL '1 day' * ({turn})"
    differs = _counter_differs(sql, child) if child.counter and not child.bulk else "TRUE"
    return f"(p._deleted_at IS NULL AND {passed} AND {differs})"


def _counter_differs(sql: Sql, child: Entity) -> str:
    """SQL: whether the parent's counter disagrees with the rows held."""
    key, counter = (sql.escape_column_name(name) for name in (child.key[0], child.counter or ""))
    held = "0"
    if table_exists(sql, child.name):
        held = f"(SELECT count(*) FROM {table(sql, child.name)} h WHERE h.{key} = p.id)"
    return f"p.{counter} IS DISTINCT FROM {held}"


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
