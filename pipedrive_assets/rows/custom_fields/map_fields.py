"""Custom fields: from Pipedrive's keys to columns a person can read.

The names and labels are those of the mapping (`field_mapping`), the columns those of the field's
type (`field_layouts`). Nothing is lost: what no field is known for stays under `custom_fields`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipedrive_assets.rows.coercion import as_text
from pipedrive_assets.rows.custom_fields.columns import columns_for, lists_for
from pipedrive_assets.rows.custom_fields.definitions import (
    FieldDefinition,
    definition_rows,
    is_hash,
    parse_definition,
)
from pipedrive_assets.rows.custom_fields.layouts import COERCION_FAILED_SUFFIX, layout_of
from pipedrive_assets.rows.custom_fields.mapping import (
    MAPPING_COLUMNS,
    LabelChange,
    MappingRow,
    label_changes,
    mapping_record,
    parse_mapping_record,
    update_mapping,
)
from pipedrive_assets.rows.custom_fields.values import Put, Row, labels_in, puts_of

__all__ = [
    "BUILT_IN_SUFFIX",
    "MAPPING_COLUMNS",
    "NESTED",
    "CustomFields",
    "FieldDefinition",
    "LabelChange",
    "MappingRow",
    "columns_for",
    "definition_rows",
    "flow_field",
    "label_changes",
    "lists_for",
    "map_custom_fields",
    "mapping_record",
    "parse_definition",
    "parse_mapping_record",
    "place_fields",
    "update_mapping",
]

NESTED = "custom_fields"
"""The object in which API v2 sends custom fields, and the column of what is left of it."""

BUILT_IN_SUFFIX = "__built_in"
"""Added to a key that Pipedrive adds to its rows after a custom field was given that name."""

HASH_LENGTH = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the value of one key goes."""

    field: MappingRow
    part: str | None
    columns: frozenset[str]
    put: Put


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomFields:
    """A mapping made ready to resolve rows; make it once per load with `plan_fields`."""

    values: Mapping[str, Put]
    """By a field's key; the fast way."""

    places: Mapping[str, Place]
    """By a field's key, and by the key of each part in API v1."""

    columns: frozenset[str]


def place_fields(rows: Iterable[MappingRow]) -> CustomFields:
    """Make an entity's mapping ready to resolve its rows."""
    whole: dict[str, Place] = {}
    parts: dict[str, Place] = {}
    for row in rows:
        put, part_puts = puts_of(row)
        whole[row.hash_string] = _place(row, None, row.columns, put)
        for part, part_put in part_puts.items():
            columns = (f"{row.normalized_name}_{part}",)
            parts[f"{row.hash_string}_{part}"] = _place(row, part, columns, part_put)
    return CustomFields(
        values={code: place.put for code, place in whole.items()},
        places={**parts, **whole},
        columns=frozenset[str]().union(*(place.columns for place in whole.values())),
    )


def _place(row: MappingRow, part: str | None, columns: Iterable[str], put: Put) -> Place:
    owned = frozenset(name + suffix for name in columns for suffix in ("", COERCION_FAILED_SUFFIX))
    return Place(field=row, part=part, columns=owned, put=put)


def map_custom_fields(row: Mapping[str, Any], fields: CustomFields) -> tuple[Row, int]:
    """Put a row's custom fields under their names; also count the values that did not fit.

    Null ones are left out. Takes the object of API v2, the flat keys of v1, and both.
    """
    out, loose = _apart(row, fields)
    left: Row = {}
    coercion_failures, values = 0, fields.values
    nested = out.pop(NESTED, None)
    if type(nested) is dict:
        for key, value in nested.items():
            if value is None:
                continue
            put = values.get(key)
            if put is None:
                loose.append((key, value))
            else:
                coercion_failures += put(value, out)
    elif nested is not None and nested != []:  # PHP writes an empty object as an empty list.
        coercion_failures += 1
        left[NESTED] = nested
    if loose:
        coercion_failures += _put_loose(loose, fields, out, left)
    if left or NESTED in row:
        out[NESTED] = left or None
    return out, coercion_failures


def _apart(row: Mapping[str, Any], fields: CustomFields) -> tuple[Row, list[tuple[str, Any]]]:
    """Part a row's own columns from the custom fields that lie flat among them."""
    places, loose = fields.places, []
    own: Row = {}
    for key, value in row.items():
        if key in places or (len(key) >= HASH_LENGTH and is_hash(key)):
            loose.append((key, value))
        else:
            own[key] = value
    if not fields.columns.isdisjoint(own):
        for key in fields.columns.intersection(own):
            own[_free(key + BUILT_IN_SUFFIX, own)] = own.pop(key)
    return own, loose


def _put_loose(loose: list[tuple[str, Any]], fields: CustomFields, out: Row, left: Row) -> int:
    """Put values with keys that may be parts or unknown, whole fields first; one whose column is
    filled already stays under its key.
    """
    coercion_failures = 0
    for key, value in sorted(loose, key=lambda item: item[0] not in fields.values):
        place = fields.places.get(key)
        if value is None:
            continue
        if place is not None and place.columns.isdisjoint(out):
            coercion_failures += place.put(value, out)
        else:
            coercion_failures += place is not None
            left[_free(key, left)] = value
    return coercion_failures


def _free(key: str, row: Mapping[str, Any]) -> str:
    while key in row:
        key += "_x"
    return key


def flow_field(field_key: str, value: Any, fields: CustomFields) -> tuple[str, str | None]:
    """A field change's field and value as a person reads them: labels for keys and option ids.

    A built-in field is called by its key.
    """
    place = fields.places.get(field_key)
    if place is None:
        return field_key, None if value is None else as_text(value)
    name = place.field.name
    if place.part:
        name = f"{name} ({place.part.replace('_', ' ')})"
    return name, _readable(value, place)


def _readable(value: Any, place: Place) -> str | None:
    if value is None:
        return None
    if layout_of(place.field.column_type).form in {"choice", "choices"}:
        return ", ".join(labels_in(value, place.field.options))
    if type(value) is dict and value.get("value") is not None:
        return as_text(value["value"])
    return as_text(value)
