"""Parse field definitions of API v1 and v2."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipedrive_assets.rows.coercion import as_text

is_hash = re.compile(r"[0-9a-f]{40}(?:_\w+)?", re.ASCII).fullmatch
"""Matches the key of a custom field, with or without the suffix of a part (official docs)."""

_is_part = re.compile(r"[0-9a-f]{40}_\w+", re.ASCII).fullmatch

V1_NAMES = {"key": "field_code", "name": "field_name", "edit_flag": "is_custom_field"}
"""Names of API v1, with their names in API v2 (official migration guide)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDefinition:
    """The definition of one field of an entity.

    Attributes:
        code: Key of the field in rows: 40 hex digits for a custom field, else the column's name.
        name: The label in Pipedrive; it can be empty, and several fields can have the same.
        type: Pipedrive's field type, e.g. `enum`.
        is_custom: Whether it is a custom field.
        options: Id and label of each option; None if the definition has no options.
        subfields: Codes of the parts of the field.
        is_part: Whether it is a part that API v1 lists as a field, e.g. `<hash>_currency`.
        is_active: False for a deleted field, which API v1 still lists.
        sent: The definition as Pipedrive sent it, under the names of API v2.
    """

    code: str
    name: str
    type: str
    is_custom: bool
    options: tuple[tuple[str, str], ...] | None = None
    subfields: tuple[str, ...] = ()
    is_part: bool = False
    is_active: bool = True
    sent: Mapping[str, Any]


def parse_definition(row: Mapping[str, Any]) -> FieldDefinition:
    """Parse a definition of API v1 or v2; missing and null values get defaults."""
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
    """Return rows of the table `fields`, which has the definitions of built-in and custom fields.

    Args:
        fields_entity: The entity of the fields, e.g. `deal`.
        definitions: Its definitions.

    Returns:
        The rows; their key is `entity` and `field_code`.
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
