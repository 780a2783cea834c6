"""Masks personal data: a private database whose views replace the columns of the warehouse.

The warehouse is attached read-only to a database in memory, under a random name. The database has a
view for each table that a query reads, and the query can name nothing else (`statement.check`).
"""

import contextlib
import secrets
from collections.abc import Collection, Iterable, Iterator

import duckdb

from pipedrive_assets.errors import raise_alone
from pipedrive_assets.views.catalog import Relation
from pipedrive_assets.views.personal import MASK
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.dialect import identifier, quoted
from pipedrive_assets.warehouse.read_only import PATIENCE, Patience, opened

LOCKED_DOWN = (
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def connect(memory: str) -> duckdb.DuckDBPyConnection:
    """Open an empty database in memory.

    Args:
        memory: The memory that it may use. It writes no temporary files, so a query that needs more
            fails.

    Returns:
        The connection.
    """
    return duckdb.connect(
        config={
            "memory_limit": memory,
            "temp_directory": "",
            "python_enable_replacements": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )


@contextlib.contextmanager
def masked(
    warehouse: Warehouse,
    relations: Iterable[Relation],
    shown: Collection[str],
    *,
    memory: str,
    patience: Patience = PATIENCE,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database that has the given tables with masked personal data.

    Args:
        warehouse: The result of `reader_of`, in a file.
        relations: The tables and views that a query reads.
        shown: Columns that are not masked, as `table.column`; `*`: all columns.
        memory: The memory that DuckDB may use.
        patience: How long to wait while a load writes.

    Yields:
        A connection that can read these tables and no file, and whose settings cannot change.

    Raises:
        WarehouseError: The warehouse cannot be opened or is being written.
    """
    place = f"w{secrets.token_hex(16)}"

    def attach(held: Warehouse) -> duckdb.DuckDBPyConnection:
        connection = connect(memory)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"ATTACH {quoted(str(held.path))} AS {place} (READ_ONLY)")
        except BaseException:
            connection.close()
            raise
        return connection

    with contextlib.closing(opened(warehouse, attach, patience)) as connection:
        dataset = warehouse.dataset
        try:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(dataset)}")
            for relation in relations:
                source = f"{place}.{identifier(dataset)}.{identifier(relation.name)}"
                query = f"SELECT {masked_columns(relation, shown)} FROM {source}"
                connection.execute(
                    f"CREATE VIEW {identifier(dataset)}.{identifier(relation.name)} AS {query}"
                )
            connection.execute(f"SET search_path = '{dataset}'")
            for statement in LOCKED_DOWN:
                connection.execute(statement)
        except duckdb.Error as error:
            raise_alone(warehouse.translate_error(error))
        yield connection


def is_masked(relation: Relation, column: str, shown: Collection[str]) -> bool:
    """Return whether a column is masked.

    Args:
        relation: The table or view.
        column: The column.
        shown: Columns that are not masked, as `table.column`; `*`: all columns.
    """
    if column not in relation.personal or "*" in shown:
        return False
    return not {f"{relation.name}.{column}", f"{relation.base}.{column}"} & {*shown}


def masked_columns(relation: Relation, shown: Collection[str]) -> str:
    """Return SQL for the columns of a table, with constants in place of masked columns."""
    return ", ".join(
        f"{_mask(name, kind)} AS {identifier(name)}"
        if is_masked(relation, name, shown)
        else identifier(name)
        for name, kind in relation.columns.items()
    )


def _mask(name: str, kind: str) -> str:
    """Return the mask of a column: its null values stay null; numbers become null."""
    if kind.upper() not in {"VARCHAR", "JSON"}:
        return f"CAST(NULL AS {kind})"
    text = quoted(MASK if kind.upper() == "VARCHAR" else f'"{MASK}"')
    return f"CAST(CASE WHEN {identifier(name)} IS NOT NULL THEN {text} END AS {kind})"
