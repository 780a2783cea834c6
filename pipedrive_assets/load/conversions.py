"""Leads that became deals: Pipedrive no longer lists them, and their deals name them.

A converted lead keeps its row, with the reason `converted` and the id of its deal. Call every
function with the file held.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.load.soft_delete import CONVERTED, Key
from pipedrive_assets.registry import Entity
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import Sql, columns_in, in_clause, table, table_exists

LEADS, DEALS = "leads", "deals"
LISTED = "_pipedrive_listed_leads"


def mark_converted(sql: Sql, entity: Entity, moment: datetime) -> int:
    """Mark the leads that a deal names as its source, without a call to Pipedrive.

    A window never shows that a lead is no longer listed, so the deal is the evidence, unless
    Pipedrive listed the lead after it was converted. A lead that is already marked for another
    reason is converted as soon as its deal is known.

    Args:
        sql: The warehouse.
        entity: The table that was loaded; only `leads` and `deals` change anything.
        moment: When the leads are seen converted, UTC.

    Returns:
        How many rows of the table were marked: 0 for any table but `leads`.
    """
    if entity.name not in {LEADS, DEALS} or not _can_tell(sql):
        return 0
    leads, deals = table(sql, LEADS), table(sql, DEALS)
    marked = dialect.changed_rows(
        sql,
        f"UPDATE {leads} SET _deleted_at = %s, _deleted_reason = %s "
        f"WHERE _deleted_at IS NULL AND id IN (SELECT source_lead_id FROM {deals} "
        "WHERE _deleted_at IS NULL AND source_lead_id IS NOT NULL) "
        f"AND id NOT IN (SELECT lead_id FROM {table(sql, LISTED)})",
        moment,
        CONVERTED,
    )
    sql.execute_sql(
        f"UPDATE {leads} AS lead SET _deleted_reason = %s, converted_deal_id = found.deal_id "
        "FROM (SELECT d.source_lead_id AS lead_id, "
        "coalesce(min(CASE WHEN d._deleted_at IS NULL THEN d.id END), min(d.id)) AS deal_id "
        f"FROM {deals} d WHERE d.source_lead_id IS NOT NULL GROUP BY d.source_lead_id) AS found "
        "WHERE found.lead_id = lead.id AND lead._deleted_at IS NOT NULL "
        "AND lead.converted_deal_id IS DISTINCT FROM found.deal_id",
        CONVERTED,
    )
    return marked if entity.name == LEADS else 0


def became_deals(sql: Sql, entity: Entity, missing: Collection[Key]) -> set[Key]:
    """Those of the rows that a reconciliation did not find which a deal names as its source."""
    if entity.name != LEADS or not missing or not _can_tell(sql):
        return set()
    rows = sql.execute_sql(
        f"SELECT DISTINCT source_lead_id FROM {table(sql, DEALS)} WHERE source_lead_id IS NOT NULL"
    )
    return {(row[0],) for row in rows or ()} & set(missing)


def note_listed(
    sql: Sql, entity: Entity, rows: Iterable[Mapping[str, Any]], asked_at: datetime
) -> None:
    """Remember the leads that Pipedrive lists although a deal was made of them before.

    Without it each load would mark them again, and each reconciliation take the mark off.

    Args:
        sql: The warehouse.
        entity: The table whose rows were listed; only `leads` count.
        rows: What the list showed.
        asked_at: When the load began, UTC: a deal added later may be what the lead became since.
    """
    if entity.name != LEADS or not _can_tell(sql):
        return
    listed = table(sql, LISTED)
    for some in batches(sorted({str(row["id"]) for row in rows}), STATEMENT_ROWS):
        these, values = in_clause(some)
        sql.execute_sql(
            f"INSERT INTO {listed} SELECT DISTINCT d.source_lead_id FROM {table(sql, DEALS)} d "
            f"WHERE d.source_lead_id IN ({these}) AND d.add_time < %s "
            f"AND d.source_lead_id NOT IN (SELECT lead_id FROM {listed})",
            *values,
            asked_at,
        )


def _can_tell(sql: Sql) -> bool:
    """Whether both tables exist, with the columns that a setting may keep out."""
    return (
        table_exists(sql, LEADS)
        and table_exists(sql, DEALS)
        and "converted_deal_id" in columns_in(sql, LEADS)
        and {"source_lead_id", "add_time"} <= columns_in(sql, DEALS)
    )
