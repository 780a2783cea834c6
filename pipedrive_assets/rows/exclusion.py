"""Columns excluded by the setting PIPEDRIVE_EXCLUDE_COLUMNS, which are removed from each row."""

from collections.abc import Container
from typing import Any

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import columns_of

NESTED = "__"


def leave_out(row: dict[str, Any], name: str) -> None:
    """Remove a column from a normalized row in place, with its `__v_text` column.

    Args:
        row: The row.
        name: The column; `a__b` is the key `b` of the object `a`.
    """
    for key in [key for key in row if key == name or key.startswith(f"{name}{NESTED}")]:
        del row[key]
    outer, nested, leaf = name.partition(NESTED)
    inner = row.get(outer)
    if nested and isinstance(inner, dict):
        row[outer] = inner = dict(inner)
        leave_out(inner, leaf)


def is_left_out(entity: Entity, column: str) -> bool:
    """Return whether a column, or the object that contains it, is excluded."""
    return any(column == name or column.startswith(f"{name}{NESTED}") for name in entity.excluded)


def check_excluded(entity: Entity, custom: Container[str] | None = None) -> None:
    """Check that the excluded columns of a table exist.

    Args:
        entity: The table, with its excluded columns.
        custom: Column names of its custom fields; None if they are not known yet, so that any name
            can be a custom field.

    Raises:
        ConfigurationError: The table has no such column.
    """
    held = columns_of(entity.name)
    known = {*held.columns, *held.lists}
    known |= {name.partition(NESTED)[0] for name in known if not name.startswith("_")}
    for name in sorted(entity.excluded - known):
        if (custom is None and entity.fields) or (custom is not None and name in custom):
            continue
        raise ConfigurationError(
            f"PIPEDRIVE_EXCLUDE_COLUMNS: the table {entity.name} has no column {name!r}. Nothing "
            "was written to it. Correct the name: see docs/entities.md for its columns, and the "
            "table custom_fields_mapping for custom fields."
        )
