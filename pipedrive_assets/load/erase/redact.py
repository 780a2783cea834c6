"""What is kept from ever being written: what is deleted stays in a DuckDB file, and in dlt's staged
copies, until it is written over.
"""

from dataclasses import dataclass, field
from typing import Any

from pipedrive_assets.load.erase.erasure import (
    HISTORIES,
    MAIL,
    MAIL_SAID,
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
    """What a table's rows are to be without."""

    redactor: Redactor | None = None
    """Knows the erased; None where nobody is."""

    deleted: bool = False
    """Rows that Pipedrive calls deleted, unless the table holds them: those go at its end."""

    left_out: list[Row] = field(default_factory=list)
    """The rows of `persons` that were left out: they may say something new of the erased."""

    def clean(self, entity: Entity, row: Row, custom: FieldSet | None) -> Row | None:
        """Return a shaped row without the erased; None where nothing is left of it.

        Its fingerprint stays that of the row as sent: what was not edited is not loaded again.
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
        if entity.name == MAIL and _is_party(row, redactor):
            row = {**row, **dict.fromkeys(MAIL_SAID)}
        return _clean_words(entity, _clean_links(entity, row, custom, redactor), redactor)


def _is_persons(entity: Entity, row: Row, redactor: Redactor) -> bool:
    if entity.name in PERSONS_OWN and any(row.get(name) is not None for name in OWNERS):
        return False
    whose = "person_id" if entity.name in PERSONS_OWN else WHOSE.get(entity.name)
    return whose is not None and row.get(whose) in redactor.persons


def _clean_deleted(row: Row, redactor: Redactor) -> Row:
    """A deleted person has nothing of their own that the erased have too: a merge leaves both."""
    out = dict(row)
    for name in OWN["persons"] & row.keys():
        value = row[name]
        if isinstance(value, list):
            out[name] = [item for item in value if not redactor.names(item)]
        else:
            out[name] = redactor.redact(value)
    return out


def _clean_event(row: Row, redactor: Redactor, said: tuple[str, ...]) -> Row:
    """`a__b` among what is said is b within the object a, which goes as a whole."""
    outer = {name.partition("__")[0] for name in said} & row.keys()
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
        # The names and numbers that some rows have beside the id.
        names = ("person_id", *NAMES_OF.get(entity.name, ()))
        out.update({name: None for name in names if name in row})
        if isinstance(row.get("person"), dict):
            out["person"] = dict.fromkeys(row["person"])
    return out


def _clean_words(entity: Entity, row: Row, redactor: Redactor) -> Row:
    """Texts lose what names the erased, lists of ids their ids."""
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
