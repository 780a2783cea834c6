"""Building blocks for SQL statements: table names, lists of values, columns."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pipedrive_assets.warehouse import dialect

_PLAIN = re.compile(r"[\w.:+-]*", re.ASCII)
"""Texts that need no escaping between quotes in any database: names and ids."""


Sql = dialect.Sql


def table(sql: Sql, name: str) -> str:
    """Return the qualified and quoted name of a table."""
    return sql.make_qualified_table_name(name)


def table_exists(sql: Sql, name: str) -> bool:
    """Whether a table or view exists. No statement fails, so a transaction goes on."""
    return dialect.relation_exists(sql, table(sql, name))


@contextmanager
def transaction(sql: Sql) -> Iterator[None]:
    """Commit what the block does, or undo it, also if the process is interrupted.

    A statement that fails ends the transaction, even if its exception is caught.

    Args:
        sql: The warehouse; the caller holds its lock and has begun no transaction.

    Yields:
        Once.
    """
    with sql.begin_transaction() as begun:
        try:
            yield
        except Exception:
            raise
        except BaseException:
            # dlt's client leaves the transaction open.
            begun.rollback_transaction()
            raise


def columns_in(sql: Sql, name: str) -> set[str]:
    """Return the column names of an existing table."""
    with sql.execute_query(f"SELECT * FROM {table(sql, name)} LIMIT 0") as cursor:
        return {column[0] for column in cursor.description}


def conversion(sql: Sql, name: str, column: str, kind: str) -> str:
    """Return the statement that converts a column; values that do not fit become null.

    Args:
        sql: A client of the database.
        name: The table.
        column: The column.
        kind: DuckDB's name of its new type.

    Returns:
        The statement, in the SQL of the client's database.
    """
    quoted = sql.escape_column_name(column)
    change = f"ALTER COLUMN {quoted} TYPE {kind} USING TRY_CAST({quoted} AS {kind})"
    return dialect.translate(sql, f"ALTER TABLE {table(sql, name)} {change}")


def placeholders(values: Sequence[Any]) -> str:
    """Return one SQL placeholder per value, for example `%s, %s`."""
    return ", ".join(["%s"] * len(values))


def in_clause(values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """Return the content of `IN (…)` for these values, and its parameters.

    Simple values are literals, not parameters: DuckDB tries to import pandas for each parameter,
    and if pandas is not installed, that takes longer than the query.

    Args:
        values: The values.

    Returns:
        The SQL and its parameters.
    """
    texts = [_literal(value) for value in values]
    parameters = [value for value, text in zip(values, texts, strict=True) if text is None]
    return ", ".join(text or "%s" for text in texts), tuple(parameters)


def tuples(rows: Sequence[Sequence[Any]]) -> tuple[str, tuple[Any, ...]]:
    """Return the content of `VALUES` for these rows, and its parameters; see `in_clause`."""
    parts = [in_clause(row) for row in rows]
    text = ", ".join(f"({values})" for values, _ in parts)
    return text, tuple(parameter for _, parameters in parts for parameter in parameters)


def _literal(value: object) -> str | None:
    """Return a value as an SQL literal; None if it has to be a parameter."""
    if value is None:
        return "NULL"
    if type(value) is int:
        return str(value)
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{value.isoformat()}'"
    return f"'{value}'" if isinstance(value, str) and _PLAIN.fullmatch(value) else None
