"""The text of the weekly digest: figures of the last seven days, and of the seven days before.

It has counts and amounts only, no names of persons or records.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views.derived_views import ensure_views
from pipedrive_assets.views.rule_results import rule_results
from pipedrive_assets.warehouse.ledger import account_of, all_columns, prepare, watermark
from pipedrive_assets.warehouse.statements import Sql, table
from pipedrive_assets.warehouse.warehouse import Warehouse

DAYS = 7
CURRENCIES = 3
"""Most currencies of a line."""
RULES_SHOWN = 3

DEALS = frozenset({"status", "is_archived", "add_time", "close_time", "value", "currency"})
ACTIVITIES = frozenset({"done", "marked_as_done_time", "add_time"})
OPEN = "status = 'open' AND NOT coalesce(is_archived, FALSE)"

Columns = Mapping[str, Collection[str]]


def digest(warehouse: Warehouse) -> str | None:
    """Return the text of the digest.

    The seven days end when `deals` is complete, not now: later days are not known yet.

    Args:
        warehouse: The warehouse; it may not exist yet.

    Returns:
        Several lines; None if the first load of `deals` is not finished.

    Raises:
        WarehouseError: The warehouse cannot be read or written.
    """
    if not warehouse.exists():
        return None
    with warehouse.sql() as sql:
        prepare(sql)
        account, until = account_of(sql), watermark(sql, BY_NAME["deals"]).complete_until
        if account is None or until is None:
            return None
        held = all_columns(sql)
        ensure_views(sql, held)
        lines = [*_deals(sql, held, until), *_activities(sql, held, until)]
    _, company, invented = account
    title = (
        f"Pipedrive digest of {company}{' (invented data)' if invented else ''}: "
        f"the {DAYS} days to {until:%Y-%m-%d %H:%M} UTC"
    )
    return "\n".join([title, *(f"- {line}" for line in [*lines, *_findings(warehouse)])])


def _deals(sql: Sql, held: Columns, until: datetime) -> Iterator[str]:
    if not {*held.get("deals", ())} >= DEALS:
        yield "No figures of deals: PIPEDRIVE_EXCLUDE_COLUMNS leaves out a column that they need."
        return
    yield f"Deals open now: {_amounts(sql, OPEN)}"
    week = _week(until)
    for what, condition, moment in (
        ("created", "TRUE", "add_time"),
        ("won", "status = 'won'", "close_time"),
        ("lost", "status = 'lost'", "close_time"),
    ):
        this = _amounts(sql, f"{condition} AND {moment} > %s AND {moment} <= %s", *week)
        yield f"Deals {what}: {this}{_before(sql, 'deals', condition, moment, until)}"


def _activities(sql: Sql, held: Columns, until: datetime) -> Iterator[str]:
    reached = watermark(sql, BY_NAME["activities"]).complete_until
    if reached is None or not {*held.get("activities", ())} >= ACTIVITIES:
        return
    until = min(reached, until)
    for what, condition, moment in (
        ("done", "done", "marked_as_done_time"),
        ("created", "TRUE", "add_time"),
    ):
        this = _count(sql, "activities", f"{condition} AND {moment} > %s AND {moment} <= %s", until)
        yield f"Activities {what}: {this}{_before(sql, 'activities', condition, moment, until)}"


def _findings(warehouse: Warehouse) -> Iterator[str]:
    """Yield a line with the rules that find most records."""
    found = sorted(rule_results(warehouse), key=lambda each: (-each.found, each.rule))
    shown = [f"{each.rule} {each.found:,}" for each in found if each.found][:RULES_SHOWN]
    if shown:
        yield f"Records that need care (table hygiene): {', '.join(shown)}"


def _week(until: datetime, *, weeks_ago: int = 0) -> tuple[datetime, datetime]:
    end = until - timedelta(days=DAYS * weeks_ago)
    return end - timedelta(days=DAYS), end


def _before(sql: Sql, name: str, condition: str, moment: str, until: datetime) -> str:
    """Return the count of the seven days before, in parentheses."""
    end = until - timedelta(days=DAYS)
    count = _count(sql, name, f"{condition} AND {moment} > %s AND {moment} <= %s", end)
    return f" ({count:,} in the {DAYS} days before)"


def _count(sql: Sql, name: str, condition: str, until: datetime) -> int:
    ((count,),) = _rows(
        sql,
        f"SELECT count(*) FROM {table(sql, name)} WHERE _deleted_at IS NULL AND {condition}",
        *_week(until),
    )
    return int(count)


def _amounts(sql: Sql, condition: str, *values: Any) -> str:
    """Return the number of deals, and their value by currency, most deals first."""
    rows = _rows(
        sql,
        f"SELECT currency, count(*), sum(coalesce(value, 0)) FROM {table(sql, 'deals')} "
        f"WHERE _deleted_at IS NULL AND {condition} GROUP BY currency ORDER BY 2 DESC, 1",
        *values,
    )
    shown = [f"{float(value):,.0f} {currency}" for currency, _, value in rows if currency and value]
    more = f", and {len(shown) - CURRENCIES} more currencies" if len(shown) > CURRENCIES else ""
    count = sum(int(number) for _, number, _ in rows)
    amounts = f" worth {', '.join(shown[:CURRENCIES])}{more}" if shown else ""
    return f"{count:,}{amounts}"


def _rows(sql: Sql, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in sql.execute_sql(query, *values) or ()]
