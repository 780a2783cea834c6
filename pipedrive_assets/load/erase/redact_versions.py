"""Removes erased persons from the histories of tables.

A version is cleaned as a row is before it is loaded (`redact`), because it has the same columns.
Callers of this module hold the warehouse lock.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipedrive_assets.load.erase.erasure import person_fields
from pipedrive_assets.load.erase.redact import Redaction
from pipedrive_assets.load.erase.redact_tables import ROWS_AT_ONCE, delete_rows, written
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.redaction import Redactor
from pipedrive_assets.warehouse.history.history_table import (
    ROW_ID,
    VERSION_COLUMNS,
    histories,
    history_name,
)
from pipedrive_assets.warehouse.statements import Sql, table, table_exists

KEPT = frozenset({*VERSION_COLUMNS, ROW_ID, "_dlt_load_id", "_row_hash"})
PLAIN = (str, int, float, list, dict)
"""Types of values that may contain a name or a number."""

Row = dict[str, Any]


def redact_versions(sql: Sql, redactor: Redactor) -> dict[str, int]:
    """Remove erased persons from every history that exists, also if its table has none any more.

    Args:
        sql: The warehouse, of which the tables themselves are cleaned.
        redactor: Recognizes all erased persons.

    Returns:
        The number of versions that were changed or deleted, by history.
    """
    done = {
        history_name(name): _redact(sql, BY_NAME[name], columns, redactor)
        for name, columns in histories(sql).items()
    }
    return {name: count for name, count in done.items() if count}


def _redact(sql: Sql, entity: Entity, columns: Mapping[str, str], redactor: Redactor) -> int:
    name, redaction = history_name(entity.name), Redaction(redactor=redactor)
    chosen = person_fields(sql, entity.name, columns)
    living = _living(sql) if entity.name == "persons" else None
    gone: list[str] = []
    changed: list[tuple[str, Row]] = []
    for row_id, row in _versions(sql, name, columns):
        if living is not None and row["id"] not in living:
            # The values of a deleted person are removed if they are those of an erased one.
            row["_deleted_at"] = True
        clean = redaction.clean(entity, row, None)
        if clean is None:
            gone.append(row_id)
            continue
        clean.update({each: None for each in chosen if clean[each] in redactor.persons})
        if new := {key: clean[key] for key in columns.keys() & row if clean[key] != row[key]}:
            changed.append((row_id, new))
    delete_rows(sql, name, gone)
    _update(sql, name, changed)
    return len(gone) + len(changed)


def _living(sql: Sql) -> set[int]:
    """Return the ids of the persons that the warehouse has, and that are not deleted."""
    if not table_exists(sql, "persons"):
        return set()
    rows = sql.execute_sql(f"SELECT id FROM {table(sql, 'persons')} WHERE _deleted_at IS NULL")
    return {row[0] for row in rows or ()}


def _versions(sql: Sql, name: str, columns: Mapping[str, str]) -> Iterator[tuple[str, Row]]:
    """Yield the id and the content of each version, with lists decoded."""
    wanted = [column for column in columns if column not in KEPT]
    shown = ", ".join(sql.escape_column_name(column) for column in (ROW_ID, *wanted))
    with sql.execute_query(f"SELECT {shown} FROM {table(sql, name)}") as cursor:
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            for row_id, *values in rows:
                yield row_id, _row(wanted, values)


def _row(names: Sequence[str], values: Sequence[Any]) -> Row:
    return {name: _decoded(value) for name, value in zip(names, values, strict=True)}


def _decoded(value: Any) -> Any:
    """Return a list from its JSON text; other values as they are, and None if they have no text."""
    if isinstance(value, str) and value[:1] == "[":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value if isinstance(value, PLAIN) else None


def _update(sql: Sql, name: str, changed: Sequence[tuple[str, Row]]) -> None:
    for row_id, new in changed:
        shown = ", ".join(f"{sql.escape_column_name(column)} = %s" for column in new)
        sql.execute_sql(
            f"UPDATE {table(sql, name)} SET {shown} WHERE {ROW_ID} = %s",
            *(written(value) for value in new.values()),
            row_id,
        )
