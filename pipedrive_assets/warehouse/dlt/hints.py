"""dlt resources and their hints, from the registry and the column files, for all front ends."""

from collections.abc import Iterable, Iterator
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.extract import DltResource, DltSource

from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.rows.columns import Column, columns_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.exclusion import is_left_out

NESTING = 2
"""Nesting depth up to which lists become tables; deeper lists become JSON."""


def table_resource(
    entity: Entity, rows: Iterable[dict[str, Any]] | None, custom: FieldSet | None = None
) -> DltResource:
    """Return the dlt resource of a table.

    Args:
        entity: The table.
        rows: Normalized rows; None: create the empty table with its columns.
        custom: The custom fields of the table; None if it has none.

    Returns:
        The resource.
    """

    def generate() -> Iterator[Any]:
        if rows is None:
            yield dlt.mark.materialize_table_schema()
        else:
            yield rows

    return dlt.resource(generate, **hints(entity, custom))


def hints(entity: Entity, custom: FieldSet | None = None) -> dict[str, Any]:
    """Return the arguments of `dlt.resource` for a table.

    Child tables have a `merge_key`: dlt replaces all children of a parent.

    Args:
        entity: The table.
        custom: The custom fields of the table; None if it has none.

    Returns:
        Name, primary key, write disposition, columns and nested hints.
    """
    held = columns_of(entity.name)
    columns = {**held.columns, **(custom.columns if custom else {})}
    lists = {**held.lists, **(custom.lists if custom else {})}
    parent_key = entity.key[0] if entity.kind is Kind.CHILD else None
    return {
        "name": entity.name,
        "table_name": entity.name,
        "write_disposition": "merge",
        "primary_key": entity.key,
        **({"merge_key": parent_key} if parent_key else {}),
        "columns": {
            name: _hint(name, column)
            for name, column in columns.items()
            if not is_left_out(entity, name)
        },
        "nested_hints": {
            name: {"columns": {item: _hint(item, column) for item, column in items.items()}}
            for name, items in lists.items()
            if not is_left_out(entity, name)
        },
    }


def _hint(name: str, column: Column) -> dict[str, Any]:
    described = {"description": column.description} if column.description else {}
    return {"name": name, "data_type": column.type, **described}


def table_source(
    entity: Entity,
    rows: Iterable[dict[str, Any]] | None,
    custom: FieldSet | None = None,
    schema: Schema | None = None,
) -> DltSource:
    """Return the resource of a table in a dlt source of its own, so that it has its own schema.

    Args:
        entity: The table.
        rows: Normalized rows; None: create the empty table with its columns.
        custom: The custom fields of the table; None if it has none.
        schema: The table's current schema; None if it has none.

    Returns:
        A source with one resource.
    """
    name = f"pipedrive_{entity.name}"
    identity: Any = {"schema": schema.clone()} if schema else {"name": name}
    source: Any = dlt.source(
        lambda: table_resource(entity, rows, custom), max_table_nesting=NESTING, **identity
    )
    made: DltSource = source()
    return made
