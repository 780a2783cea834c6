"""Coerce the columns that scans depend on, as soon as a reply is read.

Scans compare and sort keys, update times, counts and deletion flags. Pipedrive can send any of them
in another type than documented. After this module, they have the types of the column files.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pipedrive_assets.errors import DataError
from pipedrive_assets.fault_text import shown
from pipedrive_assets.registry import BY_NAME, Entity, Kind, children_of
from pipedrive_assets.rows.coercion import COERCION_FAILED, FITS, Coercer, as_text, coerce_timestamp
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.normalize import COERCION_FAILED_SUFFIX
from pipedrive_assets.rows.references import coerce_reference, is_reference

Row = dict[str, Any]
Decisive = tuple[str, Coercer, bool]
"""A column, the function that coerces its values, and whether it is part of the key."""

TIMES = {"update_time": "timestamp", "add_time": "timestamp"}
FLAGS = {"is_deleted": "bool", "active_flag": "bool", "merge_what_id": "bigint"}
"""Columns of a record that is requested by its id; its list may lack them."""

KEYLESS_SHAPES = frozenset({"flow", "changelog", "definition", "mapping"})
"""Shapes whose key is not part of the reply; it is derived from the row."""

YEARS = ("1970", "2100")
"""An update time is plausible from the first of these years until before the second."""


def coerced_rows(entity: Entity, path: str, rows: Iterable[Row]) -> list[Row]:
    """Coerce the rows of a reply.

    Args:
        entity: The entity that the rows belong to.
        path: The endpoint that returned them, for the error message.
        rows: Rows as Pipedrive sent them; they are not changed.

    Returns:
        The rows in their order. A value that cannot be coerced is null in its column, and kept as
        text in `<column>__v_text`.

    Raises:
        DataError: A row has no valid key.
    """
    columns = decisive(entity.name, is_record=False)
    return [_coerced(entity, path, row, columns) for row in rows]


def coerced_row(entity: Entity, path: str, row: Row) -> Row:
    """Coerce a single record, as `coerced_rows` does.

    Args:
        entity: The entity that the record belongs to.
        path: The endpoint that returned it, for the error message.
        row: The record as Pipedrive sent it; it is not changed.

    Returns:
        The coerced record.

    Raises:
        DataError: The record has no valid key.
    """
    return _coerced(entity, path, row, decisive(entity.name, is_record=True))


@cache
def decisive(name: str, *, is_record: bool) -> tuple[Decisive, ...]:
    """List the columns of an entity that scans depend on.

    Args:
        name: The entity's name.
        is_record: Whether the rows are records requested by id, which have more columns.

    Returns:
        Each column with the function that coerces it, and whether it is part of the key.
    """
    entity = BY_NAME[name]
    known = columns_of(name).columns
    has_parent = (entity.kind is Kind.CHILD and not entity.bulk) or entity.lacks_owner
    keys = entity.key[1:] if has_parent else entity.key
    types = dict.fromkeys(() if entity.shape in KEYLESS_SHAPES else keys, "text")
    if has_parent:
        types[entity.key[0]] = "bigint"
    elif entity.kind is not Kind.CHILD and entity.shape not in KEYLESS_SHAPES:
        counters = [child.count_column for child in children_of(name) if child.count_column]
        types |= {**TIMES, **FLAGS, **dict.fromkeys(counters, "bigint")}
        types |= {entity.cursor: "timestamp"} if entity.cursor else {}
    fits = {
        column: FITS[known[column].type if column in known else kind]
        for column, kind in types.items()
        if column in known or is_record
    }
    if entity.change_column in fits:
        fits[entity.change_column] = _fit_change
    return tuple((column, fit, column in keys) for column, fit in fits.items())


def _coerced(entity: Entity, path: str, row: Row, columns: tuple[Decisive, ...]) -> Row:
    changes: Row = {}
    for name, fit, is_key in columns:
        value = row.get(name)
        if value is None and not is_key:
            continue
        made = None if value is None else fit(value)
        if made is value and (made or not is_key):
            continue
        if made is COERCION_FAILED and isinstance(value, dict) and is_reference(name):
            made, _ = coerce_reference(value, fit)
        if is_key and (made is COERCION_FAILED or made in (None, "")):
            raise _no_key(entity, path, row, name)
        changes[name] = None if made is COERCION_FAILED else made
        if made is COERCION_FAILED:
            changes[name + COERCION_FAILED_SUFFIX] = as_text(value)
    return {**row, **changes} if changes else row


def _fit_change(value: object) -> object:
    """Coerce an update time; a year outside YEARS is a placeholder and not a time."""
    made = coerce_timestamp(value)
    return COERCION_FAILED if type(made) is str and not YEARS[0] <= made[:4] < YEARS[1] else made


def _no_key(entity: Entity, path: str, row: Mapping[str, Any], name: str) -> DataError:
    found = f"it is {shown(row[name])}" if name in row else "it is missing"
    return DataError(
        f"GET /{path} returned a row of {entity.name} without a valid {name} ({found}). This "
        "reply was not loaded; rows of earlier replies are kept. Run again; if the error "
        "remains, report this message."
    )
