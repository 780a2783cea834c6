"""Warehouses laid out by an earlier version: what they lack is added before anything is loaded."""

from pipedrive_assets.entities import ENTITIES
from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.source.ledger import LAYOUT, Sql, table, table_exists


def migrate(sql: Sql) -> None:
    """Bring the warehouse to this version's layout; its rows stay.

    Raises WarehouseError for one that a later version has written. Call it with the file held.
    """
    rows = sql.execute_sql(f"SELECT layout FROM {table(sql, '_pipedrive_account')}")
    found = int(rows[0][0] or 1) if rows else LAYOUT
    if found > LAYOUT:
        raise WarehouseError(
            f"A later version of pipedrive_assets has laid out this warehouse (layout {found}, "
            f"this version knows {LAYOUT}). Nothing was written. Update pipedrive_assets."
        )
    if found < LAYOUT:
        _add_reasons(sql)
        sql.execute_sql(f"UPDATE {table(sql, '_pipedrive_account')} SET layout = %s", LAYOUT)


def _add_reasons(sql: Sql) -> None:
    """Layout 2: rows say why they are marked."""
    for entity in ENTITIES:
        if not table_exists(sql, entity.name):
            continue
        name = table(sql, entity.name)
        sql.execute_sql(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS _deleted_reason VARCHAR")
