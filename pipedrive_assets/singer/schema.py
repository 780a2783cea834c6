"""JSON schemas of streams, and records that keep to them."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from pipedrive_assets.rows.columns import WAREHOUSE_COLUMNS, Column
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.exclusion import is_left_out
from pipedrive_assets.singer.stream import Stream

Schema = dict[str, Any]
Excluded = Mapping[str, frozenset[str]]
"""Columns that the settings keep out, by table."""

UNMAPPED = "_unmapped"
"""The property for what has none: keys that Pipedrive sends and neither this version nor the
catalog knows, and values that do not fit their property's type."""

_INTERNAL = ("_row_hash", "_deleted_reason", *chain.from_iterable(WAREHOUSE_COLUMNS.values()))
"""Columns that serve the warehouse only."""
_TYPES: dict[str, Schema] = {
    "text": {"type": ["string", "null"]},
    "bigint": {"type": ["integer", "null"]},
    "double": {"type": ["number", "null"]},
    "bool": {"type": ["boolean", "null"]},
    "timestamp": {"type": ["string", "null"], "format": "date-time"},
    "date": {"type": ["string", "null"], "format": "date"},
    "json": {"type": ["object", "array", "string", "number", "boolean", "null"]},
}


def schema_of(stream: Stream, custom: FieldSet | None, excluded: Excluded) -> Schema:
    """The stream's schema: Pipedrive's own fields, custom ones by their readable names, and ours.

    Everything but the key may be null. Columns that the settings keep out have no property.
    """
    entity = replace(stream.entity, excluded=excluded.get(stream.table, frozenset()))
    columns = {**stream.columns.columns, **(custom.columns if custom else {})}
    properties = _properties(
        {
            name: column
            for name, column in columns.items()
            if name not in _INTERNAL and not is_left_out(entity, name)
        }
    )
    properties |= {
        name: _list(items)
        for name, items in stream.columns.lists.items()
        if not is_left_out(entity, name)
    }
    if stream.parent_cursor and stream.replication_key == stream.parent_cursor:
        properties[stream.parent_cursor] = {
            **_TYPES["timestamp"],
            "description": f"The update_time of its {stream.entity.parent_name} when it was read, "
            "UTC.",
        }
    properties[UNMAPPED] = {
        "type": ["object", "null"],
        "description": "What Pipedrive sent that has no property, or does not fit it.",
    }
    for name in stream.key_properties:
        properties[name]["type"] = [kind for kind in properties[name]["type"] if kind != "null"]
    return {"type": "object", "properties": properties}


def _properties(columns: Mapping[str, Column]) -> dict[str, Schema]:
    """Properties of columns, `a__b` being the property b of the object a."""
    properties: dict[str, Schema] = {}
    objects: dict[str, dict[str, Column]] = {}
    for name, column in columns.items():
        outer, nested, leaf = name.partition("__")
        if nested and outer:
            objects.setdefault(outer, {})[leaf] = column
        else:
            described = {"description": column.description} if column.description else {}
            properties[name] = {**_TYPES[column.type], **described}
    for name, leaves in objects.items():
        properties[name] = {"type": ["object", "null"], "properties": _properties(leaves)}
    return properties


def _list(columns: Mapping[str, Column]) -> Schema:
    """A list of objects; of plain values where each has only one."""
    item: Schema = {"type": ["object", "null"], "properties": _properties(columns)}
    if set(columns) == {"value"}:
        item["type"] = [*_TYPES[columns["value"].type]["type"], "object"]
    return {"type": ["array", "null"], "items": item}


def restricted(schema: Schema, names: Iterable[str]) -> Schema:
    """The schema with these properties only."""
    wanted = set(names)
    kept = {name: each for name, each in schema["properties"].items() if name in wanted}
    return {**schema, "properties": kept}


def record_of(row: Mapping[str, Any], *, sent: Schema, mapped: Container[str]) -> dict[str, Any]:
    """The record of a row: the properties that are `sent`; what is not `mapped` goes into
    UNMAPPED.
    """
    properties = sent["properties"]
    record = {name: row.get(name) for name in properties}
    if UNMAPPED in properties:
        strange = {name: value for name, value in row.items() if name not in mapped}
        record[UNMAPPED] = strange or None
    return record


def mapped_names(known: Iterable[str], custom: FieldSet | None) -> frozenset[str]:
    """What has no place in UNMAPPED: the properties that the catalog knows, selected or not, and
    what only a warehouse needs.
    """
    return frozenset({*known, *_INTERNAL, *(custom.lists if custom else ())})
