"""Adds to a dlt schema what a row has and the schema lacks, by the rules of dlt's normalizer.

Pipedrive may return a key that no column file has, a value of another type than its column, or a
list within a list. dlt adds a column, a variant column (`amount__v_text`), or a table for it.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from dlt.common.data_types import coerce_value, py_type_to_sc_type
from dlt.common.schema import Schema
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import autodetect_sc_type, new_table

Row = dict[str, Any]

ROW_COLUMNS: dict[str, TColumnSchema] = {
    "_dlt_load_id": {"data_type": "text", "nullable": False},
    "_dlt_id": {"data_type": "text", "nullable": False, "unique": True, "row_key": True},
}
"""The columns that dlt adds to a table."""

ITEM_COLUMNS: dict[str, TColumnSchema] = {
    "_dlt_root_id": {"data_type": "text", "nullable": False, "root_key": True},
    "_dlt_parent_id": {"data_type": "text", "nullable": False, "parent_key": True},
    "_dlt_list_idx": {"data_type": "bigint", "nullable": False},
    "_dlt_id": {"data_type": "text", "nullable": False, "unique": True, "row_key": True},
}
"""The columns that dlt adds to the table of a list."""

_DLT_COLUMNS = {**ROW_COLUMNS, **ITEM_COLUMNS}
_BIGINT = range(-(2**63), 2**63)


def normalized(schema: Schema, name: str, row: Row, load_id: str) -> Iterator[tuple[str, Row]]:
    """Split a row into the rows of its table and of its list tables.

    Args:
        schema: dlt's schema of the table; receives new columns and tables.
        name: The table.
        row: The row.
        load_id: dlt's id of the load.

    Yields:
        The name of a table and a row of it, with values of the types of their columns. The first
        is the row itself.
    """
    root_id = None
    for (table, parents, _), found in schema.normalize_data_item(row, load_id, name):
        values: Row = dict(found)
        if parents:
            values["_dlt_root_id"] = root_id
        else:
            root_id = values["_dlt_id"]
        yield table, _fitted(schema, table, parents, values)


def _fitted(schema: Schema, name: str, parents: tuple[str, ...], row: Row) -> Row:
    parent: Any = schema.naming.shorten_fragments(*parents) if parents else None
    table = schema.tables.get(name) or new_table(name, parent)
    known: dict[str, Any] = dict(table["columns"])
    new, fitted = {}, {}
    for key, value in row.items():
        if value is None:
            continue
        column, fits = _column(schema, known, key, value)
        fitted[column["name"]] = fits
        if known.get(column["name"]) is not column:
            known[column["name"]] = new[column["name"]] = column
    if new:
        schema.update_table({**table, "columns": new}, normalize_identifiers=False)
    return fitted


def _column(schema: Schema, known: Mapping[str, Any], name: str, value: Any) -> tuple[Any, Any]:
    """Return the column for a value, which may be new, and the value with the column's type."""
    if type(value) is int and value not in _BIGINT:
        value = str(value)
    kind, held = py_type_to_sc_type(type(value)), known.get(name)
    if not held or "data_type" not in held:
        found = autodetect_sc_type(_detections(schema), type(value), value) or kind
        column: Any = {"data_type": found, "nullable": True, **_DLT_COLUMNS.get(name, {})}
        return {"name": name, **column, **(held or {})}, coerce_value(found, kind, value)
    with contextlib.suppress(ValueError, SyntaxError):
        return held, coerce_value(held["data_type"], kind, value)
    variant = schema.naming.shorten_fragments(name, f"v_{kind}")
    column = known.get(variant) or {
        "name": variant,
        "data_type": kind,
        "nullable": True,
        "variant": True,
        "description": f"Values of {name} whose type is {kind}.",
    }
    return column, coerce_value(column["data_type"], kind, value)


def _detections(schema: Schema) -> Any:
    return schema.settings.get("detections") or ()
