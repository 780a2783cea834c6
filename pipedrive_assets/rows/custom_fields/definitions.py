"""Field definitions: what Pipedrive says a field is, whichever API version says it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipedrive_assets.rows.coercion import as_text

is_hash = re.compile(r"[0-9a-f]{40}(?:_\w+)?", re.ASCII).fullmatch
"""Matches a custom field's key, alone or with the suffix of a part (official docs)."""

_is_part = re.compile(r"[0-9a-f]{40}_\w+", re.ASCII).fullmatch

V1_NAMES = {"key": "field_code", "name": "field_name", "edit_flag": "is_custom_field"}
"""What API v1 calls the same things (official migration guide)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDefinition:
    """One field of an entity."""

    code: str
    """Its key in rows: 40 hex digits for a custom field, else the column's name."""

    name: str
    """The label people see; may be empty, and several fields may share one."""

    type: str
    is_custom: bool
    options: tuple[tuple[str, str], ...] | None = None
    """Id and label of each choice; None where the definition says nothing of choices."""

    subfields: tuple[str, ...] = ()
    """Codes of its parts."""

    is_part: bool = False
    """A part that API v1 lists as if it were a field: `<hash>_currency`."""

    is_active: bool = True
    """API v1 goes on listing deleted fields, inactive."""

    sent: Mapping[str, Any]
    """The definition as Pipedrive sent it, under the names of API v2."""


def parse_definition(row: Mapping[str, Any]) -> FieldDefinition:
    """Read a row of a fields endpoint of either version; what is absent or null does no harm."""
    sent = {V1_NAMES.get(key, key): value for key, value in row.items()}
    sent |= {new: row[new] for old, new in V1_NAMES.items() if new in row}
    code = _text(sent.get("field_code"))
    flag = sent.get("is_custom_field")
    return FieldDefinition(
        code=code,
        name=_text(sent.get("field_name")),
        type=_text(sent.get("field_type")),
        is_custom=bool(is_hash(code)) if flag is None else bool(flag),
        options=_options(sent.get("options")),
        subfields=tuple(_text(part.get("field_code")) for part in _objects(sent.get("subfields"))),
        is_part=sent.get("is_subfield") is True or bool(_is_part(code)),
        is_active=sent.get("active_flag") is not False,
        sent=sent,
    )


def definition_rows(
    fields_entity: str, definitions: Iterable[FieldDefinition]
) -> list[dict[str, Any]]:
    """Rows of the table that holds every definition, built-in fields too; the key is `entity` and
    `field_code`.
    """
    return [
        {
            **definition.sent,
            "entity": fields_entity,
            "field_code": definition.code,
            "field_name": definition.name,
            "field_type": definition.type,
            "is_custom_field": definition.is_custom,
        }
        for definition in definitions
    ]


def _options(value: object) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(
        (as_text(option["id"]), as_text(option["label"]))
        for option in _objects(value)
        if option.get("id") is not None and option.get("label") is not None
    )


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return "" if value is None else as_text(value)
