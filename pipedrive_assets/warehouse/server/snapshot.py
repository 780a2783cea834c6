"""A copy of tables in PostgreSQL as of one moment, in a temporary DuckDB file.

Readers that are written for DuckDB files (`compare`, `export`) read the copy.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.dialect import Sql, identifier
from pipedrive_assets.warehouse.duckdb.file import DuckDbFile
from pipedrive_assets.warehouse.duckdb.table_copies import TableCopies
from pipedrive_assets.warehouse.history.history_table import base_name
from pipedrive_assets.warehouse.statements import table
from pipedrive_assets.warehouse.warehouse import Warehouse

ALWAYS = frozenset({"_pipedrive_account", "_pipedrive_coverage", "custom_fields_mapping"})
"""Tables that readers need beside those that they are asked for."""

LOCK_TIMEOUT = "SET lock_timeout = '20s'"
"""How long to wait while a load changes the columns of a table."""

TYPES = frozenset(dialect.TYPES.values())
"""Types that both databases have; columns of other types, which no load creates, become text."""

_SESSION = (
    "SET TimeZone = 'UTC'",
    # Enough digits that each number is read as the same one, also on PostgreSQL 11.
    "SET extra_float_digits = 3",
)
_LINES = "(FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
"""JSON has neither of these characters, so its lines are copied as they are."""


@contextlib.contextmanager
def snapshot(warehouse: Warehouse, entities: Collection[str], memory: str) -> Iterator[Warehouse]:
    """Copy tables with their lists and histories, as of one moment.

    Loads can write meanwhile; a load that changes the columns of a table waits for the copy.

    Args:
        warehouse: A warehouse in PostgreSQL.
        entities: The tables; those that it does not have are left out.
        memory: The memory that DuckDB may use.

    Yields:
        The copy as a warehouse in a DuckDB file, which is removed at the end.

    Raises:
        WarehouseError: The server cannot be read, or the copy cannot be written.
    """
    wanted = {*entities, *ALWAYS}
    with (
        contextlib.closing(TableCopies(warehouse.folder, warehouse.dataset, memory)) as copies,
        warehouse.readonly_client() as sql,
    ):
        _copy(sql, wanted, copies)
    file = DuckDbFile(copies.path, memory=memory, read_only=True)
    with contextlib.closing(Warehouse(file, warehouse.dataset)) as copied:
        try:
            yield copied
        finally:
            copies.path.unlink(missing_ok=True)


def _copy(sql: Sql, wanted: Collection[str], copies: TableCopies) -> None:
    connection: Any = sql.native_connection
    for statement in (LOCK_TIMEOUT, *_SESSION):
        sql.execute_sql(statement)
    names = _columns(sql, wanted)
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
    if names:
        # Before the first query, which determines the moment: PostgreSQL shows older transactions
        # no rows of a table that was rewritten.
        every = ", ".join(table(sql, name) for name in names)
        sql.execute_sql(f"LOCK TABLE {every} IN ACCESS SHARE MODE")
    with connection.cursor() as cursor:
        for name, kinds in _columns(sql, wanted).items():
            types = {each: kind if kind in TYPES else "VARCHAR" for each, kind in kinds.items()}
            rows = f"SELECT {_values(kinds)} FROM {table(sql, name)}"
            with copies.table(name, types) as lines:
                cursor.copy_expert(
                    f"COPY (SELECT row_to_json(r) FROM ({rows}) r) TO STDOUT {_LINES}", lines
                )
    connection.rollback()


def _columns(sql: Sql, wanted: Collection[str]) -> dict[str, dict[str, str]]:
    """Return the columns of the tables to copy, with DuckDB's names of their types."""
    rows = sql.execute_sql(
        "SELECT table_name, column_name, c.data_type FROM information_schema.columns c "
        "JOIN information_schema.tables t USING (table_schema, table_name) "
        "WHERE table_schema = %s AND table_type = 'BASE TABLE' "
        "ORDER BY table_name, c.ordinal_position",
        sql.dataset_name,
    )
    found: dict[str, dict[str, str]] = {}
    for name, column, kind in rows or ():
        if base_name(name).partition("__")[0] in wanted:
            found.setdefault(name, {})[column] = dialect.shown_type(sql, kind)
    return found


def _values(kinds: Mapping[str, str]) -> str:
    casts = {"JSON": "::jsonb"}
    return ", ".join(
        f"{(name := identifier(column))}{casts.get(kind, '' if kind in TYPES else '::text')} "
        f"AS {name}"
        for column, kind in kinds.items()
    )
