"""Coerce the columns that decisions depend on, once, as soon as a reply was read.

Scans compare, sort and plan by keys, change times, counters and deletion flags. Pipedrive may send
any of them in another type than documented. All code behind this module can rely on the types of
the column files.
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
"""A column, the function that coerces its values, and whether it is a part of the key."""

TIMES = {"update_time": "timestamp", "add_time": "timestamp"}
FLAGS = {"is_deleted": "bool", "active_flag": "bool", "merge_what_id": "bigint"}
"""Flags that a record has when it is requested by its id, even where its list has none."""

KEYLESS_SHAPES = frozenset({"flow", "changelog", "definition", "mapping"})
"""Shapes whose key is not in the reply: this project makes it from the row."""

YEARS = ("1970", "2100")
"""From the first of these years on, and before the second, a change time is plausible."""


def coerced_rows(entity: Entity, path: str, rows: Iterable[Row]) -> list[Row]:
    """Coerce the rows of a reply.

    Args:
        entity: The entity that the rows belong to.
        path: The endpoint that returned them, for the error message.
        rows: Rows as Pipedrive sent them; they are not changed.

    Returns:
        The rows in their order. A value that does not fit its column is null there, and kept as
        text in `<column>__v_text`.

    Raises:
        DataError: A row has no usable key.
    """
    columns = decisive(entity.name, is_record=False)
    return [_coerced(entity, path, row, columns) for row in rows]


def coerced_row(entity: Entity, path: str, row: Row) -> Row:
    """Coerce a single record, as `coerced_rows` does."""
    return _coerced(entity, path, row, decisive(entity.name, is_record=True))


@cache
def decisive(name: str, *, is_record: bool) -> tuple[Decisive, ...]:
    """The columns that decisions on an entity's raw rows depend on."""
    entity = BY_NAME[name]
    known, has_parent = columns_of(name).columns, entity.kind is Kind.CHILD and not entity.bulk
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
    """As a timestamp fits; a year without any Pipedrive account is a placeholder for no time."""
    made = coerce_timestamp(value)
    return COERCION_FAILED if type(made) is str and not YEARS[0] <= made[:4] < YEARS[1] else made


def _no_key(entity: Entity, path: str, row: Mapping[str, Any], name: str) -> DataError:
    found = f"it is {shown(row[name])}" if name in row else "it is missing"
    return DataError(
        f"GET /{path} returned a row of {entity.name} without a usable {name} ({found}). Nothing "
        "of this reply was loaded; rows of earlier replies are kept. Run again; if the error "
        "persists, report this message."
    )
