"""Typed columns of custom fields, so that a table has them even if all values are null."""

from collections.abc import Iterable

from pipedrive_assets.rows.columns import Column
from pipedrive_assets.rows.custom_fields.layouts import CHOICE_COLUMNS, layout_of
from pipedrive_assets.rows.custom_fields.mapping import MappingRow


def columns_for(rows: Iterable[MappingRow]) -> dict[str, Column]:
    """Return the columns of an entity's custom fields, including fields removed in Pipedrive."""
    columns = {}
    for row in rows:
        layout, name = layout_of(row.column_type), row.normalized_name
        columns[name] = Column(type=layout.column, description=f"Custom field “{row.name}”.")
        for part, kind in layout.parts.items():
            description = f"{_words(part)} of the custom field “{row.name}”."
            columns[f"{name}_{part}"] = Column(type=kind, description=description)
    return columns


def lists_for(rows: Iterable[MappingRow]) -> dict[str, dict[str, Column]]:
    """Return the lists that dlt loads into child tables: `<table>__<name>_labels`, a row per label.

    Args:
        rows: The mapping of the entity's custom fields.

    Returns:
        The columns of each list, by the list's name.
    """
    return {
        f"{row.normalized_name}_{part}": {
            name: Column(
                type=kind,
                description=f"{_words(name)} of a choice in the custom field “{row.name}”.",
            )
            for name, kind in CHOICE_COLUMNS.items()
        }
        for row in rows
        for part in layout_of(row.column_type).lists
    }


def _words(part: str) -> str:
    return part.replace("_", " ").capitalize()
