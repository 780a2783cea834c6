"""Reads the data of the sales overview from the warehouse."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views.computed import ComputedTables
from pipedrive_assets.views.report.charts import CHARTS
from pipedrive_assets.views.sql import DERIVED_BY_NAME, loaded_tables
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.ledger import prepare, watermark
from pipedrive_assets.warehouse.statements import Sql, table
from pipedrive_assets.warehouse.warehouse import Warehouse

HEADLINE_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The data of the sales overview. All times are UTC.

    Attributes:
        account: The name of the company.
        invented: Whether the data is the sandbox's invented data.
        complete_until: Up to when all tables that the charts use are complete; None if the initial
            load of one is not finished.
        rows: The rows by chart.
        missing: By chart without rows: why its table does not exist.
        days: By chart, the day up to which its tables are complete; charts with a table that is
            not fully loaded are omitted.
        headline: Numbers of deals, by description.
        digest: A digest of everything that the charts show.
        is_known: Whether a page with the same charts exists, so that `rows` were not read.
    """

    account: str = ""
    invented: bool = False
    complete_until: datetime | None = None
    rows: Mapping[str, Sequence[tuple[Any, ...]]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[str, date] = field(default_factory=dict)
    headline: Mapping[str, int] = field(default_factory=dict)
    digest: str = ""
    is_known: bool = False


def overview(warehouse: Warehouse, known: Collection[str] = ()) -> Overview | None:
    """Read the data of all charts.

    Args:
        warehouse: The warehouse; it may not exist yet.
        known: Digests of existing pages; if one shows the same charts, their rows are not read.

    Returns:
        The data; None if nothing was loaded yet.

    Raises:
        WarehouseError: The warehouse cannot be read or written.
    """
    if not warehouse.exists():
        return None
    with warehouse.sql() as sql:
        prepare(sql)
        owner = sql.execute_sql(
            f"SELECT company_name, is_sandbox FROM {table(sql, '_pipedrive_account')}"
        )
        if not owner:
            return None
        computed = ComputedTables(sql)
        absent, is_known = computed.missing, computed.digest in known
        return Overview(
            account=str(owner[0][0]),
            invented=bool(owner[0][1]),
            complete_until=_complete_until(sql, {chart.table for chart in CHARTS}),
            days=_days(sql),
            rows={}
            if is_known
            else {
                chart.name: _rows(computed, chart.query)
                for chart in CHARTS
                if chart.table not in absent
            },
            digest=computed.digest,
            is_known=is_known,
            headline=_headline(sql, computed.columns.get("deals", ())),
            missing={chart.name: absent[chart.table] for chart in CHARTS if chart.table in absent},
        )


def _rows(computed: ComputedTables, query: str) -> Sequence[tuple[Any, ...]]:
    named = dialect.translate(computed.sql, query.format_map(computed))
    return [tuple(row) for row in computed.sql.execute_sql(named) or ()]


def _headline(sql: Sql, columns: Collection[str]) -> dict[str, int]:
    """Count the deals that are open now, and those closed in the 30 days before `complete_until`.

    The result is empty if a column that this needs is excluded.
    """
    until = watermark(sql, BY_NAME["deals"]).complete_until
    if until is None or not {"status", "is_archived", "close_time"} <= set(columns):
        return {}
    since = until - timedelta(days=HEADLINE_DAYS)
    rows = sql.execute_sql(
        "SELECT status, count(*) "
        f"FROM {table(sql, 'deals')} WHERE _deleted_at IS NULL AND ("
        "(status = 'open' AND NOT coalesce(is_archived, FALSE)) "
        "OR (status IN ('won', 'lost') AND close_time > %s)) GROUP BY status",
        since,
    )
    counts = {status: int(count) for status, count in rows or ()}
    closed = f"in the last {HEADLINE_DAYS} days"
    return {
        "deals open": counts.get("open", 0),
        f"won {closed}": counts.get("won", 0),
        f"lost {closed}": counts.get("lost", 0),
    }


def _days(sql: Sql) -> dict[str, date]:
    reached = {chart.name: _complete_until(sql, [chart.table]) for chart in CHARTS}
    return {name: until.astimezone(timezone.utc).date() for name, until in reached.items() if until}


def _complete_until(sql: Sql, derived: Iterable[str]) -> datetime | None:
    """Return up to when all tables that these derived tables read are complete."""
    reads = {name for each in derived for name in loaded_tables(DERIVED_BY_NAME[each])}
    reached = [watermark(sql, BY_NAME[name]).complete_until for name in sorted(reads)]
    return None if None in reached else min(filter(None, reached))
