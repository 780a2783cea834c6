"""Store values of custom fields in their columns.

Each public function returns, for one field, a function that stores a value in a row and returns the
number of failed coercions. A value that cannot be coerced is kept: in a text column as JSON, else
in `<column>__v_text`. The functions are not called for null.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipedrive_assets.rows.coercion import (
    COERCION_FAILED,
    FITS,
    Coercer,
    as_text,
    coerce_bigint,
    coerce_text,
)
from pipedrive_assets.rows.custom_fields.layouts import COERCION_FAILED_SUFFIX, Layout, layout_of
from pipedrive_assets.rows.custom_fields.mapping import MappingRow
from pipedrive_assets.rows.references import OPTION_KEYS, coerce_reference

Row = dict[str, Any]
Put = Callable[[Any, Row], int]


def puts_of(row: MappingRow) -> tuple[Put, dict[str, Put]]:
    """Return the function for a field's value, and one for each part with its own key in API v1."""
    layout, name = layout_of(row.column_type), row.normalized_name
    fit = FITS[layout.column]
    if layout.form == "link":
        return link(name, fit), {}
    if layout.form == "choice":
        return choice(name, row.options), {}
    if layout.form == "choices":
        return choices(name, row.options), {}
    parts = _parts(name, layout)
    return (composite(name, fit, parts) if parts else plain(name, fit)), parts


def _parts(name: str, layout: Layout) -> dict[str, Put]:
    return {part: plain(f"{name}_{part}", FITS[kind]) for part, kind in layout.parts.items()}


def plain(column: str, fit: Coercer) -> Put:
    """Return the function for a value with a single column."""

    def put(value: Any, out: Row) -> int:
        if fit is coerce_text and type(value) is str:
            out[column] = value
            return 0
        fitted = fit(value)
        if fitted is COERCION_FAILED:
            out[column if fit is coerce_text else column + COERCION_FAILED_SUFFIX] = as_text(value)
            return 1
        if fitted is not None:
            out[column] = fitted
        return 0

    return put


def composite(column: str, fit: Coercer, parts: Mapping[str, Put]) -> Put:
    """Return the function for a value with parts; the main part is `value`.

    API v1 sends the main part only. If an object has parts without a column, the whole object is
    also kept in `<column>__v_text`.

    Args:
        column: Column of the main part.
        fit: Coercion of the main part.
        parts: Functions that store the other parts.

    Returns:
        The function that stores a value.
    """
    main = plain(column, fit)
    known = {**parts, "value": main}
    formatted = f"{column}_formatted_address"

    def put(value: Any, out: Row) -> int:
        if type(value) is not dict:
            return main(value, out)
        coercion_failures = sum(
            known[part](each, out)
            for part, each in value.items()
            if each is not None and part in known
        )
        if formatted in out:
            out.setdefault(column, out[formatted])
        if any(each is not None and part not in known for part, each in value.items()):
            coercion_failures += 1
            out[column + COERCION_FAILED_SUFFIX] = as_text(value)
        return coercion_failures

    return put


def link(column: str, fit: Coercer) -> Put:
    """Return the function for the id of a record; of a whole record, only the id is stored."""
    main = plain(column, fit)

    def put(value: Any, out: Row) -> int:
        if type(value) is not dict:
            return main(value, out)
        fitted, misfit = coerce_reference(value, fit)
        if fitted is not None:
            out[column] = fitted
        if misfit is not None:
            out[column + COERCION_FAILED_SUFFIX] = misfit
        return int(fitted is None)

    return put


def choice(column: str, labels: Mapping[str, str]) -> Put:
    """Return the function for a single option: its label, and its id in `<column>_id`."""
    ids = f"{column}_id"

    def put(value: Any, out: Row) -> int:
        chosen = list(_chosen(value, labels))
        if len(chosen) > 1:
            out[column] = as_text([label for _, label, _ in chosen])
            out[ids + COERCION_FAILED_SUFFIX] = as_text([each for each, _, _ in chosen])
        elif chosen:
            each, out[column], fits = chosen[0]
            out[ids if fits else ids + COERCION_FAILED_SUFFIX] = each
        strange = _keep_strange(column, value, out)
        return int(strange or len(chosen) > 1 or not all(fits for _, _, fits in chosen))

    return put


def choices(column: str, labels: Mapping[str, str]) -> Put:
    """Return the function for a list of options: labels, ids, and rows of the child table."""
    ids, rows = f"{column}_ids", f"{column}_labels"

    def put(value: Any, out: Row) -> int:
        chosen = list(_chosen(value, labels))
        if chosen or value == []:
            out[column] = [label for _, label, _ in chosen]
            out[ids] = [each for each, _, _ in chosen]
            out[rows] = [
                {"id": each if fits else None, "label": label} for each, label, fits in chosen
            ]
        coercion_failures = sum(not fits for _, _, fits in chosen)
        return coercion_failures + _keep_strange(column, value, out)

    return put


def labels_in(value: Any, labels: Mapping[str, str]) -> list[str]:
    """Return the labels of the options in a value."""
    return [label for _, label, _ in _chosen(value, labels)]


def _chosen(value: Any, labels: Mapping[str, str]) -> Iterator[tuple[Any, str, bool]]:
    """Yield id and label of each option in a value, and whether the id is an integer.

    A label that is part of the value is preferred, because the known label can be older.
    """
    for item in _items(value):
        given, label = item, None
        if type(item) is dict:
            given, label = item.get("id"), item.get("label")
            if given is None and label is None and item:
                label = as_text(item)
        fitted = None if given is None else coerce_bigint(given)
        fits = fitted is not COERCION_FAILED
        option = fitted if fits else as_text(given)
        if label is not None:
            yield option, as_text(label), fits
        elif option is not None:
            text = str(option)
            yield option, labels.get(text, text), fits


def _items(value: Any) -> list[Any]:
    """Return the options in a value; API v1 sends their ids separated by commas."""
    if type(value) is list:
        return [item for item in value if item is not None]
    if type(value) is not str or value.isdecimal():
        return [value]
    ids = [part for each in value.split(",") if (part := each.strip())]
    are_ids = all(coerce_bigint(part) is not COERCION_FAILED for part in ids)
    return ids if (ids or not value) and are_ids else [value]


def _keep_strange(column: str, value: Any, out: Row) -> bool:
    """Keep the whole value in `__v_text` if its options have more keys than id and label."""
    items = value if type(value) is list else [value]
    if any(type(item) is dict and item.keys() - OPTION_KEYS for item in items):
        out[column + COERCION_FAILED_SUFFIX] = as_text(value)
        return True
    return False
