"""Purging a warehouse of a person: every table, dlt's staged copies, and what deleting leaves."""

from datetime import datetime

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.source import erasure, ledger, views
from pipedrive_assets.source.layout import drop_staged
from pipedrive_assets.source.warehouse import Warehouse


def purge_person(warehouse: Warehouse, person: int, now: datetime) -> dict[str, int]:
    """Erase a person and keep them out; returns the rows touched, by table.

    Databases keep deleted rows until they need their room, so everything is written anew.
    Raises ConfigurationError for somebody whom no table knows and who was not erased before;
    WarehouseError, as any use of the warehouse does.
    """
    with warehouse.exclusive():
        with warehouse.sql() as sql:
            ledger.prepare(sql)
            touched = erasure.erase(sql, [person])
            if not touched and person not in erasure.erased_ids(sql):
                raise ConfigurationError(
                    f"No table here knows of a person {person}, so nothing was erased. Name the id "
                    "that Pipedrive shows in the person's address; a person whom no table holds "
                    "yet can be erased once they are loaded."
                )
            erasure.remember(sql, person, now)
            drop_staged(sql)
            warehouse.rewrite()
        with warehouse.sql() as sql:
            views.rebuild(sql)
    return touched


def forgive_person(warehouse: Warehouse, person: int) -> None:
    """Let later loads bring a person again."""
    with warehouse.sql() as sql:
        ledger.prepare(sql)
        erasure.forgive(sql, person)
