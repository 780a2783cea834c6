"""Map the custom fields of a row from Pipedrive's keys to readable columns.

Names and labels come from the mapping (`mapping.py`), columns from the field's type (`layouts.py`).
Values of unknown fields are kept in the column `custom_fields`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    "split_custom_fields",
    "update_mapping",
]

NESTED = "custom_fields"
"""The object with the custom fields in API v2, and the column for values of unknown fields."""

BUILT_IN_SUFFIX = "__built_in"
"""Suffix of a built-in column whose name a custom field already has."""

HASH_LENGTH = 40

MOST_LAYOUTS = 100
"""How many different lists of keys are remembered; the rows of a table usually have one or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The target of one key.

    Attributes:
        field: The custom field.
        part: The part of the field, if API v1 sends the part under its own key.
        columns: Columns that the value can fill.
        put: Stores the value in a row.
    """

    field: MappingRow
    part: str | None
    columns: frozenset[str]
    put: Put


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomFields:
    """The mapping of an entity's custom fields, prepared once per load by `place_fields`.

    Attributes:
        values: Functions that store a value, by the key of the field.
        places: Targets by the key of the field, and by the key of each part in API v1.
        columns: All columns of the custom fields.
        flat: By keys of a row, in their order: those of custom fields (API v1), and built-in ones
            whose name a custom field has.
    """

    values: Mapping[str, Put]
    places: Mapping[str, Place]
    columns: frozenset[str]
    flat: dict[tuple[str, ...], tuple[list[str], list[str]]] = field(default_factory=dict)

    def apart(self, row: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """Return the keys of a row that need more than a copy; see `flat`."""
        keys = tuple(row)
        found = self.flat.get(keys)
        if found is None:
            if len(self.flat) == MOST_LAYOUTS:
                self.flat.clear()
            loose = [
                key
                for key in keys
                if key in self.places or (len(key) >= HASH_LENGTH and is_hash(key))
            ]
            taken = self.columns.intersection(keys).difference(loose)
            found = self.flat[keys] = loose, sorted(taken)
        return found


def place_fields(rows: Iterable[MappingRow]) -> CustomFields:
    """Prepare an entity's mapping for `map_custom_fields`."""
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
    """Store the custom fields of a row in their columns.

    Args:
        row: The record.
        fields: The prepared mapping.

    Returns:
        A new row, and the number of values that could not be coerced to the type of their column.
    """
    own, mapped, coercion_failures = split_custom_fields(row, fields)
    return {**own, **mapped}, coercion_failures


def split_custom_fields(row: Mapping[str, Any], fields: CustomFields) -> tuple[Row, Row, int]:
    """Separate the built-in columns of a row from its custom fields in their columns.

    Accepts the nested object of API v2 and the flat keys of API v1. Null values are omitted.

    Args:
        row: The record.
        fields: The prepared mapping.

    Returns:
        The built-in columns, the columns of custom fields, and the number of values that could not
        be coerced to the type of their column.
    """
    own, loose = _apart(row, fields)
    out: Row = {}
    left: Row = {}
    coercion_failures, values = 0, fields.values
    nested = own.pop(NESTED, None)
    if type(nested) is dict:
        for key, value in nested.items():
            if value is None:
                continue
            put = values.get(key)
            if put is None:
                loose.append((key, value))
            else:
                coercion_failures += put(value, out)
    elif nested is not None and nested != []:  # PHP encodes an empty object as an empty list.
        coercion_failures += 1
        left[NESTED] = nested
    if loose:
        coercion_failures += _put_loose(loose, fields, out, left)
    if left or NESTED in row:
        out[NESTED] = left or None
    return own, out, coercion_failures


def _apart(row: Mapping[str, Any], fields: CustomFields) -> tuple[Row, list[tuple[str, Any]]]:
    """Separate the built-in columns of a row from its flat custom fields (API v1)."""
    loose, taken = fields.apart(row)
    own = dict(row)
    pairs = [(key, own.pop(key)) for key in loose]
    for key in taken:
        own[_free(key + BUILT_IN_SUFFIX, own)] = own.pop(key)
    return own, pairs


def _put_loose(loose: list[tuple[str, Any]], fields: CustomFields, out: Row, left: Row) -> int:
    """Store values whose keys can be parts or unknown fields, whole fields first.

    A value whose column is already filled is kept in `left` under its key.
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
    """Return the readable field name and value of a field change.

    Args:
        field_key: Pipedrive's key of the field.
        value: The old or new value.
        fields: The prepared mapping of the entity's custom fields.

    Returns:
        The label of the field (the key for a built-in field), and the value as text with labels
        instead of option ids.
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
