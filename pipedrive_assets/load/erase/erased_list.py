"""The list of erased persons, with the hashes by which later loads recognize them.

Callers of this module hold the warehouse lock, and the ledger tables exist.
"""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.rows.erased_words import (
    ErasedValue,
    Kind,
    Recognizer,
    erased_values,
    new_salt,
)
from pipedrive_assets.rows.redaction import Redactor
from pipedrive_assets.warehouse.history.history_table import histories, history_name
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS, all_columns
from pipedrive_assets.warehouse.statements import Sql, table, table_exists, tuples

ERASED, VALUES = "_pipedrive_erased", "_pipedrive_erased_values"

Known = Collection[tuple[Kind, str]]
"""Values of a person, each with its kind (name, address or number) and its text."""


def erased_ids(sql: Sql) -> list[int]:
    """Return the Pipedrive ids of the persons on the list."""
    rows = sql.execute_sql(
        f"SELECT id FROM {table(sql, ERASED)} WHERE entity = 'persons' ORDER BY id"
    )
    return [row[0] for row in rows or ()]


def erased_at(sql: Sql) -> dict[int, datetime]:
    """Return when each person on the list was erased, UTC, by id."""
    rows = sql.execute_sql(
        f"SELECT id, erased_at FROM {table(sql, ERASED)} WHERE entity = 'persons' ORDER BY id"
    )
    return {row[0]: row[1] for row in rows or ()}


def remember(sql: Sql, person: int, now: datetime) -> None:
    """Add a person to the list. Hashes that are already stored for the person stay.

    Args:
        sql: The warehouse.
        person: Pipedrive's id.
        now: When the person was erased, UTC.
    """
    _remove(sql, ERASED, person)
    sql.execute_sql(f"INSERT INTO {table(sql, ERASED)} VALUES ('persons', %s, %s)", person, now)


def forgive(sql: Sql, person: int) -> None:
    """Remove a person from the list, and make the next full load write every row again."""
    if person not in erased_ids(sql):
        return
    _remove(sql, ERASED, person)
    _remove(sql, VALUES, person)
    for name, columns in all_columns(sql).items():
        if "_row_hash" in columns:
            sql.execute_sql(f"UPDATE {table(sql, name)} SET _row_hash = 0")
    for name in histories(sql):
        sql.execute_sql(f"UPDATE {table(sql, history_name(name))} SET _row_hash = 0")


def _remove(sql: Sql, name: str, person: int) -> None:
    sql.execute_sql(f"DELETE FROM {table(sql, name)} WHERE entity = 'persons' AND id = %s", person)


def remember_values(sql: Sql, person: int, known: Known) -> int:
    """Add the hashes of a person's values that the list does not have yet.

    Args:
        sql: The warehouse.
        person: Pipedrive's id.
        known: The person's values.

    Returns:
        How many hashes were added.
    """
    salt, held = _stored(sql)
    salt = salt or new_salt()
    before = {value for owner, value in held if owner == person}
    found = {value for kind, text in known for value in erased_values(salt, kind, text)}
    added = sorted(found - before)
    for some in batches(added, STATEMENT_ROWS):
        rows, parameters = tuples(
            [
                ("persons", person, salt, each.kind, each.words, each.first_word, each.digest)
                for each in some
            ]
        )
        sql.execute_sql(f"INSERT INTO {table(sql, VALUES)} VALUES {rows}", *parameters)
    return len(added)


def redactor(sql: Sql) -> Redactor | None:
    """Return the redactor for all persons on the list; None if the list is empty."""
    persons = erased_ids(sql)
    if not persons:
        return None
    salt, held = _stored(sql)
    return _redactor(
        salt,
        tuple(sorted({value for owner, value in held if owner in persons})),
        tuple(persons),
        tuple(_fields_of_persons(sql)),
    )


def _fields_of_persons(sql: Sql) -> list[str]:
    """Return the keys of the custom fields that refer to a person."""
    if not table_exists(sql, "custom_fields_mapping"):
        return []
    rows = sql.execute_sql(
        f"SELECT DISTINCT hash_string FROM {table(sql, 'custom_fields_mapping')} "
        "WHERE field_type = 'people' ORDER BY 1"
    )
    return [row[0] for row in rows or ()]


def recognized_kinds(sql: Sql, person: int) -> Counter[str]:
    """Return the number of hashes by which later loads recognize a person, by kind of value."""
    return Counter(value.kind for owner, value in _stored(sql)[1] if owner == person)


@lru_cache(maxsize=4)  # A redactor caches texts that name no erased person.
def _redactor(
    salt: str,
    values: tuple[ErasedValue, ...],
    persons: tuple[int, ...],
    fields: tuple[str, ...],
) -> Redactor:
    return Redactor(Recognizer(salt, values), persons, fields)


def _stored(sql: Sql) -> tuple[str, list[tuple[int, ErasedValue]]]:
    rows = sql.execute_sql(
        f"SELECT id, salt, kind, words, first_word, digest FROM {table(sql, VALUES)} "
        "WHERE entity = 'persons'"
    )
    salt = rows[0][1] if rows else ""
    return salt, [
        (person, ErasedValue(kind, words, first, digest))
        for person, _, kind, words, first, digest in rows or ()
    ]
