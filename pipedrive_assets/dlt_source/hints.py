"""The hints of plain resources: those every door has, and how dlt is to merge."""

from typing import Any

import dlt

from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.rows.columns import WAREHOUSE_COLUMNS, columns_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.warehouse.dlt.hints import hints

MARK = "_deleted_at"
BLANKS: dict[str, Any] = {"bigint": 0, "double": 0, "text": ""}


def plain_hints(entity: Entity, custom: FieldSet | None = None) -> dict[str, Any]:
    """What `dlt.resource` is told of an entity.

    Of two rows with one key in a load the later change counts. A child row with a mark stands for
    a parent that has no children: it removes the old ones and is itself not loaded.
    """
    made = hints(entity, custom)
    for name in WAREHOUSE_COLUMNS.get(entity.name, ()):
        made["columns"].pop(name, None)
    if entity.cursor:
        made["columns"][entity.cursor]["dedup_sort"] = "desc"
    if entity.kind is Kind.CHILD:
        made["columns"][MARK]["hard_delete"] = True
    return made


def with_columns(items: Any, entity: Entity, custom: FieldSet | None = None) -> Any:
    """Items that bring their table's columns with them, those of custom fields too.

    A transformer's items would else bring the columns of its parent.
    """
    told = plain_hints(entity, custom)
    wanted = {name: told[name] for name in ("columns", "nested_hints")}
    return dlt.mark.with_hints(items, dlt.mark.make_hints(**wanted))


def empty_table(entity: Entity, custom: FieldSet | None = None) -> Any:
    """Makes the table, typed, where no row does; wakes the transformers of the resource."""
    return with_columns(dlt.mark.materialize_table_schema(), entity, custom)


def no_children(entity: Entity, parent: int, moment: str) -> dict[str, Any]:
    """The row that says that a parent has no children (any more)."""
    types = columns_of(entity.name).columns
    blank = {name: BLANKS[types[name].type] for name in entity.key}
    return {**blank, entity.key[0]: parent, MARK: moment}
