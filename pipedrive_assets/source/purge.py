"""Purging a warehouse of a person: every table, dlt's staged copies, and the file itself."""

from datetime import datetime
from pathlib import Path

import duckdb

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.source import erasure, ledger, views
from pipedrive_assets.source.file_lock import explain
from pipedrive_assets.source.layout import drop_staged
from pipedrive_assets.source.warehouse import Warehouse


def purge_person(warehouse: Warehouse, person: int, now: datetime) -> dict[str, int]:
    """Erase a person and keep them out; returns the rows touched, by table.

    DuckDB leaves deleted rows in the file until it needs their room, so the file is written anew.
    Raises ConfigurationError for somebody whom no table knows and who was not erased before;
    WarehouseError, as any use of the file does.
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
            views.drop(sql)
            rewrite(warehouse)
        with warehouse.sql() as sql:
            views.rebuild(sql)
    return touched


def forgive_person(warehouse: Warehouse, person: int) -> None:
    """Let later loads bring a person again."""
    with warehouse.sql() as sql:
        ledger.prepare(sql)
        erasure.forgive(sql, person)


def rewrite(warehouse: Warehouse) -> None:
    """Put a fresh copy in place of the file, so that nothing deleted remains in it.

    Call it with the file held; SQL clients taken before are closed. Raises WarehouseError.
    """
    path = warehouse.path
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.unlink(missing_ok=True)
    warehouse.rest()
    try:
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"ATTACH '{_quoted(fresh)}' AS fresh_copy")
            connection.execute(f'COPY FROM DATABASE "{path.stem}" TO fresh_copy')
            connection.execute("DETACH fresh_copy")
    except duckdb.Error as error:
        fresh.unlink(missing_ok=True)
        raise explain(error, path) from error
    fresh.replace(path)
    Path(f"{path}.wal").unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
