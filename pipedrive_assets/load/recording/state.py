"""The state of each table according to the ledger, as a short text to compare."""

import hashlib
import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from pipedrive_assets.warehouse.history.history_table import histories, history_name
from pipedrive_assets.warehouse.statements import Sql, table, table_exists

ERASED = "(erased persons)"
"""The name under which the state has the list of erased persons."""

_FACTS = {
    "_pipedrive_coverage": "baseline_at, complete_until, ids_until, walk, lists, omitted",
    "_pipedrive_reconciled": "finished_at, walk",
}
_COUNTS = {
    "_pipedrive_children": (
        "count(*), count(read_at), min(read_at), max(read_at), sum(parent_id), "
        "max(parent_update_time)"
    ),
    "_pipedrive_seen": "count(*)",
    "_pipedrive_unlisted": "count(*), max(missed_at)",
}


def table_states(sql: Sql) -> dict[str, str]:
    """Return the state of each table that was loaded; equal states continue in the same way.

    Args:
        sql: The warehouse, whose ledger exists; the caller holds its lock.

    Returns:
        A hash by name of the table.
    """
    facts: dict[str, list[Any]] = {}
    for name, columns in _FACTS.items():
        query = f"SELECT entity, {columns} FROM {table(sql, name)} ORDER BY entity"
        _add(facts, name, sql.execute_sql(query))
    for name, counts in _COUNTS.items():
        query = f"SELECT entity, {counts} FROM {table(sql, name)} GROUP BY entity ORDER BY entity"
        _add(facts, name, sql.execute_sql(query))
    for name in sorted(histories(sql)):
        query = f"SELECT count(*) FROM {table(sql, history_name(name))}"
        _add(facts, "history", [(name, *row) for row in sql.execute_sql(query) or ()])
    erased = sql.execute_sql(
        f"SELECT entity, id FROM {table(sql, '_pipedrive_erased')} ORDER BY entity, id"
    )
    _add(facts, "erased", [(ERASED, *row) for row in erased or ()])
    return {name: _hash(each) for name, each in facts.items()}


def commit_counts(sql: Sql) -> dict[str, int]:
    """Return how many commits of rows each table has had, recorded in the ledger or not."""
    if not table_exists(sql, "_dlt_loads"):
        return {}
    query = f"SELECT schema_name, count(*) FROM {table(sql, '_dlt_loads')} GROUP BY 1"
    return {name.removeprefix("pipedrive_"): count for name, count in sql.execute_sql(query) or ()}


def _add(facts: dict[str, list[Any]], part: str, rows: Any) -> None:
    for name, *values in rows or ():
        facts.setdefault(name, []).append([part, *map(_plain, values)])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat()
    # PostgreSQL's sums are decimal numbers.
    return int(value) if isinstance(value, int | Decimal) else value


def _hash(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
