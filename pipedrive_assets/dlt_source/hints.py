"""Hints of the plain resources: those of the warehouse load, and how dlt merges."""

from typing import Any

import dlt

from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.rows.columns import WAREHOUSE_COLUMNS, columns_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.warehouse.dlt.hints import hints

EMPTIED = "_deleted_at"
"""Column of a child row that only removes the rows of a parent without children."""

BLANKS: dict[str, Any] = {"bigint": 0, "double": 0, "text": ""}


def plain_hints(entity: Entity, custom: FieldSet | None = None) -> dict[str, Any]:
    """Return the arguments of `dlt.resource` for a table.

    If a load has two rows with the same key, the later change is kept. A child row with a value in
    `EMPTIED` removes the rows of its parent and is not loaded itself.
    """
    made = hints(entity, custom)
    for name in WAREHOUSE_COLUMNS.get(entity.name, ()):
        made["columns"].pop(name, None)
    if entity.cursor:
        made["columns"][entity.cursor]["dedup_sort"] = "desc"
    if entity.kind is Kind.CHILD:
        made["columns"][EMPTIED]["hard_delete"] = True
    return made


def with_columns(items: Any, entity: Entity, custom: FieldSet | None = None) -> Any:
    """Return items with the columns of their table, custom fields included.

    Without them, the items of a transformer would have the columns of its parent.

    Args:
        items: Rows, or dlt's marker for an empty table.
        entity: The table.
        custom: The custom fields of the table, if it has any.

    Returns:
        The items, marked for dlt.
    """
    found = plain_hints(entity, custom)
    wanted = {name: found[name] for name in ("columns", "nested_hints")}
    return dlt.mark.with_hints(items, dlt.mark.make_hints(**wanted))


def empty_table(entity: Entity, custom: FieldSet | None = None) -> Any:
    """Return an item that creates the table without rows, and runs the resource's transformers."""
    return with_columns(dlt.mark.materialize_table_schema(), entity, custom)


def no_children(entity: Entity, parent: int, moment: str) -> dict[str, Any]:
    """Return the row that removes the rows of a parent.

    Args:
        entity: The child table.
        parent: Id of the parent, which has no children or no longer has any.
        moment: When it was read, as an ISO timestamp in UTC.

    Returns:
        A row with blank keys, the parent's id and a value in `EMPTIED`.
    """
    types = columns_of(entity.name).columns
    blank = {name: BLANKS[types[name].type] for name in entity.key}
    return {**blank, entity.key[0]: parent, EMPTIED: moment}
