"""Keeps the columns of a table as they are, for the schema policy `freeze`.

Callers of this module hold the warehouse lock.
"""

from dataclasses import dataclass, field
from typing import Any

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.custom_fields.map_fields import MappingRow
from pipedrive_assets.rows.frozen import declared_names, remove_new
from pipedrive_assets.warehouse.statements import Sql, table_exists


@dataclass(slots=True, kw_only=True)
class Frozen:
    """What a table with the policy `freeze` may contain.

    Attributes:
        names: Its columns and lists; `a__b` is the column `b` of the list `a`.
        removed: The fields that were removed from rows of this load.
    """

    names: frozenset[str]
    removed: set[str] = field(default_factory=set)

    def keep(self, custom: FieldSet) -> FieldSet:
        """Return the custom fields that have a column; the values of others stay in one column.

        A field that has a column may also get the list of its options, which exists only after the
        first row that has one.
        """
        kept = FieldSet(rows=tuple(row for row in custom.rows if has_column(self, row)))
        lists = {f"{name}__{each}" for name, held in kept.lists.items() for each in held}
        self.names |= {*kept.columns, *kept.lists, *lists}
        return kept

    def clean(self, row: dict[str, Any]) -> bool:
        """Remove the fields of a normalized row that have no column; return whether it had any."""
        found = remove_new(row, self.names)
        self.removed |= found
        return bool(found)


def has_column(held: Frozen | None, row: MappingRow) -> bool:
    """Whether a table may have the columns of a custom field."""
    return held is None or not held.names.isdisjoint(row.columns)


def frozen(sql: Sql, entity: Entity) -> Frozen | None:
    """Return what a table may contain if its policy is `freeze`; None: anything.

    Args:
        sql: The warehouse.
        entity: The table.
    """
    if entity.schema_policy != "freeze" or not table_exists(sql, entity.name):
        return None
    rows = sql.execute_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s",
        sql.dataset_name,
    )
    start = f"{entity.name}__"
    names = declared_names(entity)
    for name, column in rows or ():
        if name == entity.name:
            names.add(column)
        elif name.startswith(start):
            part = name.removeprefix(start)
            names |= {part, f"{part}__{column}"}
    return Frozen(names=frozenset(names))
