"""Builds the dlt schema of a table, as dlt would from the table's hints on its first run."""

import json
from collections.abc import Mapping
from typing import Any

from dlt.common.schema import Schema
from dlt.common.schema.utils import new_table
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.warehouse.dialect import Sql
from pipedrive_assets.warehouse.dlt.hints import hints, table_source
from pipedrive_assets.warehouse.dlt.infer import ITEM_COLUMNS, ROW_COLUMNS


def schema_name(entity: Entity) -> str:
    """Return the name of a table's dlt schema: each table has its own."""
    return f"pipedrive_{entity.name}"


def stored_schema(sql: Sql, name: str) -> Schema | None:
    """Return the newest version of a dlt schema in the warehouse.

    Args:
        sql: The warehouse.
        name: The schema, for example `pipedrive_deals`.

    Returns:
        The schema; None if the warehouse does not have it.
    """
    try:
        rows = sql.execute_sql(
            f"SELECT schema FROM {sql.make_qualified_table_name('_dlt_version')} "
            "WHERE schema_name = %s ORDER BY inserted_at DESC LIMIT 1",
            name,
        )
    except DatabaseUndefinedRelation:
        return None
    return Schema.from_dict(json.loads(rows[0][0]), validate_schema=False) if rows else None


def typed_schema(held: Schema | None, entity: Entity, custom: FieldSet | None) -> Schema:
    """Return the schema of a table with all columns of its hints.

    It includes lists that no row has had yet, which the warehouse does not have.

    Args:
        held: dlt's current schema; None if there is none. It is not changed.
        entity: The table.
        custom: The custom fields of the table; None if it has none.

    Returns:
        The schema.
    """
    if held is None:
        return _made(entity, custom)
    schema = held.clone()
    if _key_of(schema, entity) != set(entity.key):
        made = _made(entity, custom)
        for name, column in schema.tables.get(entity.name, {"columns": {}})["columns"].items():
            column.pop("primary_key", None)
            column.update(made.tables[entity.name]["columns"].get(name, {}))
    if _lacks(schema, entity, hints(entity, custom)):
        _widen(schema, _made(entity, custom))
    return schema


def _key_of(schema: Schema, entity: Entity) -> set[str]:
    columns = schema.tables.get(entity.name, {}).get("columns", {})
    return {name for name, column in columns.items() if column.get("primary_key")}


def _made(entity: Entity, custom: FieldSet | None) -> Schema:
    """Return the schema that dlt makes of the hints; its own `discover_schema` takes 30 ms."""
    schema = table_source(entity, None, custom).schema
    hinted = hints(entity, custom)
    columns: dict[str, Any] = {**hinted["columns"]}
    for name in entity.key:
        marks = {"primary_key": True, "nullable": False}
        merge = {"merge_key": True} if name == hinted.get("merge_key") else {}
        columns[name] = {**columns.get(name, {"name": name}), **marks, **merge}
    _add_table(schema, entity.name, {**columns, **ROW_COLUMNS}, None, hinted["write_disposition"])
    for part, held in hinted["nested_hints"].items():
        items: dict[str, Any] = {**held["columns"], **ITEM_COLUMNS}
        _add_table(schema, f"{entity.name}__{part}", items, entity.name)
    # Only a copy uses the nesting depth of the source.
    return schema.clone()


def _add_table(
    schema: Schema, name: str, columns: Mapping[str, Any], parent: Any, disposition: Any = None
) -> None:
    named: Any = [{**column, "name": key} for key, column in columns.items()]
    resource: Any = None if parent else name
    table = new_table(name, parent, disposition, named, resource=resource)
    schema.update_table(table, normalize_identifiers=False)


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
