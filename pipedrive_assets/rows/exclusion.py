"""Columns that a setting keeps out: they are taken from each row before anything is made of it."""

from collections.abc import Container
from typing import Any

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import columns_of

NESTED = "__"


def leave_out(row: dict[str, Any], name: str) -> None:
    """Take a column from a shaped row, with the text that did not fit it; `a__b` is b within a."""
    for key in [key for key in row if key == name or key.startswith(f"{name}{NESTED}")]:
        del row[key]
    outer, nested, leaf = name.partition(NESTED)
    inner = row.get(outer)
    if nested and isinstance(inner, dict):
        row[outer] = inner = dict(inner)
        leave_out(inner, leaf)


def is_left_out(entity: Entity, column: str) -> bool:
    """Whether a column of the table, or what is nested in one, is to be kept out."""
    return any(column == name or column.startswith(f"{name}{NESTED}") for name in entity.excluded)


def check_excluded(entity: Entity, custom: Container[str] | None = None) -> None:
    """Raise ConfigurationError for a column that the table does not have.

    Before its custom fields are known (`custom` is None), any name may be one of those.
    """
    held = columns_of(entity.name)
    known = {*held.columns, *held.lists}
    known |= {name.partition(NESTED)[0] for name in known if not name.startswith("_")}
    for name in sorted(entity.excluded - known):
        if (custom is None and entity.fields) or (custom is not None and name in custom):
            continue
        raise ConfigurationError(
            f"PIPEDRIVE_EXCLUDE_COLUMNS: {entity.name} has no column {name!r}. Look the name up in "
            "docs/entities.md, or in custom_fields_mapping for a custom field."
        )
