"""Comments on tables and columns, written only where they are missing or different."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence

from dlt.common.destination.exceptions import DestinationException as DatabaseException

from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.statements import Sql, table

log = logging.getLogger(__name__)

Comments = Mapping[tuple[str, str], str]
"""Texts by table and column; the column is empty for the table itself."""

_HELD = {
    dialect.DUCKDB: (
        "SELECT table_name, '', comment FROM duckdb_tables() WHERE comment IS NOT NULL "
        "AND schema_name = %s AND database_name = current_database() "
        "UNION ALL SELECT table_name, column_name, comment FROM duckdb_columns() "
        "WHERE comment IS NOT NULL AND schema_name = %s AND database_name = current_database()"
    ),
    dialect.POSTGRES: (
        "SELECT c.relname, coalesce(a.attname, ''), d.description FROM pg_description d "
        "JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid "
        "AND d.objsubid > 0 WHERE c.relkind = 'r' AND %s = n.nspname AND %s = n.nspname"
    ),
}


def held_comments(sql: Sql) -> dict[tuple[str, str], str]:
    """Return the comments of the dataset's tables and their columns."""
    rows = sql.execute_sql(_HELD[dialect.speaks(sql)], sql.dataset_name, sql.dataset_name)
    return {(name, column): text for name, column, text in rows or ()}


def write_comments(sql: Sql, wanted: Comments) -> None:
    """Write the comments that are missing or different.

    A table whose comments the database refuses, for example because an index of yours depends on
    it, is left as it is: comments are not worth a failed load.

    Args:
        sql: The warehouse.
        wanted: The comments; every table and column in it exists.
    """
    held = held_comments(sql)
    statements: dict[str, list[str]] = defaultdict(list)
    for (name, column), text in wanted.items():
        if held.get((name, column)) != text:
            place = f"{table(sql, name)}.{sql.escape_column_name(column)}"
            what = f"COLUMN {place}" if column else f"TABLE {table(sql, name)}"
            statements[name].append(f"COMMENT ON {what} IS {dialect.quoted(text)}")
    for name, each in statements.items():
        _execute(sql, name, each)


def _execute(sql: Sql, name: str, statements: Sequence[str]) -> None:
    try:
        with sql.begin_transaction():  # a commit per comment takes longer than the comment
            sql.execute_sql("; ".join(statements))
    except DatabaseException as error:
        log.info("The table %s has no comments: %s.", name, type(error).__name__)
