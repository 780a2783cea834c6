"""What is kept from ever being written: what is deleted stays in a DuckDB file, and in dlt's staged
copies, until it is written over.
"""

from dataclasses import dataclass
from typing import Any

from pipedrive_assets.entities import Entity
from pipedrive_assets.rows.field_set import FieldSet
from pipedrive_assets.source.erasure import HISTORIES, OWNERS, PERSONS_OWN, SAID, names_person

Row = dict[str, Any]
WHOSE = {"persons": "id", "deals_participants": "person_id"}
"""Tables whose rows are a person's, with the column that says whose."""


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
            return _clean_event(row, self.persons)
        return self._clean_links(row, custom)

    def _clean_links(self, row: Row, custom: FieldSet | None) -> Row:
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
            # The names that notes and files carry beside the id.
            out.update({name: None for name in ("person_id", "person_name") if name in row})
            if isinstance(row.get("person"), dict):
                out["person"] = dict.fromkeys(row["person"])
        return out


def _is_persons(entity: Entity, row: Row, persons: frozenset[int]) -> bool:
    if entity.name in PERSONS_OWN and any(row.get(name) is not None for name in OWNERS):
        return False
    whose = "person_id" if entity.name in PERSONS_OWN else WHOSE.get(entity.name)
    return whose is not None and row.get(whose) in persons


def _clean_event(row: Row, persons: frozenset[int]) -> Row:
    names = any(names_person(row.get("field_key"), row.get(name), persons, ()) for name in SAID)
    return {**row, **{name: None for name in SAID if name in row}} if names else row


def _without(items: list[Any], persons: frozenset[int]) -> list[Any]:
    return [
        item for item in items if not (isinstance(item, dict) and item.get("person_id") in persons)
    ]
