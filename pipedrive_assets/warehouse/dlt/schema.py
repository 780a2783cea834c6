"""Builds the dlt schema of a table, as dlt would from the table's hints on its first run."""

from collections.abc import Mapping
from typing import Any

from dlt.common.schema import Schema

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.warehouse.dlt.hints import hints, table_source

_ROW = {
    "_dlt_load_id": {"data_type": "text", "nullable": False},
    "_dlt_id": {"data_type": "text", "nullable": False, "unique": True, "row_key": True},
}
_ITEM = {
    "_dlt_root_id": {"data_type": "text", "nullable": False, "root_key": True},
    "_dlt_parent_id": {"data_type": "text", "nullable": False, "parent_key": True},
    "_dlt_list_idx": {"data_type": "bigint", "nullable": False},
    "_dlt_id": {"data_type": "text", "nullable": False, "unique": True, "row_key": True},
}
"""The columns that dlt adds to a table (`_ROW`) and to its list tables (`_ITEM`)."""


def typed_schema(held: Schema | None, entity: Entity, custom: FieldSet | None) -> Schema | None:
    """Return the schema of a table with all columns of its hints.

    It includes lists that no row has had yet, which the warehouse does not have.

    Args:
        held: dlt's current schema; None if there is none.
        entity: The table.
        custom: The custom fields of the table; None if it has none.

    Returns:
        The schema; None if the table's primary key has changed, which only dlt can handle.
    """
    if held is None:
        return _made(entity, custom)
    columns = held.tables.get(entity.name, {}).get("columns", {})
    if {name for name, hint in columns.items() if hint.get("primary_key")} != set(entity.key):
        return None
    schema = held.clone()
    if _lacks(schema, entity, hints(entity, custom)):
        _widen(schema, _made(entity, custom))
    return schema


def _made(entity: Entity, custom: FieldSet | None) -> Schema:
    schema = table_source(entity, None, custom).discover_schema()
    for table in schema.data_tables():
        for name, hint in (_ITEM if table.get("parent") else _ROW).items():
            table["columns"][name] = {"name": name, **hint}  # type: ignore[typeddict-item]
    return schema


def _lacks(schema: Schema, entity: Entity, hinted: Mapping[str, Any]) -> bool:
    wanted = {entity.name: hinted["columns"]} | {
        f"{entity.name}__{name}": table["columns"] for name, table in hinted["nested_hints"].items()
    }
    return any(
        name not in schema.tables or not schema.tables[name]["columns"].keys() >= columns.keys()
        for name, columns in wanted.items()
    )


def _widen(schema: Schema, made: Schema) -> None:
    """Add the columns that a schema lacks; its other columns do not change."""
    for name in made.data_table_names():
        table = made.tables[name]
        held = schema.tables[name]["columns"] if name in schema.tables else {}
        new = {column: hint for column, hint in table["columns"].items() if column not in held}
        schema.update_table({**table, "columns": new})
