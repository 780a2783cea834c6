"""Column schemas for the Dagster UI."""

from collections.abc import Mapping

import dagster as dg

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import Column, columns_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.exclusion import is_left_out

OF_DLT: dict[str, Column] = {
    "_dlt_load_id": Column(type="text", description="The load that wrote the row, in _dlt_loads."),
    "_dlt_id": Column(type="text", description="Key of the row; rows of its lists refer to it."),
}
"""Columns that dlt adds to every table."""

OF_LIST: dict[str, Column] = {
    "_dlt_parent_id": Column(type="text", description="The _dlt_id of the row that has the list."),
    "_dlt_list_idx": Column(type="bigint", description="Position in the list, from 0."),
    "_dlt_id": Column(type="text", description="Key of the item."),
}
"""Columns that dlt adds to the table of a list."""


def column_schema(entity: Entity, custom: FieldSet | None = None) -> dg.TableSchema:
    """Return the columns of a table; columns with personal data are tagged `personal`.

    Args:
        entity: The table.
        custom: Its custom fields; None: they are not known yet.

    Returns:
        Its own columns, custom fields, lists (each a table of its own) and dlt's columns.
    """
    columns, lists = _known(entity, custom)
    tables = {
        name: Column(
            type="list",
            description=f"A list: table {entity.name}__{name}, joined by its _dlt_parent_id.",
            personal=any(column.personal for column in items.values()),
        )
        for name, items in lists.items()
    }
    return table_schema({**columns, **tables, **OF_DLT})


def list_schemas(entity: Entity, custom: FieldSet | None = None) -> dict[str, dg.TableSchema]:
    """Return the columns of each list of a table, by the name of the list's table."""
    _, lists = _known(entity, custom)
    return {
        f"{entity.name}__{name}": table_schema({**items, **OF_LIST})
        for name, items in lists.items()
    }


def _known(
    entity: Entity, custom: FieldSet | None
) -> tuple[dict[str, Column], dict[str, dict[str, Column]]]:
    """Return columns and lists, except those that PIPEDRIVE_EXCLUDE_COLUMNS names."""
    held = columns_of(entity.name)
    columns = {**held.columns, **(custom.columns if custom else {})}
    lists = {**held.lists, **(custom.lists if custom else {})}
    return (
        {name: column for name, column in columns.items() if not is_left_out(entity, name)},
        {name: items for name, items in lists.items() if not is_left_out(entity, name)},
    )


def table_schema(columns: Mapping[str, Column]) -> dg.TableSchema:
    """Convert described columns into a Dagster table schema."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=column.type,
                description=column.description,
                tags={"personal": ""} if column.personal else {},
            )
            for name, column in columns.items()
        ]
    )
