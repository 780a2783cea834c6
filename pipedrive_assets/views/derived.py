"""Derived tables in the warehouse: views, made anew after every load, looked at when Dagster asks.

Being views, they are as new as the tables they read, hold nothing that a purge would have to look
for, and are in the read copy.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.views.sql import DERIVED_TABLES, DerivedTable, loaded_tables
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.ledger import all_columns, prepare, watermark
from pipedrive_assets.warehouse.own_views import OwnViews
from pipedrive_assets.warehouse.statements import Sql, table
from pipedrive_assets.warehouse.warehouse import Warehouse

log = logging.getLogger(__name__)

STANDARD_TYPES = {
    "text": "VARCHAR",
    "json": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE PRECISION",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
}
"""Types of the column files, as any SQL database names them."""

HISTORY = "deals_flow"
Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """A derived table as it stands: its rows, and what they rest on.

    `missing` says why it is not there. `based_on`: up to when each table that it reads is
    complete; None where its first load is not finished.
    """

    table: DerivedTable
    missing: str = ""
    rows: int = 0
    content: Sequence[tuple[Any, ...]] = ()
    based_on: Mapping[str, datetime | None] = field(default_factory=dict)
    deals_without_history: int = 0
    """Deals left out because their history is still to be read."""

    is_sandbox: bool = False
    """Whether the data is invented."""

    @property
    def complete_until(self) -> datetime | None:
        """Up to when all that it reads is complete; None: not everything was loaded."""
        reached = list(self.based_on.values())
        return None if None in reached else min(filter(None, reached), default=None)


def make_views(sql: Sql, columns: Columns) -> dict[str, str]:
    """Make every derived view anew from tables with these columns; returns why those are missing
    that could not be made.
    """
    missing: dict[str, str] = {}
    own = OwnViews(sql)
    for derived in DERIVED_TABLES:
        reason = _unmet(derived, columns, missing) or _make(sql, own, derived, columns)
        if reason:
            missing[derived.name] = reason
            own.drop(derived.name)
            log.info("%s is left out: %s", derived.name, reason)
    return missing


def derive(
    warehouse: Warehouse, tables: Sequence[DerivedTable], *, most_rows: int | None = None
) -> Iterator[Derivation]:
    """Make the views anew and read those asked for, up to `most_rows` rows of each.

    Raises WarehouseError.
    """
    if not warehouse.exists():
        yield from (_nothing(each) for each in tables)
        return
    with warehouse.sql() as sql:
        prepare(sql)
        held = {name: list(columns) for name, columns in all_columns(sql).items()}
        missing = make_views(sql, held)
        found = [_read(sql, each, missing.get(each.name, ""), most_rows) for each in tables]
    yield from found


def _nothing(derived: DerivedTable) -> Derivation:
    """In a warehouse that was never loaded."""
    return Derivation(
        table=derived,
        missing=_unmet(derived, {}, {}),
        based_on=dict.fromkeys(loaded_tables(derived)),
    )


def _unmet(derived: DerivedTable, columns: Columns, missing: Mapping[str, str]) -> str:
    """Why it cannot be made with the tables there are; empty: it can."""
    for name in derived.reads_derived:
        if missing.get(name):
            return f"It reads {name}, which is missing. {missing[name]}"
    if lacking := [name for name in derived.needs if name not in columns]:
        return (
            f"It needs {', '.join(lacking)}, never loaded yet. "
            f"Run: dagster asset materialize --select {','.join(lacking)}"
        )
    return ""


def _make(sql: Sql, own: OwnViews, derived: DerivedTable, columns: Columns) -> str:
    """Make a view; returns why that failed."""
    query = derived.query.format_map(_Tables(sql, columns))
    reason = own.replace(derived.name, dialect.translate(sql, query))
    if reason and (absent := _absent_columns(derived, columns)):
        return (
            f"Its query needs {', '.join(absent)}, not in the warehouse: "
            "take it out of PIPEDRIVE_EXCLUDE_COLUMNS and load the table with --full."
        )
    return reason


def _absent_columns(derived: DerivedTable, columns: Columns) -> list[str]:
    """Columns that its query names and that a table it reads lacks."""
    words = set(re.findall(r"\w+", derived.query))
    return [
        f"{name}.{column}"
        for name in derived.reads
        if name in BY_NAME and name in columns
        for column in columns_of(name).columns
        if column in words and column not in columns[name]
    ]


class _Tables(dict[str, str]):
    """`{deals}` in a query: the table, or an empty one in its place."""

    def __init__(self, sql: Sql, columns: Columns) -> None:
        super().__init__()
        self._sql, self._columns = sql, columns

    def __missing__(self, name: str) -> str:
        if name in self._columns or name not in BY_NAME:
            return table(self._sql, name)
        return f"(SELECT {_nothing_of(BY_NAME[name])} WHERE 1 = 0)"


def _nothing_of(entity: Entity) -> str:
    return ", ".join(
        f"CAST(NULL AS {STANDARD_TYPES[column.type]}) AS {name}"
        for name, column in columns_of(entity.name).columns.items()
    )


def _read(sql: Sql, derived: DerivedTable, missing: str, most_rows: int | None) -> Derivation:
    reads = loaded_tables(derived)
    based_on = {name: watermark(sql, BY_NAME[name]).complete_until for name in reads}
    if missing:
        return Derivation(table=derived, missing=missing, based_on=based_on)
    name = table(sql, derived.name)
    shown = ", ".join(sql.escape_column_name(column) for column in derived.columns)
    limit = "" if most_rows is None else f" LIMIT {most_rows}"
    # In one query, for each would make the whole table.
    content = sql.execute_sql(f"SELECT count(*) OVER () AS n, {shown} FROM {name}{limit}") or ()
    return Derivation(
        table=derived,
        rows=int(content[0][0]) if content else 0,
        content=[tuple(row[1:]) for row in content],
        based_on=based_on,
        is_sandbox=_is_sandbox(sql),
        deals_without_history=_without_history(sql) if HISTORY in reads else 0,
    )


def _is_sandbox(sql: Sql) -> bool:
    rows = sql.execute_sql(f"SELECT is_sandbox FROM {table(sql, '_pipedrive_account')}")
    return bool(rows and rows[0][0])


def _without_history(sql: Sql) -> int:
    """Living deals whose history was never read."""
    rows = sql.execute_sql(
        f"SELECT count(*) FROM {table(sql, 'deals')} d WHERE d._deleted_at IS NULL AND d.id NOT IN "
        f"(SELECT parent_id FROM {table(sql, '_pipedrive_children')} "
        "WHERE entity = %s AND read_at IS NOT NULL "
        f"UNION SELECT deal_id FROM {table(sql, HISTORY)})",
        HISTORY,
    )
    return int(rows[0][0]) if rows else 0
