"""Removes what a load leaves behind: dlt's staged copies of rows, and the bytes of purged rows.

If a load is killed, both remain. They are recorded in the warehouse, so the next load removes them.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from dlt.common.destination.exceptions import DestinationException as DatabaseException

from pipedrive_assets.fault_text import described
from pipedrive_assets.warehouse.dialect import dependent
from pipedrive_assets.warehouse.ledger import is_own
from pipedrive_assets.warehouse.statements import Sql, table
from pipedrive_assets.warehouse.warehouse import Warehouse

PURGED = "_pipedrive_purged"

log = logging.getLogger(__name__)


def drop_staged(sql: Sql) -> None:
    """Drop dlt's tables in its staging dataset, which have copies of the rows loaded last.

    The dataset itself stays, because the user may not have the right to create it again. A table
    that another object depends on is emptied instead.
    """
    with sql.with_staging_dataset():
        rows = sql.execute_sql(
            "SELECT t.table_name, column_name FROM information_schema.columns c "
            "JOIN information_schema.tables t USING (table_schema, table_name) "
            "WHERE table_schema = %s AND t.table_type = 'BASE TABLE'",
            sql.dataset_name,
        )
        staged: dict[str, list[str]] = {}
        for name, column in rows or ():
            staged.setdefault(name, []).append(column)
        for name in (name for name, columns in staged.items() if is_own(name, columns)):
            _drop(sql, name)


def _drop(sql: Sql, name: str) -> None:
    try:
        sql.execute_sql(f"DROP TABLE {table(sql, name)}")
    except DatabaseException as error:
        if not dependent(error):
            raise
        sql.execute_sql(f"TRUNCATE TABLE {table(sql, name)}")


def note_purge(sql: Sql, name: str) -> None:
    """Record that rows of a table are about to be purged.

    Databases keep the bytes of deleted rows until they reuse the space; `clean_up` removes them.
    """
    sql.execute_sql(f"INSERT INTO {table(sql, PURGED)} VALUES (%s)", name)


@contextmanager
def cleaned_up(warehouse: Warehouse) -> Iterator[None]:
    """Clean up after a load, even if it fails or is stopped.

    Args:
        warehouse: The warehouse.

    Yields:
        Once, for the load.

    Raises:
        WarehouseError: The load succeeded, but the cleanup failed. The next load tries again.
    """
    try:
        yield
    except BaseException:
        # Report the failure of the load, not that of the cleanup.
        _try_to_clean_up(warehouse)
        raise
    clean_up(warehouse)


def clean_up(warehouse: Warehouse) -> None:
    """Drop staged copies, and rewrite the tables that rows were purged from.

    Args:
        warehouse: The warehouse.

    Raises:
        WarehouseError: The warehouse could not be rewritten. The next load tries again.
    """
    with warehouse.exclusive():
        with warehouse.sql() as sql:
            drop_staged(sql)
            rows = sql.execute_sql(f"SELECT DISTINCT entity FROM {table(sql, PURGED)}")
        if rows:
            warehouse.rewrite([name for (name,) in rows])
            with warehouse.sql() as sql:
                sql.execute_sql(f"DELETE FROM {table(sql, PURGED)}")


def _try_to_clean_up(warehouse: Warehouse) -> None:
    try:
        clean_up(warehouse)
    except Exception as error:  # noqa: BLE001 - the failure of the load is reported
        log.warning(
            "The cleanup of %s failed (%s). Staged copies of rows, or bytes of purged rows, are "
            "still there; the next load removes them.",
            *(warehouse, described(error)),
        )
