"""Reads the derived tables, as steps of Dagster report them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views.computed import ComputedTables
from pipedrive_assets.views.derived_views import unmet
from pipedrive_assets.views.sql import DerivedTable, loaded_tables
from pipedrive_assets.warehouse.ledger import watermark
from pipedrive_assets.warehouse.statements import Sql, table, table_exists
from pipedrive_assets.warehouse.warehouse import Warehouse

HISTORY = "deals_flow"


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
        digest: A digest of everything that the derived tables show.
        is_known: Whether the caller knows this content: it has the digest of an earlier run, and
            `rows` and `content` were not read.
    """

    table: DerivedTable
    missing: str = ""
    rows: int = 0
    content: Sequence[tuple[Any, ...]] = ()
    based_on: Mapping[str, datetime | None] = field(default_factory=dict)
    deals_without_history: int = 0
    is_sandbox: bool = False
    digest: str = ""
    is_known: bool = False

    @property
    def complete_until(self) -> datetime | None:
        """Up to when all tables that it reads are complete, UTC; None if one is not loaded."""
        reached = list(self.based_on.values())
        return None if None in reached else min(filter(None, reached), default=None)


def derive(
    warehouse: Warehouse,
    tables: Sequence[DerivedTable],
    *,
    most_rows: int | None = None,
    known: str = "",
) -> list[Derivation]:
    """Create the derived views and read some of them.

    Args:
        warehouse: The warehouse; it may not exist yet.
        tables: The derived tables to read.
        most_rows: How many rows to read of each; None: all.
        known: The digest of the content that the caller knows; with the same digest, no table is
            computed.

    Returns:
        The content of each of `tables`, in the same order.

    Raises:
        WarehouseError: The warehouse cannot be read or written.
    """
    if not warehouse.exists():
        return [nothing(each) for each in tables]
    with warehouse.sql() as sql:
        return read(ComputedTables(sql), tables, most_rows, known)


def nothing(derived: DerivedTable) -> Derivation:
    """Return the content of a derived table in a warehouse that does not exist yet."""
    return Derivation(
        table=derived,
        missing=unmet(derived, {}, {}),
        based_on=dict.fromkeys(loaded_tables(derived)),
    )


def read(
    computed: ComputedTables, tables: Sequence[DerivedTable], most_rows: int | None, known: str
) -> list[Derivation]:
    """Read derived tables.

    Args:
        computed: The tables of the warehouse.
        tables: The derived tables to read.
        most_rows: How many rows to read of each; None: all.
        known: The digest of the content that the caller knows; see `derive`.

    Returns:
        The content of each of `tables`, in the same order.
    """
    sql, digest = computed.sql, computed.digest
    reads = {each.name: loaded_tables(each) for each in tables}
    named = {name for names in reads.values() for name in names}
    reached = {name: watermark(sql, BY_NAME[name]).complete_until for name in named}
    waiting = _without_history(sql) if HISTORY in named else 0
    is_sandbox = _is_sandbox(sql)
    return [
        Derivation(
            table=each,
            based_on={name: reached[name] for name in reads[each.name]},
            missing=computed.missing.get(each.name, ""),
            is_sandbox=is_sandbox,
            deals_without_history=waiting if HISTORY in reads[each.name] else 0,
            digest=digest,
            is_known=digest == known,
            **({} if digest == known else _content(computed, each, most_rows)),
        )
        for each in tables
    ]


def _content(
    computed: ComputedTables, derived: DerivedTable, most_rows: int | None
) -> dict[str, Any]:
    if derived.name in computed.missing:
        return {}
    sql, name = computed.sql, computed[derived.name]
    shown = ", ".join(sql.escape_column_name(column) for column in derived.columns)
    limit = "" if most_rows is None else f" LIMIT {most_rows}"
    rows = sql.execute_sql(f"SELECT {shown} FROM {name}{limit}") or ()
    ((count,),) = sql.execute_sql(f"SELECT count(*) FROM {name}") or ((0,),)
    return {"rows": int(count), "content": [tuple(row) for row in rows]}


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
