"""Collects the names, addresses and numbers that a warehouse has of a person.

Callers of this module hold the warehouse lock.
"""

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from pipedrive_assets.load.erase import erased_list
from pipedrive_assets.load.erase.erasure import MAILS, PARTIES
from pipedrive_assets.rows.erased_words import Kind
from pipedrive_assets.rows.normalize import COERCION_FAILED_SUFFIX
from pipedrive_assets.warehouse.history.history_table import histories, history_name
from pipedrive_assets.warehouse.ledger import all_columns
from pipedrive_assets.warehouse.statements import Sql, table

log = logging.getLogger(__name__)

Value = tuple[Kind, str]

LISTS: tuple[tuple[str, Kind], ...] = (
    ("emails", "address"),
    ("phones", "number"),
    ("im", "name"),
)
CHANGES: Mapping[str, Kind] = {
    "name": "name",
    "email": "address",
    "emails": "address",
    "phone": "number",
    "phones": "number",
}
"""Fields whose earlier values are in the changelog, with the kind of the value."""

NAMED_BESIDE = (("notes", "person__name"), ("files", "person_name"))
POSTAL = ("postal_address__value", "postal_address__formatted_address")
LEAST_POSTAL_WORDS = 3
OBJECTS = (
    ("deals_participants", "person"),
    ("deals_flow", "event"),
    ("mail_threads", "parties__from"),
    ("mail_threads", "parties__to"),
)
"""Columns with whole objects of persons. Columns that end with `__v_text` may contain them too."""


def values_in_row(row: Mapping[str, Any]) -> set[Value]:
    """Return the names, addresses and numbers in a normalized row of `persons`.

    The postal address is omitted: it may be that of an office.
    """
    found: set[Value] = set()
    found.update(_names(row.get("name"), row.get("first_name"), row.get("last_name")))
    for name, kind in LISTS:
        found.update((kind, text) for text in _texts(row.get(name)))
    return found


def learn(sql: Sql, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add the values in rows of erased persons to the list, as hashes.

    Pipedrive may still return an erased person, with values that the list does not have yet.

    Args:
        sql: The warehouse.
        rows: Normalized rows of `persons` that the load left out.
    """
    for row in rows:
        if added := erased_list.remember_values(sql, row["id"], values_in_row(row)):
            log.warning(
                "Pipedrive returned the erased person %s with %d new names, addresses or numbers. "
                "Later loads will recognize them. To remove them from rows that are already "
                "loaded, run `python -m pipedrive_assets purge --person %s`.",
                *(row["id"], added, row["id"]),
            )


def values_of(sql: Sql, person: int) -> set[Value]:
    """Return every name, address and number that the warehouse still has of a person."""
    past = {history_name(name): columns for name, columns in histories(sql).items()}
    records = _Records(sql=sql, held={**all_columns(sql), **past}, person=person)
    found = {*_of_row(records), *_of_changes(records)}
    for name, column in NAMED_BESIDE:
        for source in (name, history_name(name)):
            for (text,) in records.rows(source, (column,), by="person_id"):
                found.update(_full_name(text))
    for mail, side in product(MAILS, PARTIES):
        wanted = ("email_address", "name")
        for address, text in records.rows(f"{mail}__{side}", wanted, by="linked_person_id"):
            found |= {("address", address or ""), *_full_name(text)}
    for value in records.objects():
        for each in _persons_in(value, person):
            found.update(_of_object(each))
    return {(kind, text) for kind, text in found if text}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """Reads the records of a person from the tables that exist."""

    sql: Sql
    held: Mapping[str, Collection[str]]
    person: int

    def rows(self, name: str, columns: Iterable[str], *, by: str) -> list[tuple[Any, ...]]:
        """Read the rows whose column `by` is the person.

        Args:
            name: The table.
            columns: The columns to return.
            by: The column with the person's id.

        Returns:
            The rows; columns that the table lacks are null. No rows if it lacks the column `by`.
        """
        there = self.held.get(name, ())
        if by not in there:
            return []
        quote = self.sql.escape_column_name
        shown = ", ".join(quote(each) if each in there else "NULL" for each in columns)
        rows = self.sql.execute_sql(
            f"SELECT {shown} FROM {table(self.sql, name)} WHERE {quote(by)} = %s", self.person
        )
        return [tuple(row) for row in rows or ()]

    def items(self, name: str) -> list[str]:
        """Return the values in a list of the person's row, for example `emails`."""
        items = f"persons__{name}"
        if "value" not in self.held.get(items, ()):
            return []
        rows = self.sql.execute_sql(
            f"SELECT l.value FROM {table(self.sql, items)} l "
            f"JOIN {table(self.sql, 'persons')} p ON p._dlt_id = l._dlt_parent_id WHERE p.id = %s",
            self.person,
        )
        return [str(row[0]) for row in rows or () if row[0]]

    def is_office(self, address: str) -> bool:
        """Whether an organization has this address, so that it is not only the person's."""
        column = "address__value"
        if column not in self.held.get("organizations", ()):
            return False
        return bool(
            self.sql.execute_sql(
                f"SELECT 1 FROM {table(self.sql, 'organizations')} WHERE {column} = %s LIMIT 1",
                address,
            )
        )

    def phone_fields(self) -> list[str]:
        """Return the columns of person custom fields that contain a phone number."""
        if "custom_fields_mapping" not in self.held:
            return []
        rows = self.sql.execute_sql(
            f"SELECT normalized_name FROM {table(self.sql, 'custom_fields_mapping')} "
            "WHERE endpoint = 'person' AND field_type = 'phone'"
        )
        return [row[0] for row in rows or ()]

    def objects(self) -> Iterator[Any]:
        """Yield the JSON values that contain the digits of the person's id."""
        coercion_failures = [
            (name, column)
            for name, columns in self.held.items()
            for column in columns
            if column.endswith(COERCION_FAILED_SUFFIX)
        ]
        past = [(history_name(name), column) for name, column in OBJECTS]
        for name, column in (*OBJECTS, *past, *coercion_failures):
            if column in self.held.get(name, ()):
                quoted = self.sql.escape_column_name(column)
                rows = self.sql.execute_sql(
                    f"SELECT {quoted} FROM {table(self.sql, name)} "
                    f"WHERE CAST({quoted} AS VARCHAR) LIKE %s",
                    f"%{self.person}%",
                )
                yield from (_parsed(row[0]) for row in rows or ())


def _of_row(records: _Records) -> Iterator[Value]:
    for persons in ("persons", history_name("persons")):
        for names in records.rows(persons, ("name", "first_name", "last_name"), by="id"):
            yield from _names(*names)
        for addresses in records.rows(persons, POSTAL, by="id"):
            yield from (each for each in _postal(*addresses) if not records.is_office(each[1]))
        for column in records.phone_fields():
            numbers = records.rows(persons, [column], by="id")
            yield from (("number", str(text)) for (text,) in numbers)
    for name, kind in LISTS:
        for (items,) in records.rows(history_name("persons"), [name], by="id"):
            yield from ((kind, text) for text in _texts(_parsed(items)))
        yield from ((kind, text) for text in records.items(name))


def _of_changes(records: _Records) -> Iterator[Value]:
    columns = ("field_key", "old_value", "new_value")
    for field, *values in records.rows("persons_changelog", columns, by="person_id"):
        if kind := CHANGES.get(field):
            for text in (text for value in values for text in _texts(_parsed(value))):
                yield from ((kind, part.strip()) for part in _parts(kind, text))


def _parts(kind: Kind, text: str) -> list[str]:
    return [text] if kind == "name" else text.split(",")


def _persons_in(value: Any, person: int) -> Iterator[Mapping[str, Any]]:
    """Yield the objects within a JSON value that describe the person."""
    if isinstance(value, list):
        for item in value:
            yield from _persons_in(item, person)
    elif isinstance(value, dict):
        linked = value.get("linked_person_id")
        own = value.get("value", value.get("id"))
        if linked == person or (own == person and {"email", "phone"} & value.keys()):
            yield value
        for inner in value.values():
            yield from _persons_in(inner, person)


def _of_object(value: Mapping[str, Any]) -> Iterator[Value]:
    yield from _full_name(value.get("name"))
    for key in ("email", "email_address"):
        yield from (("address", text) for text in _texts(value.get(key)))
    yield from (("number", text) for text in _texts(value.get("phone")))


def _names(name: Any, first: Any, last: Any) -> Iterator[Value]:
    if isinstance(name, str):
        yield "name", name
    if first and last:
        yield "name", f"{first} {last}"
        yield "name", f"{last} {first}"


def _full_name(value: Any) -> Iterator[Value]:
    """Yield a name of two or more words; a single word, for example a first name, is ambiguous."""
    if isinstance(value, str) and len(value.split()) > 1:
        yield "name", value


def _postal(*values: Any) -> Iterator[Value]:
    for value in values:
        if isinstance(value, str) and len(value.split()) >= LEAST_POSTAL_WORDS:
            yield "name", value


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value, in a list of values, or in objects with a `value`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(value.get("value"))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
