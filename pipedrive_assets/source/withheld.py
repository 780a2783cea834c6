"""What is kept from ever being written: what is deleted stays in a DuckDB file, and in dlt's staged
copies, until it is written over.
"""

from dataclasses import dataclass
from typing import Any

from pipedrive_assets.entities import Entity
from pipedrive_assets.rows.field_set import FieldSet
from pipedrive_assets.source.erasure import (
    HISTORIES,
    MAIL,
    MAIL_SAID,
    NAMES_OF,
    OWNERS,
    PARTIES,
    PERSONS_OWN,
    WHOSE,
    names_person,
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """What a table's rows are to be without."""

    persons: frozenset[int] = frozenset()
    """The erased."""

    deleted: bool = False
    """Rows that Pipedrive calls deleted, unless the table holds them: those go at its end."""

    def clean(self, entity: Entity, row: Row, custom: FieldSet | None) -> Row | None:
        """A shaped row without the erased; None where nothing is left of it.

        Its fingerprint stays that of the row as sent: what was not edited is not loaded again.
        """
        if not self.persons:
            return row
        if _is_persons(entity, row, self.persons):
            return None
        if entity.name in HISTORIES:
            return _clean_event(row, self.persons, HISTORIES[entity.name])
        if entity.name == MAIL and _is_party(row, self.persons):
            row = {**row, **dict.fromkeys(MAIL_SAID)}
        return self._clean_links(entity, row, custom)

    def _clean_links(self, entity: Entity, row: Row, custom: FieldSet | None) -> Row:
        chosen = [
            name
            for field in (custom.rows if custom else ())
            if field.field_type == "people"
            for name in field.columns
        ]
        out = {
            name: _without(value, self.persons) if isinstance(value, list) else value
            for name, value in row.items()
        }
        out.update({name: None for name in chosen if row.get(name) in self.persons})
        if row.get("person_id") in self.persons:
            # The names and numbers that some rows carry beside the id.
            names = ("person_id", *NAMES_OF.get(entity.name, ()))
            out.update({name: None for name in names if name in row})
            if isinstance(row.get("person"), dict):
                out["person"] = dict.fromkeys(row["person"])
        return out


def _is_persons(entity: Entity, row: Row, persons: frozenset[int]) -> bool:
    if entity.name in PERSONS_OWN and any(row.get(name) is not None for name in OWNERS):
        return False
    whose = "person_id" if entity.name in PERSONS_OWN else WHOSE.get(entity.name)
    return whose is not None and row.get(whose) in persons


def _clean_event(row: Row, persons: frozenset[int], said: tuple[str, ...]) -> Row:
    """`a__b` among what is said is b within the object a, which goes as a whole."""
    outer = {name.partition("__")[0] for name in said} & row.keys()
    names = any(names_person(row.get("field_key"), row[name], persons, ()) for name in outer)
    return {**row, **dict.fromkeys(outer)} if names else row


def _is_party(row: Row, persons: frozenset[int]) -> bool:
    return any(_is_named(item, persons) for side in PARTIES for item in row.get(side) or ())


def _is_named(item: Any, persons: frozenset[int]) -> bool:
    return isinstance(item, dict) and bool(
        {item.get("person_id"), item.get("linked_person_id")} & persons
    )


def _without(items: list[Any], persons: frozenset[int]) -> list[Any]:
    return [item for item in items if not _is_named(item, persons)]
