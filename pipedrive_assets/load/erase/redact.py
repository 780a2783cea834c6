"""Removes erased persons from rows before they are written.

Rows that are written and deleted later would stay in the DuckDB file and in dlt's staged copies
until the space is reused.
"""

from dataclasses import dataclass, field
from typing import Any

from pipedrive_assets.load.erase.erasure import (
    HISTORIES,
    MAIL_TEXTS,
    MAILS,
    NAMES_OF,
    OWNERS,
    PARTIES,
    PARTY_LISTS,
    PERSONS_OWN,
    WHOSE,
)
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.redaction import OWN, Redactor, may_name

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """Removes what must not be written from the rows of a table.

    Attributes:
        redactor: Recognizes erased persons; None if no person was erased.
        deleted: Whether deleted rows are purged. Deleted rows that the table does not have are
            then not written.
        left_out: The rows of `persons` that were left out. They may have values of the person
            that the list of erased persons does not have yet.
    """

    redactor: Redactor | None = None
    deleted: bool = False
    left_out: list[Row] = field(default_factory=list)

    def clean(self, entity: Entity, row: Row, custom: FieldSet | None) -> Row | None:
        """Return a normalized row without the erased persons.

        The row keeps its hash, which was computed before. Rows that did not change in Pipedrive
        are therefore not written again.

        Args:
            entity: The row's table.
            row: The normalized row.
            custom: The custom fields of the table; None if it has none.

        Returns:
            The row, or None if it belongs to an erased person.
        """
        redactor = self.redactor
        if redactor is None:
            return row
        if _is_persons(entity, row, redactor):
            if entity.name == "persons":
                self.left_out.append(row)
            return None
        if entity.name == "persons" and row.get("_deleted_at") is not None:
            row = _clean_deleted(row, redactor)
        if redactor.names_in_key(entity.name, entity.key, row):
            return None
        if entity.name in HISTORIES:
            row = _clean_event(row, redactor, HISTORIES[entity.name])
        if entity.name in MAILS and _is_party(row, redactor):
            row = {**row, **dict.fromkeys(row.keys() & {*MAIL_TEXTS})}
        return _clean_words(entity, _clean_links(entity, row, custom, redactor), redactor)


def _is_persons(entity: Entity, row: Row, redactor: Redactor) -> bool:
    if entity.name in PERSONS_OWN and any(row.get(name) is not None for name in OWNERS):
        return False
    whose = "person_id" if entity.name in PERSONS_OWN else WHOSE.get(entity.name)
    return whose is not None and row.get(whose) in redactor.persons


def _clean_deleted(row: Row, redactor: Redactor) -> Row:
    """Remove values of erased persons from a deleted person, which a merge may have left behind."""
    out = dict(row)
    for name in OWN["persons"] & row.keys():
        value = row[name]
        if isinstance(value, list):
            out[name] = [item for item in value if not redactor.names(item)]
        else:
            out[name] = redactor.redact(value)
    return out


def _clean_event(row: Row, redactor: Redactor, columns: tuple[str, ...]) -> Row:
    """Set the columns to null if they name a person.

    For `a__b` this is the whole object `a`, or the column `a__b` if the row has columns only.
    """
    outer = {each for name in columns for each in (name, name.partition("__")[0])} & row.keys()
    changed = row.get("field_key")
    names = any(redactor.names_in_change(changed, row[name]) for name in outer)
    return {**row, **dict.fromkeys(outer)} if names else row


def _is_party(row: Row, redactor: Redactor) -> bool:
    return any(_is_named(item, redactor) for side in PARTIES for item in row.get(side) or ())


def _is_named(item: Any, redactor: Redactor) -> bool:
    return isinstance(item, dict) and redactor.names(item)


def _clean_links(entity: Entity, row: Row, custom: FieldSet | None, redactor: Redactor) -> Row:
    persons = redactor.persons
    chosen = [
        name
        for each in (custom.rows if custom else ())
        if each.field_type == "people"
        for name in each.columns
    ]
    out = dict(row)
    out.update({name: None for name in chosen if row.get(name) in persons})
    for name in PARTY_LISTS.get(entity.name, ()):
        if items := row.get(name):
            out[name] = [item for item in items if not _is_named(item, redactor)]
    if row.get("person_id") in persons:
        # Some rows have the person's name or number next to the id.
        names = ("person_id", *NAMES_OF.get(entity.name, ()))
        out.update({name: None for name in names if name in row})
        if isinstance(row.get("person"), dict):
            out["person"] = dict.fromkeys(row["person"])
    return out


def _clean_words(entity: Entity, row: Row, redactor: Redactor) -> Row:
    """Redact texts that name erased persons, and remove their ids from lists of ids."""
    out: Row = {}
    for name, value in row.items():
        if value is None:
            out[name] = None
        elif name in redactor.custom or name == "person_ids":
            out[name] = redactor.redact({name: value})[name]
        elif may_name(entity.name, entity.key, name):
            out[name] = redactor.redact_cell(entity.name, name, value)
        else:
            out[name] = value
    return out
