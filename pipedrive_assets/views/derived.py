"""Creates and reads the derived tables, which are views in the warehouse.

A load that changes something creates them again. As views they are as current as the tables that
they read, contain no rows that a purge would have to remove, and are in the read copy.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.views import fingerprint
from pipedrive_assets.views.hygiene import hygiene_queries
from pipedrive_assets.views.sql import DERIVED_TABLES, DerivedTable, loaded_tables
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.ledger import all_columns, prepare, watermark
from pipedrive_assets.warehouse.own_views import OwnViews, own_views
from pipedrive_assets.warehouse.statements import Sql, table, table_exists
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
"""Standard SQL names for the types of the column files."""

HISTORY = "deals_flow"
HYGIENE = "hygiene"
Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """The current content of a derived table. All times are UTC.

    Attributes:
        table: The derived table.
        missing: Why the view does not exist; empty if it does.
        rows: The number of its rows.
        content: The rows that were read, with a value per column of `table`.
        based_on: By table that it reads: up to when that table is complete; None if its initial
            load is not finished.
        deals_without_history: Deals that are left out because their history was not read yet.
        is_sandbox: Whether the data is the sandbox's invented data.
    """

    table: DerivedTable
    missing: str = ""
    rows: int = 0
    content: Sequence[tuple[Any, ...]] = ()
    based_on: Mapping[str, datetime | None] = field(default_factory=dict)
    deals_without_history: int = 0
    is_sandbox: bool = False

    @property
    def complete_until(self) -> datetime | None:
        """Up to when all tables that it reads are complete, UTC; None if one is not loaded."""
        reached = list(self.based_on.values())
        return None if None in reached else min(filter(None, reached), default=None)


def make_views(sql: Sql, columns: Columns) -> dict[str, str]:
    """Create or replace all derived views.

    Args:
        sql: The warehouse.
        columns: The columns of each table that exists.

    Returns:
        By view that could not be created: the reason.
    """
    missing: dict[str, str] = {}
    own = OwnViews(sql)
    names = _Tables(sql, columns)
    for derived in DERIVED_TABLES:
        if derived.name == HYGIENE:
            there = {each.name for each in DERIVED_TABLES} - {*missing}
            names.update(hygiene_queries(sql, columns, there))
        reason = _unmet(derived, columns, missing) or _make(sql, own, derived, names, columns)
        if reason:
            missing[derived.name] = reason
            own.drop(derived.name)
            log.info("The view %s was not created. %s", derived.name, reason)
    return missing


def ensure_views(sql: Sql, columns: fingerprint.Columns) -> dict[str, str]:
    """Create or replace the derived views, unless all of them exist and are current.

    Args:
        sql: The warehouse.
        columns: The columns of each table that exists.

    Returns:
        By view that could not be created: the reason.
    """
    wanted = {derived.name for derived in DERIVED_TABLES}
    if wanted <= own_views(sql) and fingerprint.are_current(sql, columns):
        return {}
    return make_views(sql, {name: list(held) for name, held in columns.items()})


def derive(
    warehouse: Warehouse, tables: Sequence[DerivedTable], *, most_rows: int | None = None
) -> Iterator[Derivation]:
    """Create the derived views and read some of them.

    Args:
        warehouse: The warehouse; it may not exist yet.
        tables: The derived tables to read.
        most_rows: How many rows to read of each; None: all.

    Yields:
        The content of each of `tables`, in the same order.

    Raises:
        WarehouseError: The warehouse cannot be read or written.
    """
    if not warehouse.exists():
        yield from (_nothing(each) for each in tables)
        return
    with warehouse.sql() as sql:
        prepare(sql)
        missing = ensure_views(sql, all_columns(sql))
        found = [_read(sql, each, missing.get(each.name, ""), most_rows) for each in tables]
    yield from found


def _nothing(derived: DerivedTable) -> Derivation:
    """Return the content of a derived table in a warehouse that does not exist yet."""
    return Derivation(
        table=derived,
        missing=_unmet(derived, {}, {}),
        based_on=dict.fromkeys(loaded_tables(derived)),
    )


def _unmet(derived: DerivedTable, columns: Columns, missing: Mapping[str, str]) -> str:
    """Return why the view cannot be created from the tables that exist; empty if it can."""
    for name in derived.needs_derived:
        if missing.get(name):
            return f"It reads {name}, which does not exist. {missing[name]}"
    if lacking := [name for name in derived.needs if name not in columns]:
        return f"It needs tables that are not loaded yet. Load them first: {', '.join(lacking)}."
    return ""


def _make(
    sql: Sql, own: OwnViews, derived: DerivedTable, names: Mapping[str, str], columns: Columns
) -> str:
    """Create a view; return why that failed, or an empty text."""
    query = derived.query.format_map(names)
    reason = own.replace(derived.name, dialect.translate(sql, query), derived.description)
    if reason and (absent := _absent_columns(derived, columns)):
        return (
            f"Its query needs {', '.join(absent)}, which the warehouse does not have. Remove it "
            "from PIPEDRIVE_EXCLUDE_COLUMNS and load the table with --full."
        )
    return reason


def _absent_columns(derived: DerivedTable, columns: Columns) -> list[str]:
    """Return the columns in the query of a derived table that the tables lack."""
    words = set(re.findall(r"\w+", derived.query))
    return [
        f"{name}.{column}"
        for name in derived.reads
        if name in BY_NAME and name in columns
        for column in columns_of(name).columns
        if column in words and column not in columns[name]
    ]


class _Tables(dict[str, str]):
    """Replaces `{deals}` in a query by the table, or by an empty one if it does not exist."""

    def __init__(self, sql: Sql, columns: Columns) -> None:
        super().__init__()
        self._sql, self._columns = sql, columns

    def __missing__(self, name: str) -> str:
        if name in self._columns or name not in BY_NAME:
            return table(self._sql, name)
        return f"(SELECT {_null_columns(BY_NAME[name])} WHERE 1 = 0)"


def _null_columns(entity: Entity) -> str:
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
    # One query, because each query computes the whole view.
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
    """Return the number of deals, not marked as deleted, whose history was never read."""
    if not table_exists(sql, HISTORY):
        return 0
    rows = sql.execute_sql(
        f"SELECT count(*) FROM {table(sql, 'deals')} d WHERE d._deleted_at IS NULL AND d.id NOT IN "
        f"(SELECT parent_id FROM {table(sql, '_pipedrive_children')} "
        "WHERE entity = %s AND read_at IS NOT NULL "
        f"UNION SELECT deal_id FROM {table(sql, HISTORY)})",
        HISTORY,
    )
    return int(rows[0][0]) if rows else 0
