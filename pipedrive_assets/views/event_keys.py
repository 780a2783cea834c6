"""The keys of the events in the history of deals, which become columns of views.

Reading the JSON of all events takes seconds and much memory in a large account. The keys that are
known are therefore kept in the ledger, and only events of later commits are read.
"""

import json
from collections.abc import Collection, Mapping
from typing import NamedTuple

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.dlt.schema import schema_name
from pipedrive_assets.warehouse.statements import Sql, table

FLOW = "deals_flow"

Keys = dict[str, list[str]]
"""The keys of the events, by their kind; both in order."""


class _Known(NamedTuple):
    """The keys that were found, up to a commit.

    Attributes:
        keys: The keys of the events.
        commits: The number of commits of histories up to this one.
        until: The load id of this commit; empty before the first one.
    """

    keys: Keys
    commits: int = 0
    until: str = ""


def has_events(columns: Mapping[str, Collection[str]]) -> bool:
    """Return whether the histories have the columns from which kinds and keys are read.

    Args:
        columns: The columns by table. Those of events can be excluded.
    """
    return {"object", "event"} <= set(columns.get(FLOW, ()))


def event_kinds(sql: Sql) -> list[str]:
    """Return the kinds of events in the histories of deals, in order."""
    return _kinds(sql, table(sql, FLOW))


def event_keys(sql: Sql) -> Keys:
    """Return the keys of the events by their kind, and record them in the ledger.

    A key stays when its last event is gone. If a commit has an earlier load id than one that is
    known, as after a change of the clock, all events are read.

    Args:
        sql: The warehouse. The table of histories exists.

    Returns:
        The keys of each kind of events.
    """
    known, latest = _recorded(sql), _latest(sql)
    if not known.until or _commits(sql, known.until) != known.commits:
        known = _Known({})
    if known[1:] != latest:
        known = _Known(_with(known.keys, _keys_after(sql, known.until)), *latest)
        _record(sql, known)
    return known.keys


def _recorded(sql: Sql) -> _Known:
    rows = sql.execute_sql(f"SELECT event_keys FROM {table(sql, '_pipedrive_account')}")
    return _Known(*json.loads(rows[0][0])) if rows and rows[0][0] else _Known({})


def _record(sql: Sql, known: _Known) -> None:
    statement = f"UPDATE {table(sql, '_pipedrive_account')} SET event_keys = %s"
    sql.execute_sql(statement, json.dumps(known))


def _latest(sql: Sql) -> tuple[int, str]:
    """Return the number of commits of histories, and the highest load id."""
    query = f"SELECT count(*), max(load_id) FROM {table(sql, '_dlt_loads')} WHERE schema_name = %s"
    rows = sql.execute_sql(query, schema_name(BY_NAME[FLOW]))
    return (int(rows[0][0]), rows[0][1] or "") if rows else (0, "")


def _commits(sql: Sql, until: str) -> int:
    query = (
        f"SELECT count(*) FROM {table(sql, '_dlt_loads')} WHERE schema_name = %s AND load_id <= %s"
    )
    rows = sql.execute_sql(query, schema_name(BY_NAME[FLOW]), until)
    return int(rows[0][0]) if rows else 0


def _keys_after(sql: Sql, load_id: str) -> Keys:
    literal = sql.capabilities.escape_literal
    kind, event = map(sql.escape_column_name, ("object", "event"))
    source = (
        f"(SELECT {kind}, {event} FROM {table(sql, FLOW)} "
        f"WHERE {sql.escape_column_name('_dlt_load_id')} > {literal(load_id)}) AS f"
    )
    found: Keys = {each: [] for each in _kinds(sql, source)}
    for each, key in sql.execute_sql(dialect.json_keys(sql, source, kind, event, "data")) or ():
        if each is not None:
            found[each].append(key)
    return found


def _kinds(sql: Sql, source: str) -> list[str]:
    rows = sql.execute_sql(
        f"SELECT DISTINCT object FROM {source} WHERE object IS NOT NULL ORDER BY 1"
    )
    return [row[0] for row in rows or ()]


def _with(known: Mapping[str, list[str]], found: Mapping[str, list[str]]) -> Keys:
    return {
        kind: sorted({*known.get(kind, ()), *found.get(kind, ())})
        for kind in sorted({*known, *found})
    }
