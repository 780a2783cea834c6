"""The schema policy `freeze`: a table gets no new columns and lists."""

from collections.abc import Collection
from typing import Any

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.normalize import COERCION_FAILED_SUFFIX

NESTED = "__"
KEPT = "_"
"""Start of the names of columns that this project adds."""


def declared_names(entity: Entity) -> set[str]:
    """Return the columns and lists of a table that this version of the project defines."""
    known = columns_of(entity.name)
    in_lists = {f"{name}{NESTED}{each}" for name, held in known.lists.items() for each in held}
    return {*known.columns, *known.lists, *in_lists}


def remove_new(row: dict[str, Any], known: Collection[str], prefix: str = "") -> set[str]:
    """Remove the fields of a normalized row that its table has no column or list for.

    A value that does not have the type of its column is kept: its column `…__v_text` is created if
    necessary.

    Args:
        row: The row, or an object in it; changed in place.
        known: The columns and lists that the table may have. `a__b` is the key `b` of the object
            `a`, or of the items of the list `a`.
        prefix: The name of the object or list, followed by `__`; empty for the row.

    Returns:
        The names of the fields that were removed.
    """
    removed: set[str] = set()
    for key, value in list(row.items()):
        name = f"{prefix}{key}"
        inner = f"{name}{NESTED}"
        is_known = name in known or name.removesuffix(COERCION_FAILED_SUFFIX) in known
        if value is None or (key.startswith(KEPT) and not prefix):
            continue
        if not is_known and not any(each.startswith(inner) for each in known):
            del row[key]
            removed.add(name)
        elif isinstance(value, dict) and not is_known:
            row[key] = dict(value)
            removed |= remove_new(row[key], known, inner)
        elif isinstance(value, list):
            row[key] = [dict(each) if isinstance(each, dict) else each for each in value]
            for item in row[key]:
                removed |= remove_new(item, known, inner) if isinstance(item, dict) else set()
    return removed
