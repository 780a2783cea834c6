"""Erasure: a person taken out of every table, for good.

Whoever is on the list of the erased (`_pipedrive_erased`) is left out by later loads too, even
while Pipedrive still lists them. Call every function with the file held.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from pipedrive_assets.entities import BY_NAME
from pipedrive_assets.reading.chunk import batches
from pipedrive_assets.reading.field_memory import entities_with
from pipedrive_assets.source.dialect import changed_rows
from pipedrive_assets.source.ledger import (
    STATEMENT_ROWS,
    Sql,
    all_columns,
    columns_in,
    marks,
    table,
)

OWNERS = ("deal_id", "org_id", "lead_id", "project_id", "organization_id")
"""Whom a note, file or activity may belong to beside a person; one that has none is the
person's."""

PERSONS_OWN = ("notes", "files", "activities", "call_logs")
NAMES_OF = {
    "notes": ("person__name",),
    "files": ("person_name",),
    "call_logs": ("from_phone_number", "to_phone_number"),
}
"""Columns that say a person's name or number beside `person_id`."""

WHOSE = {
    "persons": "id",
    "deals_participants": "person_id",
    "deals_participants_changelog": "person_id",
    "persons_changelog": "person_id",
    "persons_followers": "person_id",
}
"""Tables whose rows are a person's, with the column that says whose."""

HISTORIES: dict[str, tuple[str, ...]] = {
    "deals_flow": ("old_value", "new_value", "event"),
    "deals_changelog": ("old_value", "new_value"),
    "organizations_changelog": ("old_value", "new_value"),
    "project_changelog": ("old_values", "new_values"),
    "mail_threads": (
        *("parties__from", "parties__to", "subject"),
        *("snippet", "snippet_draft", "snippet_sent"),
    ),
}
"""Tables whose rows stay and lose what they say where it names a person; the columns that say
something."""

MAIL, PARTIES, MAIL_SAID = (
    "mail_messages",
    ("from", "to", "cc", "bcc"),
    ("subject", "snippet", "draft"),
)
"""Messages lose what they say where a person is among the parties."""

PERSON_KEYS = frozenset({"person_id", "linked_person_id", "person"})
LEAST_TELLING = 5
"""Shorter texts than this stand in too many events to name anybody."""


def erased_ids(sql: Sql) -> list[int]:
    """The persons on the list."""
    rows = sql.execute_sql(
        f"SELECT id FROM {table(sql, '_pipedrive_erased')} WHERE entity = 'persons' ORDER BY id"
    )
    return [row[0] for row in rows or ()]


def remember(sql: Sql, person: int, now: datetime) -> None:
    """Put a person on the list."""
    forgive(sql, person)
    sql.execute_sql(
        f"INSERT INTO {table(sql, '_pipedrive_erased')} VALUES ('persons', %s, %s)", person, now
    )


def forgive(sql: Sql, person: int) -> None:
    """Take a person off the list: the next full load or change brings them back."""
    sql.execute_sql(
        f"DELETE FROM {table(sql, '_pipedrive_erased')} WHERE entity = 'persons' AND id = %s",
        person,
    )


def erase(sql: Sql, persons: Sequence[int]) -> dict[str, int]:
    """Take persons out of every table; rows touched, by table."""
    words = _telling(sql, persons)
    done = {name: _erase_in(sql, name, persons, words) for name in _tables(sql)}
    return {name: count for name, count in done.items() if count}


def _erase_in(sql: Sql, name: str, persons: Sequence[int], words: Sequence[str]) -> int:
    columns, root = columns_in(sql, name), name.partition("__")[0]
    if name in WHOSE:
        return _delete(sql, name, WHOSE[name], persons)
    if name in HISTORIES:
        return _erase_history(sql, name, columns, persons, words)
    if name == MAIL:
        return _blank(sql, name, _messages_of(sql, persons), MAIL_SAID)
    if name != root:
        by = [column for column in ("person_id", "linked_person_id") if column in columns]
        named = sum(_delete(sql, name, column, persons) for column in by)
        return named + _delete_orphans(sql, name)
    chosen = _forget_chosen(sql, name, columns, persons)
    return chosen + (_let_go(sql, name, columns, persons) if "person_id" in columns else 0)


def _forget_chosen(sql: Sql, name: str, columns: set[str], persons: Sequence[int]) -> int:
    """Custom fields that name a person lose the id."""
    if "custom_fields_mapping" not in _tables(sql):
        return 0
    rows = sql.execute_sql(
        "SELECT endpoint, normalized_name "
        f"FROM {table(sql, 'custom_fields_mapping')} WHERE field_type = 'people'"
    )
    fields = {
        column
        for endpoint, column in rows or ()
        if column in columns and name in {entity.name for entity in entities_with(endpoint)}
    }
    return sum(
        changed_rows(
            sql,
            f"UPDATE {table(sql, name)} SET {sql.escape_column_name(column)} = NULL "
            f"WHERE {sql.escape_column_name(column)} IN ({marks(persons)})",
            *persons,
        )
        for column in sorted(fields)
    )


def _let_go(sql: Sql, name: str, columns: set[str], persons: Sequence[int]) -> int:
    """Rows that are only a person's go, others lose the person's id and name."""
    touched = 0
    if name in PERSONS_OWN:
        alone = "".join(f" AND {column} IS NULL" for column in OWNERS if column in columns)
        touched = _delete(sql, name, "person_id", persons, alone)
    blank = [column for column in NAMES_OF.get(name, ()) if column in columns]
    to_null = ", ".join(f"{sql.escape_column_name(c)} = NULL" for c in (*blank, "person_id"))
    return touched + changed_rows(
        sql,
        f"UPDATE {table(sql, name)} SET {to_null} WHERE person_id IN ({marks(persons)})",
        *persons,
    )


def _delete(sql: Sql, name: str, column: str, persons: Sequence[int], further: str = "") -> int:
    return changed_rows(
        sql,
        f"DELETE FROM {table(sql, name)} WHERE {column} IN ({marks(persons)}){further}",
        *persons,
    )


def _delete_orphans(sql: Sql, name: str) -> int:
    """Lists of rows that are gone."""
    columns = columns_in(sql, name)
    link = "_dlt_root_id" if "_dlt_root_id" in columns else "_dlt_parent_id"
    root = table(sql, name.partition("__")[0])
    return changed_rows(
        sql,
        f"DELETE FROM {table(sql, name)} WHERE {link} NOT IN (SELECT _dlt_id FROM {root})",
    )


def _erase_history(
    sql: Sql, name: str, columns: set[str], persons: Sequence[int], words: Sequence[str]
) -> int:
    """Events that name a person keep their place and time, and lose what they say."""
    said = [column for column in HISTORIES[name] if column in columns]
    if not said:
        return 0
    key, field = BY_NAME[name].key, "field_key" if "field_key" in columns else "NULL"
    rows = sql.execute_sql(
        f"SELECT {', '.join((*key, field, *said))} FROM {table(sql, name)} "
        f"WHERE {' OR '.join(f'{column} IS NOT NULL' for column in said)}"
    )
    found = [
        row[: len(key)]
        for row in rows or ()
        if any(names_person(row[len(key)], value, persons, words) for value in row[len(key) + 1 :])
    ]
    return _blank(sql, name, found, said)


def _blank(sql: Sql, name: str, keys: Collection[Sequence[Any]], said: Sequence[str]) -> int:
    """Take from rows what they say; returns how many rows."""
    to_null = ", ".join(f"{sql.escape_column_name(column)} = NULL" for column in said)
    one = " AND ".join(f"{column} = %s" for column in BY_NAME[name].key)
    for some in batches(keys, STATEMENT_ROWS):
        these = " OR ".join([f"({one})"] * len(some))
        values = [value for key in some for value in key]
        sql.execute_sql(f"UPDATE {table(sql, name)} SET {to_null} WHERE {these}", *values)
    return len(keys)


def _messages_of(sql: Sql, persons: Sequence[int]) -> set[tuple[Any, ...]]:
    """The keys of the messages among whose parties a person is."""
    held, key = {*_tables(sql)}, ", ".join(f"m.{column}" for column in BY_NAME[MAIL].key)
    found: set[tuple[Any, ...]] = set()
    for name in (f"{MAIL}__{side}" for side in PARTIES):
        if name in held:
            rows = sql.execute_sql(
                f"SELECT {key} FROM {table(sql, MAIL)} m JOIN {table(sql, name)} p "
                f"ON p._dlt_parent_id = m._dlt_id WHERE p.linked_person_id IN ({marks(persons)})",
                *persons,
            )
            found |= {tuple(row) for row in rows or ()}
    return found


def names_person(
    field: str | None, value: Any, persons: Collection[int], words: Sequence[str]
) -> bool:
    """Whether an event's value names one of the persons, by id or by what is known of them."""
    if value is None:
        return False
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if any(word in text for word in words):
        return True
    if field == "person_id" and text.strip('"') in {str(person) for person in persons}:
        return True
    if not any(str(person) in text for person in persons) or text[:1] not in "{[":
        return False
    try:
        return any(person in persons for person in _persons_in(json.loads(text)))
    except ValueError:
        return False


def _persons_in(value: Any) -> Iterator[Any]:
    """Every id that stands under a person's key, as itself or in a reference."""
    if isinstance(value, list):
        for item in value:
            yield from _persons_in(item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in PERSON_KEYS:
                yield inner.get("value", inner.get("id")) if isinstance(inner, dict) else inner
            if name in {"old_value", "new_value"} and value.get("field_key") == "person_id":
                yield int(inner) if str(inner).isdigit() else None
            yield from _persons_in(inner)


def _telling(sql: Sql, persons: Sequence[int]) -> list[str]:
    """Names, addresses and numbers of the persons, while the table still has them."""
    columns = {name: columns_in(sql, name) for name in _tables(sql) if name.startswith("persons")}
    if "name" not in columns.get("persons", ()):
        return []
    people = f"{table(sql, 'persons')} p WHERE p.id IN ({marks(persons)})"
    rows = list(sql.execute_sql(f"SELECT p.name FROM {people}", *persons) or ())
    for name in ("persons__emails", "persons__phones"):
        if "value" in columns.get(name, ()):
            rows += (
                sql.execute_sql(
                    f"SELECT l.value FROM {table(sql, name)} l, {people} "
                    "AND p._dlt_id = l._dlt_parent_id",
                    *persons,
                )
                or ()
            )
    return sorted({row[0] for row in rows if row[0] and len(row[0]) >= LEAST_TELLING})


def _tables(sql: Sql) -> list[str]:
    """The tables of data, those of persons first, each before its lists."""
    names = (name for name in all_columns(sql) if not name.startswith("_"))
    return sorted(names, key=lambda name: (name[:7] != "persons", name))
