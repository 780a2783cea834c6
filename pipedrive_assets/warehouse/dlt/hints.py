"""Entities as dlt resources: hints from the registry and the column files, the same for every
door.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import dlt
from dlt.extract import DltResource, DltSource

from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.rows.columns import Column, columns_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.exclusion import is_left_out

NESTING = 2
"""A list in a row becomes a table; what is nested deeper is JSON."""


def table_resource(
    entity: Entity, rows: Iterable[dict[str, Any]] | None, custom: FieldSet | None = None
) -> DltResource:
    """A resource of shaped rows; None makes the empty table, typed."""

    def give() -> Iterator[Any]:
        if rows is None:
            yield dlt.mark.materialize_table_schema()
        else:
            yield rows

    return dlt.resource(give, **hints(entity, custom))


def hints(entity: Entity, custom: FieldSet | None = None) -> dict[str, Any]:
    """What `dlt.resource` is told of an entity.

    A child's whole set is replaced per parent: `merge_key`.
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
    entity: Entity, rows: Iterable[dict[str, Any]] | None, custom: FieldSet | None = None
) -> DltSource:
    """The resource alone in a source of its own: one dlt schema per table, so that schemas never
    mix.
    """
    source = dlt.source(
        lambda: table_resource(entity, rows, custom),
        name=f"pipedrive_{entity.name}",
        max_table_nesting=NESTING,
    )
    return source()
