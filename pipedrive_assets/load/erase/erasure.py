"""Removes persons from every table of a warehouse.

Later loads omit all persons on the list of erased persons (`erased_list`), even while Pipedrive
still returns them. Callers of this module hold the warehouse lock.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.extract.custom_fields import entities_with
from pipedrive_assets.load.erase.redact_tables import (
    ROWS_AT_ONCE,
    delete_rows,
    keyed_rows,
    named_rows,
    redact_table,
)
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.redaction import Redactor
from pipedrive_assets.warehouse.dialect import changed_rows
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS, all_columns
from pipedrive_assets.warehouse.statements import Sql, columns_in, in_clause, placeholders, table

Tables = Mapping[str, Mapping[str, str]]
OWNERS = ("deal_id", "org_id", "lead_id", "project_id", "organization_id")
"""The other records that a note, file or activity may belong to. If it has none of them, it belongs
to its person alone."""

PERSONS_OWN = ("notes", "files", "activities", "call_logs")
NAMES_OF = {
    "notes": ("person__name",),
    "files": ("person_name",),
    "call_logs": ("from_phone_number", "to_phone_number"),
}
"""Columns with the name or number of the person in `person_id`."""

WHOSE = {
    "persons": "id",
    "deals_participants": "person_id",
    "deals_participants_changelog": "person_id",
    "persons_changelog": "person_id",
    "persons_followers": "person_id",
    "persons_followers_changelog": "person_id",
    "persons_mails": "person_id",
}
"""Tables whose rows belong to a person, with the column that has the person's id."""

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
"""Tables whose rows stay, and the columns that become null if they name an erased person."""

MAILS = ("mail_messages", "deals_mails", "persons_mails", "organizations_mails")
PARTIES = ("from", "to", "cc", "bcc")
MAIL_TEXTS = ("subject", "snippet", "draft", "body")
"""The tables of emails, their lists of parties, and the columns that become null if an erased
person is one of the parties."""

PARTY_LISTS: Mapping[str, frozenset[str]] = {
    "activities": frozenset({"attendees", "participants"}),
    "mail_threads": frozenset({"drafts_parties"}),
    **dict.fromkeys(MAILS, frozenset(PARTIES)),
}
"""Lists of people: items that name an erased person are removed as a whole."""

OWN_COLUMNS = ("name", "first_name", "last_name")


def erase(sql: Sql, persons: Sequence[int], redactor: Redactor) -> dict[str, int]:
    """Remove persons from every table.

    Args:
        sql: The warehouse.
        persons: Pipedrive's ids of the persons.
        redactor: Recognizes all erased persons, including `persons`.

    Returns:
        The number of rows that were changed or deleted, by table.
    """
    tables = _tables(sql)
    all_ids = [*persons, *_deleted_twins(sql, tables, redactor)]
    done = Counter({name: _erase_ids(sql, name, all_ids, redactor) for name in tables})
    for name in tables:
        done[name] += _erase_words(sql, name, tables[name], redactor)
    return {name: count for name, count in done.items() if count}


def _erase_ids(sql: Sql, name: str, persons: Sequence[int], redactor: Redactor) -> int:
    columns, root = columns_in(sql, name), name.partition("__")[0]
    own = _delete(sql, name, WHOSE[name], persons) if name in WHOSE else 0
    if name in MAILS:
        named_mails = _messages_of(sql, name, persons, redactor)
        return own + _set_null(sql, name, named_mails, MAIL_TEXTS)
    if name in WHOSE:
        return own
    if name in HISTORIES:
        return _erase_history(sql, name, columns, redactor)
    if name != root:
        links = ("value",) if name.endswith("__person_ids") else ("person_id", "linked_person_id")
        by = [column for column in links if column in columns]
        named = sum(_delete(sql, name, column, persons) for column in by)
        return named + _delete_orphans(sql, name)
    chosen = _clear_person_fields(sql, name, columns, persons)
    return chosen + (_unlink(sql, name, columns, persons) if "person_id" in columns else 0)


def _erase_words(sql: Sql, name: str, columns: Mapping[str, str], redactor: Redactor) -> int:
    root, _, nested = name.partition("__")
    if not nested:
        named = keyed_rows(sql, name, redactor)
    elif nested in PARTY_LISTS.get(root, ()):
        named = named_rows(sql, name, columns, redactor)
    else:
        named = []
    delete_rows(sql, name, named)
    return len(named) + redact_table(sql, name, columns, redactor)


def _deleted_twins(sql: Sql, tables: Tables, redactor: Redactor) -> list[int]:
    """Return the ids of deleted persons with a value of an erased person: a merge leaves them."""
    if "_deleted_at" not in tables.get("persons", ()):
        return []
    own = [column for column in OWN_COLUMNS if column in tables["persons"]]
    parts = [f"SELECT p.id, p.{column} FROM {{persons}} p WHERE TRUE" for column in own]
    parts += [
        f"SELECT p.id, l.value FROM {table(sql, name)} l "
        "JOIN {persons} p ON p._dlt_id = l._dlt_parent_id WHERE TRUE"
        for name in ("persons__emails", "persons__phones")
        if "value" in tables.get(name, ())
    ]
    query = " UNION ALL ".join(f"{part} AND p._deleted_at IS NOT NULL" for part in parts)
    rows = sql.execute_sql(query.format(persons=table(sql, "persons"))) if parts else ()
    return sorted({row[0] for row in rows or () if redactor.names(row[1])})


def _clear_person_fields(sql: Sql, name: str, columns: set[str], persons: Sequence[int]) -> int:
    """Set custom fields to null that refer to one of the persons; return the number of rows."""
    return sum(
        changed_rows(
            sql,
            f"UPDATE {table(sql, name)} SET {sql.escape_column_name(column)} = NULL "
            f"WHERE {sql.escape_column_name(column)} IN ({placeholders(persons)})",
            *persons,
        )
        for column in sorted(person_fields(sql, name, columns))
    )


def person_fields(sql: Sql, name: str, columns: Collection[str]) -> set[str]:
    """Return the columns of custom fields that refer to a person.

    Args:
        sql: The warehouse.
        name: The table.
        columns: Its columns.
    """
    if "custom_fields_mapping" not in _tables(sql):
        return set()
    rows = sql.execute_sql(
        "SELECT endpoint, normalized_name "
        f"FROM {table(sql, 'custom_fields_mapping')} WHERE field_type = 'people'"
    )
    return {
        column
        for endpoint, column in rows or ()
        if column in columns and name in {entity.name for entity in entities_with(endpoint)}
    }


def _unlink(sql: Sql, name: str, columns: set[str], persons: Sequence[int]) -> int:
    """Delete rows that belong only to the persons; remove ids and names from their other rows."""
    touched = 0
    if name in PERSONS_OWN:
        alone = "".join(f" AND {column} IS NULL" for column in OWNERS if column in columns)
        touched = _delete(sql, name, "person_id", persons, alone)
    blank = [column for column in NAMES_OF.get(name, ()) if column in columns]
    to_null = ", ".join(f"{sql.escape_column_name(c)} = NULL" for c in (*blank, "person_id"))
    return touched + changed_rows(
        sql,
        f"UPDATE {table(sql, name)} SET {to_null} WHERE person_id IN ({placeholders(persons)})",
        *persons,
    )


def _delete(sql: Sql, name: str, column: str, persons: Sequence[int], further: str = "") -> int:
    return changed_rows(
        sql,
        f"DELETE FROM {table(sql, name)} WHERE {column} IN ({placeholders(persons)}){further}",
        *persons,
    )


def _delete_orphans(sql: Sql, name: str) -> int:
    """Delete list items whose row was deleted; return their number."""
    columns = columns_in(sql, name)
    link = "_dlt_root_id" if "_dlt_root_id" in columns else "_dlt_parent_id"
    root = table(sql, name.partition("__")[0])
    return changed_rows(
        sql,
        f"DELETE FROM {table(sql, name)} WHERE {link} NOT IN (SELECT _dlt_id FROM {root})",
    )


def _erase_history(sql: Sql, name: str, columns: set[str], redactor: Redactor) -> int:
    """Set the values of events to null that name a person; return the number of events."""
    texts = [column for column in HISTORIES[name] if column in columns]
    if not texts:
        return 0
    key, field = BY_NAME[name].key, "field_key" if "field_key" in columns else "NULL"
    found = []
    query = (
        f"SELECT {', '.join((*key, field, *texts))} FROM {table(sql, name)} "
        f"WHERE {' OR '.join(f'{column} IS NOT NULL' for column in texts)}"
    )
    with sql.execute_query(query) as cursor:
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            for row in rows:
                changed = row[len(key)]
                if any(redactor.names_in_change(changed, each) for each in row[len(key) + 1 :]):
                    found.append(row[: len(key)])
    return _set_null(sql, name, found, texts)


def _set_null(sql: Sql, name: str, keys: Collection[Sequence[Any]], names: Sequence[str]) -> int:
    """Set columns of the rows with these keys to null; return the number of rows."""
    held = columns_in(sql, name)
    to_null = ", ".join(
        f"{sql.escape_column_name(column)} = NULL" for column in names if column in held
    )
    one = " AND ".join(f"{column} = %s" for column in BY_NAME[name].key)
    for some in batches(keys, STATEMENT_ROWS):
        these = " OR ".join([f"({one})"] * len(some))
        values = [value for key in some for value in key]
        sql.execute_sql(f"UPDATE {table(sql, name)} SET {to_null} WHERE {these}", *values)
    return len(keys)


def _messages_of(
    sql: Sql, mail: str, persons: Sequence[int], redactor: Redactor
) -> set[tuple[Any, ...]]:
    """Return the keys of the emails in a table that have an erased person as a party."""
    tables, key = _tables(sql), ", ".join(f"m.{column}" for column in BY_NAME[mail].key)
    found: set[tuple[Any, ...]] = set()
    for name in (f"{mail}__{side}" for side in PARTIES):
        columns = tables.get(name, {})
        if not columns:
            continue
        by_id = f"p.linked_person_id IN ({placeholders(persons)})"
        linked = (by_id, persons) if "linked_person_id" in columns else ("FALSE", ())
        named = in_clause(named_rows(sql, name, columns, redactor))
        for where, values in (linked, (f"p._dlt_id IN ({named[0] or 'NULL'})", named[1])):
            rows = sql.execute_sql(
                f"SELECT {key} FROM {table(sql, mail)} m JOIN {table(sql, name)} p "
                f"ON p._dlt_parent_id = m._dlt_id WHERE {where}",
                *values,
            )
            found |= {tuple(row) for row in rows or ()}
    return found


def _tables(sql: Sql) -> Tables:
    """Return all data tables with their columns: those of persons first, each before its lists."""
    found = {name: columns for name, columns in all_columns(sql).items() if name[:1] != "_"}
    return {name: found[name] for name in sorted(found, key=lambda n: (n[:7] != "persons", n))}
