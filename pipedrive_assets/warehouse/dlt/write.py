"""Writes rows with a dlt pipeline, for warehouses on a server."""

from collections.abc import Callable, Sequence
from typing import Any

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.warehouse.dlt.hints import table_source
from pipedrive_assets.warehouse.dlt.schema import schema_name
from pipedrive_assets.warehouse.statements import Sql, transaction
from pipedrive_assets.warehouse.warehouse import Warehouse

Row = dict[str, Any]


def run_pipeline(
    warehouse: Warehouse,
    entity: Entity,
    rows: Sequence[Row],
    custom: FieldSet | None,
    then: Callable[[Sql, str], None],
) -> str:
    """Merge rows into a table, and create the table and its missing columns.

    Args:
        warehouse: A warehouse on a server; the caller holds its lock.
        entity: The table.
        rows: Normalized rows; without rows only the table is created.
        custom: The custom fields of the table; None if it has none.
        then: Further writes, with dlt's id of the load, in a transaction after that of the rows.

    Returns:
        dlt's id of the load.
    """
    name = schema_name(entity)
    pipeline = warehouse.pipeline(name)
    info = pipeline.run(table_source(entity, rows or None, custom, warehouse.schema(name)))
    info.raise_on_failed_jobs()
    warehouse.remember(name, pipeline.default_schema)
    load_id = info.loads_ids[-1]
    with warehouse.sql() as sql, transaction(sql):
        then(sql, load_id)
    return load_id
