"""Building blocks of SQL statements: names of tables, lists of values, columns."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipedrive_assets.warehouse import dialect

_PLAIN = re.compile(r"[\w.:+-]*", re.ASCII)
"""Text that means the same in every database between quotes: names and ids."""


Sql = dialect.Sql


def table(sql: Sql, name: str) -> str:
    """A table's qualified, quoted name."""
    return sql.make_qualified_table_name(name)


def table_exists(sql: Sql, name: str) -> bool:
    """Whether a table has been made."""
    try:
        sql.execute_sql(f"SELECT 1 FROM {table(sql, name)} LIMIT 0")
    except DatabaseUndefinedRelation:
        return False
    return True


def columns_in(sql: Sql, name: str) -> set[str]:
    """The columns of a table that exists."""
    with sql.execute_query(f"SELECT * FROM {table(sql, name)} LIMIT 0") as cursor:
        return {column[0] for column in cursor.description}


def placeholders(values: Sequence[Any]) -> str:
    """As many parameter marks as values."""
    return ", ".join(["%s"] * len(values))


def in_clause(values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """What stands in `IN (…)` for these values, and its parameters.

    Plain values are written out: for each parameter DuckDB looks for pandas, and where that is not
    installed, searching takes longer than finding the row.
    """
    texts = [_literal(value) for value in values]
    parameters = [value for value, text in zip(values, texts, strict=True) if text is None]
    return ", ".join(text or "%s" for text in texts), tuple(parameters)


def tuples(rows: Sequence[Sequence[Any]]) -> tuple[str, tuple[Any, ...]]:
    """What stands behind `VALUES` for these rows, and its parameters; values as in `in_clause`."""
    parts = [in_clause(row) for row in rows]
    text = ", ".join(f"({values})" for values, _ in parts)
    return text, tuple(parameter for _, parameters in parts for parameter in parameters)


def _literal(value: object) -> str | None:
    """A value as SQL; None for one that has to be a parameter."""
    if value is None:
        return "NULL"
    if type(value) is int:
        return str(value)
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{value.isoformat()}'"
    return f"'{value}'" if isinstance(value, str) and _PLAIN.fullmatch(value) else None
