"""Leads that were converted to deals. Pipedrive stops listing them; their deals refer to them.

A converted lead keeps its row, with `_deleted_reason` `converted` and the id of its deal. Callers
of this module hold the warehouse lock.
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
    """Mark the leads that are the `source_lead_id` of a deal, without a call to Pipedrive.

    An incremental load does not show that a lead is no longer listed, so the deal is the evidence,
    unless Pipedrive listed the lead after its conversion. A lead that is already marked for
    another reason becomes `converted` as soon as its deal is known.

    Args:
        sql: The warehouse.
        entity: The table that was loaded; other tables than `leads` and `deals` are ignored.
        moment: The value for `_deleted_at`, UTC.

    Returns:
        The number of rows of `entity` that were marked; 0 for every table but `leads`.
    """
    if entity.name not in {LEADS, DEALS} or not _has_conversion_columns(sql):
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
    """Return the missing leads that were converted to deals.

    Args:
        sql: The warehouse.
        entity: The table being reconciled; the result is empty for every table but `leads`.
        missing: Keys of rows that the reconciliation did not find in Pipedrive's lists.

    Returns:
        The keys in `missing` that are the `source_lead_id` of a deal.
    """
    if entity.name != LEADS or not missing or not _has_conversion_columns(sql):
        return set()
    rows = sql.execute_sql(
        f"SELECT DISTINCT source_lead_id FROM {table(sql, DEALS)} WHERE source_lead_id IS NOT NULL"
    )
    return {(row[0],) for row in rows or ()} & set(missing)


def note_listed(
    sql: Sql, entity: Entity, rows: Iterable[Mapping[str, Any]], asked_at: datetime
) -> None:
    """Record the leads that Pipedrive still lists after their conversion to a deal.

    Without this record each load would mark them as converted, and each reconciliation would
    remove the mark.

    Args:
        sql: The warehouse.
        entity: The table whose rows were listed; other tables than `leads` are ignored.
        rows: The listed rows.
        asked_at: When the load began, UTC. Deals added later are ignored: the lead may have been
            converted after it was listed.
    """
    if entity.name != LEADS or not _has_conversion_columns(sql):
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


def _has_conversion_columns(sql: Sql) -> bool:
    """Whether both tables exist, with the needed columns (settings may exclude them)."""
    return (
        table_exists(sql, LEADS)
        and table_exists(sql, DEALS)
        and "converted_deal_id" in columns_in(sql, LEADS)
        and {"source_lead_id", "add_time"} <= columns_in(sql, DEALS)
    )
