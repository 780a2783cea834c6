"""JSON schemas of streams, and records that match them."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from pipedrive_assets.rows.columns import WAREHOUSE_COLUMNS, Column
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.exclusion import is_left_out
from pipedrive_assets.singer.stream import DELETED_AT, Stream

Schema = dict[str, Any]
Excluded = Mapping[str, frozenset[str]]
"""Columns that the settings exclude, by table."""

UNMAPPED = "_unmapped"
"""The property for everything without a property of its own: keys that neither this version nor
the catalog has, and values that do not match their property's type."""

_INTERNAL = ("_row_hash", "_deleted_reason", *chain.from_iterable(WAREHOUSE_COLUMNS.values()))
"""Columns that only a warehouse needs."""
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
    """Return a stream's schema: Pipedrive's fields, custom fields by their names, and our own.

    Every property except the key may be null.

    Args:
        stream: The stream.
        custom: Its custom fields, if it has any.
        excluded: Columns that get no property.

    Returns:
        A JSON schema.
    """
    entity = replace(
        stream.entity, excluded=stream.entity.excluded | excluded.get(stream.table, frozenset())
    )
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
            "description": f"update_time of the {stream.entity.parent_name} when the record was "
            "read, UTC.",
        }
    properties[UNMAPPED] = {
        "type": ["object", "null"],
        "description": "Values that have no property, or do not match its type.",
    }
    if DELETED_AT in properties:
        properties[DELETED_AT]["description"] = (
            "When the record was found to be deleted, UTC; null if it is not deleted."
        )
    for name in stream.key_properties:
        properties[name]["type"] = [kind for kind in properties[name]["type"] if kind != "null"]
    return {"type": "object", "properties": properties}


def _properties(columns: Mapping[str, Column]) -> dict[str, Schema]:
    """Return the properties of columns; column `a__b` is property `b` of object `a`."""
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
    """Return the schema of a list of objects, or of plain values if they have one column."""
    item: Schema = {"type": ["object", "null"], "properties": _properties(columns)}
    if set(columns) == {"value"}:
        item["type"] = [*_TYPES[columns["value"].type]["type"], "object"]
    return {"type": ["array", "null"], "items": item}


def restricted(schema: Schema, names: Iterable[str]) -> Schema:
    """Return a schema with these properties only."""
    wanted = set(names)
    kept = {name: each for name, each in schema["properties"].items() if name in wanted}
    return {**schema, "properties": kept}


def record_of(row: Mapping[str, Any], *, sent: Schema, mapped: Container[str]) -> dict[str, Any]:
    """Return the record of a row.

    Args:
        row: The row.
        sent: The schema of the properties to send.
        mapped: Names that do not go into `UNMAPPED`.

    Returns:
        The value of each property of the schema, None if the row has none.
    """
    properties = sent["properties"]
    record = {name: row.get(name) for name in properties}
    if UNMAPPED in properties:
        strange = {name: value for name, value in row.items() if name not in mapped}
        record[UNMAPPED] = strange or None
    return record


def mapped_names(known: Iterable[str], custom: FieldSet | None) -> frozenset[str]:
    """Return the names that do not go into `UNMAPPED`.

    These are the properties of the catalog, selected or not, and columns for a warehouse only.
    """
    return frozenset({*known, *_INTERNAL, *(custom.lists if custom else ())})
