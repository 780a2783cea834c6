"""The next and the last activity of each deal and lead, as queries for the readable views.

They come from the table `activities`: the counters in the rows of deals and leads change without
`update_time`, so between two reconciliations they are out of date.
"""

from collections.abc import Collection

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.warehouse.ledger import watermark
from pipedrive_assets.warehouse.statements import Sql

SHOWN = ("id", "subject", "type", "due_date", "due_time")
DAY = "coalesce(a.due_date, CAST(a.marked_as_done_time AT TIME ZONE 'UTC' AS DATE))"
SOURCES = {
    "deals_next_activity": ("deals", "deal_id", "next_activity_id"),
    "deals_last_activity": ("deals", "deal_id", "last_activity_id"),
    "leads_next_activity": ("leads", "lead_id", "next_activity_id"),
}
"""By placeholder in a view's query: the table, the column of `activities` that refers to it, and
the column of the table that has the activity's id."""

# All-day activities come before those with a time; activities without a date come last.
EARLIEST = (
    "CASE WHEN a.due_date IS NULL THEN 1 ELSE 0 END, a.due_date, coalesce(a.due_time, ''), a.id"
)
LATEST = (
    f"CASE WHEN {DAY} IS NULL THEN 1 ELSE 0 END, {DAY} DESC, coalesce(a.due_time, '') DESC, "
    "a.id DESC"
)
ORDERS = {
    "next_activity_id": ("NOT coalesce(a.done, FALSE)", EARLIEST),
    "last_activity_id": ("a.done", LATEST),
}
"""By column: which activities qualify, and the order of which the first one is taken."""


def linked_activities(sql: Sql, existing: Collection[str]) -> dict[str, str]:
    """Return queries for the next and the last activity of deals and leads.

    Each query has the columns `row_id` and those of the activity, and at most one row per deal or
    lead.

    Args:
        sql: The warehouse, whose ledger tables exist.
        existing: The names of the tables that exist.

    Returns:
        The queries by their placeholder; `{deals}` in a query is the placeholder of a table. If
        the initial load of `activities` is not finished, the queries use the activity id in the
        row of the deal or lead.
    """
    known = "activities" in existing and watermark(sql, BY_NAME["activities"]).initial_load_at
    return {
        name: _from_activities(link, counter) if known else _from_counter(base, counter)
        for name, (base, link, counter) in SOURCES.items()
        if base in existing
    }


def _from_activities(link: str, counter: str) -> str:
    counts, order = ORDERS[counter]
    columns = ", ".join(f"a.{column}" for column in SHOWN)
    ranked = (
        f"SELECT a.{link} AS row_id, {columns}, "
        f"row_number() OVER (PARTITION BY a.{link} ORDER BY {order}) AS place "
        f"FROM {{activities}} a "
        f"WHERE a._deleted_at IS NULL AND a.{link} IS NOT NULL AND {counts}"
    )
    shown = ", ".join(f"ranked.{column}" for column in ("row_id", *SHOWN))
    return f"(SELECT {shown} FROM ({ranked}) ranked WHERE ranked.place = 1)"


def _from_counter(base: str, counter: str) -> str:
    columns = ", ".join(f"a.{column}" for column in SHOWN[1:])
    return (
        f"(SELECT r.id AS row_id, r.{counter} AS id, {columns} "
        f"FROM {{{base}}} r LEFT JOIN {{activities}} a ON a.id = r.{counter})"
    )
