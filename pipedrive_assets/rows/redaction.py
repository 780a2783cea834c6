"""Redact erased persons in values: in text, and in nested objects and lists."""

import json
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from pipedrive_assets.rows.columns import EVERY_TABLE, columns_of
from pipedrive_assets.rows.erased_words import MASK, Recognizer

PERSON_KEYS = frozenset({"person_id", "linked_person_id", "person", "person_ids"})
CHANGED = ("old_value", "new_value")
REACHED_BY = frozenset({"email", "emails", "phone", "phones"})
"""Keys, in addition to the id, that show that an object is a person."""

RECORD = frozenset({"name", "first_name", "last_name", *REACHED_BY})
OWN: Mapping[str, frozenset[str]] = {
    "persons": RECORD | {"im"},
    "users": frozenset({"name", "email", "phone"}),
}
"""Columns that are not searched in the records of other persons and users, because they may share a
name or an office number with an erased person. Nested columns are named by their first part."""

RECORDS = frozenset({("deals_participants", "person")})
"""Columns that contain the whole record of a person."""

MAPPING, LABELS = "custom_fields_mapping", "options"
"""In the mapping of custom fields, only the labels of options are searched."""

_STRUCTURE = frozenset(
    {
        *("id", "key", "type", "object", "status", "currency", "action", "field_key", "color"),
        *("locale", "timestamp", "time", "folders", "visible_to", "key_string", "event_action"),
        "event_object",
    }
)
_STRUCTURE_ENDS = ("_id", "_ids", "_key", "_type", "_status", "_currency", "_time", "_hash")


@lru_cache(maxsize=8192)
def is_structure(name: str) -> bool:
    """Return whether a key or column contains ids, times or fixed words, by its name."""
    leaf = name.rpartition("__")[2]
    return leaf in _STRUCTURE or leaf.endswith(_STRUCTURE_ENDS)


def is_fixed(name: str, value: Any) -> bool:
    """Return whether a value is an id, a time or a fixed word, which is not redacted."""
    if not is_structure(name) or isinstance(value, dict):
        return False
    if isinstance(value, list):
        return not any(isinstance(item, dict) for item in value)
    if not isinstance(value, str):
        return True
    return "@" not in value and not (" " in value and any(map(str.isalpha, value)))


@lru_cache(maxsize=8192)
def may_name(table: str, key: Collection[str], column: str) -> bool:
    """Decide whether a column can mention a person whose own record is another row.

    Args:
        table: The entity's name.
        key: The columns of its key.
        column: `name`, `outer__leaf` of a nested object, or a list and the column of its items.

    Returns:
        True if the column must be searched.
    """
    if table == MAPPING:
        return column == LABELS
    if column in key or column in EVERY_TABLE or column.startswith("_dlt"):
        return False
    if column.partition("__")[0] in OWN.get(table, ()):
        return False
    known = columns_of(table).columns.get(column)
    return known is None or known.type in {"text", "json"}


class Redactor:
    """Redacts erased persons in values, by their ids and by their words.

    Attributes:
        persons: Ids of the erased persons.
        custom: Keys of custom fields that refer to a person.
        fields: All keys that refer to a person.
    """

    persons: frozenset[int]
    custom: frozenset[str]
    fields: frozenset[str]

    def __init__(
        self, words: Recognizer, persons: Collection[int], fields: Collection[str] = ()
    ) -> None:
        """Prepare the redaction.

        Args:
            words: Finds the words of the erased persons.
            persons: Ids of the erased persons.
            fields: Keys of custom fields that refer to a person.
        """
        self._words, self.persons = words, frozenset(persons)
        self.custom = frozenset(fields)
        self.fields = PERSON_KEYS | self.custom
        self._ids = frozenset(str(person) for person in persons)

    def names(self, value: Any) -> bool:
        """Return whether a value mentions an erased person, at any depth."""
        return value is not None and self.redact(value) is not value

    def names_in_change(self, field: Any, value: Any) -> bool:
        """Return whether the old or new value of a field change mentions an erased person."""
        if field in self.fields and str(value).strip('"') in self._ids:
            return True
        return self.names(value)

    def redact_cell(self, table: str, column: str, value: Any) -> Any:
        """Redact the value of a column; the record of another person keeps that person's data.

        Args:
            table: The entity's name.
            column: The column.
            value: Its value, with JSON as text or decoded.

        Returns:
            The redacted value; the same object if nothing was found.
        """
        if table == MAPPING:
            return self._labels(value)
        if (table, column) not in RECORDS:
            return value if is_fixed(column, value) else self.redact(value)
        record = json.loads(value) if isinstance(value, str) else value
        if not isinstance(record, dict) or self._is_person(record):
            return self.redact(value)
        others = {key: inner for key, inner in record.items() if key not in RECORD}
        made = self.redact(others)
        if made is others:
            return value
        made = {**record, **dict.fromkeys(others), **made}
        return json.dumps(made, ensure_ascii=False) if isinstance(value, str) else made

    def _labels(self, value: Any) -> Any:
        """Redact the labels of options; a removed label becomes `***`."""
        labels = json.loads(value) if isinstance(value, str) else value
        made = self.redact(labels)
        if made is labels:
            return value
        made = {key: MASK if label is None else label for key, label in made.items()}
        return json.dumps(made, ensure_ascii=False) if isinstance(value, str) else made

    def names_in_key(self, table: str, key: Collection[str], row: Mapping[str, Any]) -> bool:
        """Check whether the key of a row mentions an erased person, for example a lead source.

        Args:
            table: The entity's name.
            key: The columns of its key.
            row: The row.

        Returns:
            True if a text column of the key mentions an erased person.
        """
        return table != MAPPING and any(
            isinstance(row.get(name), str)
            and not is_fixed(name, row[name])
            and self.names(row[name])
            for name in key
        )

    def redact(self, value: Any) -> Any:
        """Redact the erased persons in a value.

        Args:
            value: Text, a number, or a JSON object or list.

        Returns:
            The redacted value; the same object if nothing was found. A value that contains nothing
            else becomes None; words in a longer text become `***`.
        """
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            return self._list(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return None if self._words.is_number(value) else value
        return value

    def _text(self, value: str) -> str | None:
        if value[:1] not in ("{", "[", '"'):
            return self._words.mask(value)
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return self._words.mask(value)
        made = self.redact(parsed)
        if made is parsed:
            return value
        return None if made is None else json.dumps(made, ensure_ascii=False)

    def _list(self, value: list[Any]) -> list[Any]:
        made = [self.redact(item) for item in value]
        if all(one is other for one, other in zip(made, value, strict=True)):
            return value
        return [item for item in made if item is not None]

    def _object(self, value: dict[str, Any]) -> dict[str, Any] | None:
        if self._is_person(value):
            return None
        made = {
            key: self._member(value, key, inner)
            for key, inner in value.items()
            if self._words.mask(key) is key
        }
        first, last = value.get("first_name"), value.get("last_name")
        if first and last and self.names(f"{first} {last}"):
            made.update(dict.fromkeys({"first_name", "last_name"} & made.keys()))
        same = len(made) == len(value) and all(made[key] is value[key] for key in value)
        return value if same else made

    def _is_person(self, value: Mapping[str, Any]) -> bool:
        return bool(REACHED_BY & value.keys()) and _id_of(value) in self.persons

    def _member(self, value: Mapping[str, Any], key: str, inner: Any) -> Any:
        if inner is None:
            return None
        if key in self.fields:
            return self._person(inner)
        if key in CHANGED and self.names_in_change(value.get("field_key"), inner):
            return None
        return inner if is_fixed(key, inner) else self.redact(inner)

    def _person(self, value: Any) -> Any:
        """Redact the value of a key that refers to a person: an id, a record, or a list."""
        if isinstance(value, list):
            made = [self._person(item) for item in value]
            same = all(one is other for one, other in zip(made, value, strict=True))
            return value if same else [item for item in made if item is not None]
        found = _id_of(value) if isinstance(value, dict) else value
        if isinstance(found, (int, str)) and (found in self.persons or found in self._ids):
            return None
        return self.redact(value) if isinstance(value, (dict, str)) else value


def _id_of(value: Mapping[str, Any]) -> Any:
    found = value.get("value", value.get("id"))
    return found if isinstance(found, (int, str)) else None
