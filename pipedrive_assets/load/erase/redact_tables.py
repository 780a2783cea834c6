"""Removes what names an erased person from rows that are already in the warehouse.

Callers of this module hold the warehouse lock.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.redaction import Redactor, is_structure, may_name
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import Sql, in_clause, table

TEXTS, NUMBERS = frozenset({"VARCHAR", "JSON"}), frozenset({"BIGINT", "DOUBLE"})
ROWS_AT_ONCE = 5_000


def redact_table(sql: Sql, name: str, columns: Mapping[str, str], redactor: Redactor) -> int:
    """Redact the texts of a table that name erased persons.

    Args:
        sql: The warehouse.
        name: A table or list table.
        columns: The types of its columns, as DuckDB names them.
        redactor: Recognizes erased persons.

    Returns:
        The number of rows that were changed.
    """
    wanted = _columns_to_search(name, columns)
    changed = []
    for row_id, *values in _rows(sql, name, wanted):
        made = [
            None if value is None else redactor.redact_cell(name, column, value)
            for column, value in zip(wanted, values, strict=True)
        ]
        if any(one is not other for one, other in zip(made, values, strict=True)):
            changed.append((row_id, made))
    shown = ", ".join(f"{sql.escape_column_name(column)} = %s" for column in wanted)
    for row_id, made in changed:
        sql.execute_sql(
            f"UPDATE {table(sql, name)} SET {shown} WHERE _dlt_id = %s",
            *(written(value) for value in made),
            row_id,
        )
    return len(changed)


def keyed_rows(sql: Sql, name: str, redactor: Redactor) -> list[str]:
    """Find the rows whose primary key contains a name of an erased person.

    Args:
        sql: The warehouse.
        name: The table.
        redactor: Recognizes erased persons.

    Returns:
        The `_dlt_id` of each such row.
    """
    key = BY_NAME[name].key
    return [
        row_id
        for row_id, *values in _rows(sql, name, key)
        if redactor.names_in_key(name, key, dict(zip(key, values, strict=True)))
    ]


def named_rows(
    sql: Sql, name: str, columns: Mapping[str, str], redactor: Redactor, link: str = "_dlt_id"
) -> list[str]:
    """Find the rows whose texts name an erased person.

    Args:
        sql: The warehouse.
        name: A table or list table.
        columns: The types of its columns, as DuckDB names them.
        redactor: Recognizes erased persons.
        link: The column to return.

    Returns:
        The value of `link` in each such row.
    """
    wanted = _columns_to_search(name, columns)
    return [
        key
        for key, *values in _rows(sql, name, wanted, link)
        if any(redactor.names(value) for value in values)
    ]


def delete_rows(sql: Sql, name: str, ids: Sequence[str]) -> None:
    """Delete the rows with these values of `_dlt_id`.

    Args:
        sql: The warehouse.
        name: A table or list table.
        ids: Values of `_dlt_id`.
    """
    for some in batches(ids, STATEMENT_ROWS):
        these, values = in_clause(some)
        sql.execute_sql(f"DELETE FROM {table(sql, name)} WHERE _dlt_id IN ({these})", *values)


def _columns_to_search(name: str, columns: Mapping[str, str]) -> list[str]:
    root, _, nested = name.partition("__")
    entity, known = BY_NAME[root], columns_of(root)
    typed = known.lists.get(nested, {}) if nested else known.columns
    return [
        column
        for column, kind in columns.items()
        if (kind in TEXTS or (kind in NUMBERS and not (column in typed or is_structure(column))))
        and not column.startswith("_dlt")
        and may_name(root, entity.key, f"{nested}__{column}" if nested else column)
    ]


def _rows(
    sql: Sql, name: str, wanted: Sequence[str], link: str = "_dlt_id"
) -> Iterator[tuple[Any, ...]]:
    if not wanted:
        return
    shown = [sql.escape_column_name(column) for column in wanted]
    some = " OR ".join(f"{column} IS NOT NULL" for column in shown)
    query = f"SELECT {link}, {', '.join(shown)} FROM {table(sql, name)} WHERE {some}"
    with sql.execute_query(query) as cursor:
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield from rows


def written(value: Any) -> Any:
    """Return a value as a parameter of a statement: objects and lists as JSON text."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
