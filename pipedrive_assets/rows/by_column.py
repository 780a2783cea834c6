"""Checks of values by column: rows with the same keys are handled together.

Nearly all values already have the type and the form of their column. One check for a whole column
takes a fraction of the time of one check per value.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipedrive_assets.rows.coercion import (
    Coercer,
    coerce_bigint,
    coerce_bool,
    coerce_date,
    coerce_double,
    coerce_json,
    coerce_text,
    coerce_timestamp,
    is_finite,
    is_usual_date,
    is_usual_timestamp,
    is_within_64_bits,
)

Row = dict[str, Any]

_FINAL: dict[Coercer | None, tuple[set[type], Callable[[Any], object] | None]] = {
    coerce_text: ({str}, None),
    coerce_bool: ({bool}, None),
    coerce_bigint: ({int}, is_within_64_bits),
    coerce_double: ({int, float}, is_finite),
    coerce_timestamp: ({str}, is_usual_timestamp),
    coerce_date: ({str}, is_usual_date),
}
"""By coercion: the types of values that it returns unchanged, and what they also must meet."""


def are_final(fit: Coercer | None, column: Sequence[Any]) -> bool:
    """Whether a coercion returns every value of a column unchanged.

    Args:
        fit: The coercion; None: the column has none.
        column: The values; null values are final.

    Returns:
        True if all are; False if some may not be.
    """
    if fit is coerce_json:
        return True
    types, check = _FINAL.get(fit, (set(), None))
    found = {*map(type, column)} - {type(None)}
    if fit is None or not found <= types:
        return False
    return check is None or all(map(check, {*column} - {None}))


def same_keys(
    rows: Iterable[Mapping[str, Any]], outs: Iterable[Row]
) -> Iterator[tuple[Iterator[tuple[str, Sequence[Any]]], list[Row]]]:
    """Group rows that have the same keys in the same order.

    Args:
        rows: The rows.
        outs: For each row, the new row that its values are written to.

    Yields:
        The columns of a group, each with its values, and the new rows of the group.
    """
    groups: dict[tuple[str, ...], tuple[list[Iterable[Any]], list[Row]]] = {}
    for row, out in zip(rows, outs, strict=True):
        values, theirs = groups.setdefault(tuple(row), ([], []))
        values.append(row.values())
        theirs.append(out)
    for keys, (values, theirs) in groups.items():
        yield zip(keys, zip(*values, strict=True), strict=True), theirs
