"""Normalize the records that Pipedrive sends into rows to load.

No value is lost. A value that cannot be coerced to the type of its column is kept as text in
`<column>__v_text`, as dlt does. Unknown keys are kept, and dlt creates columns for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.by_column import are_final, same_keys
from pipedrive_assets.rows.child import change_row, child_row
from pipedrive_assets.rows.coercion import COERCION_FAILED, Coercer, as_text, coerce_text
from pipedrive_assets.rows.custom_fields.label_name import label_name
from pipedrive_assets.rows.exclusion import leave_out
from pipedrive_assets.rows.fingerprint import fingerprint
from pipedrive_assets.rows.flow import flow_row
from pipedrive_assets.rows.links import cleaned, coerce_link, is_link
from pipedrive_assets.rows.participant import participant_row
from pipedrive_assets.rows.plan import Plan, plan_of
from pipedrive_assets.rows.references import (
    OPTION_KEYS,
    coerce_reference,
    has_id,
    is_reference,
    reference,
)

__all__ = ["COERCION_FAILED_SUFFIX", "fingerprint", "normalize_row", "normalize_rows"]

COERCION_FAILED_SUFFIX = "__v_text"
OTHER_SUFFIX = "_other"
"""Suffix of the column for a key that would have the column of another key."""

DELETED = "deleted"
"""Value of `_deleted_reason` for a row that Pipedrive marks as deleted."""

DELETED_TIMES = ("update_time", "modified", "add_time", "created")
"""Columns with the time of a deletion, in order of preference: users have no update_time, and that
of pipelines and stages can be null."""

Row = dict[str, Any]


def normalize_row(
    entity: Entity, row: Mapping[str, Any], *, parent_id: int | None = None
) -> tuple[Row, int]:
    """Normalize one record; see `normalize_rows`, which is faster for many.

    Args:
        entity: The table, with its excluded columns.
        row: The record.
        parent_id: Id of the parent that was requested, for child tables.

    Returns:
        The row, and the number of values that could not be coerced.
    """
    (out,), coercion_failures = normalize_rows(entity, [(parent_id, row)])
    return out, coercion_failures


def normalize_rows(
    entity: Entity,
    rows: Sequence[tuple[int | None, Mapping[str, Any]]],
    custom: Sequence[Row] = (),
) -> tuple[list[Row], int]:
    """Normalize records into the rows to load.

    Args:
        entity: The table, with its excluded columns.
        rows: Records with the columns that scans depend on already coerced, each with the id of
            the parent that was requested (None if the table has no parent).
        custom: The custom fields of each row in their columns, if the rows do not have them.

    Returns:
        The rows, with `_row_hash`, `_deleted_at` and `_deleted_reason`; and the number of values
        that could not be coerced to the type of their column.
    """
    plan, outs = plan_of(entity.name), [Row() for _ in rows]
    prepared = [_prepared(entity, row, parent_id) for parent_id, row in rows]
    coercion_failures = _objects(prepared, plan, outs)
    for fields, out in zip(custom, outs, strict=False):
        for name, value in fields.items():
            coercion_failures += _value(name, value, plan, out)
    for out in outs:
        _complete(entity, out)
    return outs, coercion_failures


def _complete(entity: Entity, out: Row) -> None:
    """Remove excluded columns, and add the columns that this project computes."""
    deleted = _is_deleted(out)
    deleted_at = _deleted_at(out) if deleted else None
    for name in entity.excluded:
        leave_out(out, name)
    out["_row_hash"] = fingerprint(out)
    out["_deleted_at"] = deleted_at
    out["_deleted_reason"] = DELETED if deleted else None


def _prepared(entity: Entity, row: Mapping[str, Any], parent_id: int | None) -> Mapping[str, Any]:
    """Return the record without secrets, in the shape of its table."""
    if entity.secret:
        row = {name: value for name, value in row.items() if name not in entity.secret}
    match entity.shape:
        case "participant":
            return participant_row(row, parent_id)
        case "flow":
            return flow_row(row, parent_id)
        case "child":
            return child_row(row, entity.key[0], parent_id)
        case "changelog":
            return change_row(row, entity.key[0], parent_id)
        case _:
            return row


def _is_deleted(row: Row) -> bool:
    """Return whether Pipedrive marks the row as deleted: by `is_deleted`, or projects by status."""
    return row.get("is_deleted") is True or row.get("status") == "deleted"


def _deleted_at(row: Row) -> str | None:
    return next((row[name] for name in DELETED_TIMES if row.get(name)), None)


def _objects(rows: Iterable[Mapping[str, Any]], plan: Plan, outs: Iterable[Row]) -> int:
    """Fill `outs` from `rows`, column by column; return the number of failed coercions."""
    coercion_failures = 0
    for columns, theirs in same_keys(rows, outs):
        for name, column in columns:
            coercion_failures += _column(name, column, plan, theirs)
    return coercion_failures


def _column(name: str, column: Sequence[Any], plan: Plan, outs: Sequence[Row]) -> int:
    """Store the values of a column; return the number of failed coercions."""
    fit = plan.leaves.get(name)
    if fit is None and not _is_known(name, plan):
        name = _free_name(name, plan)
    if are_final(fit, column):
        for out, value in zip(outs, column, strict=True):
            out[name] = value
        return 0
    if fit is None and name in plan.lists:
        return _lists(name, column, plan.lists[name], outs)
    if fit is None and name in plan.objects:
        return _nested(name, column, plan.objects[name], outs)
    return sum(_value(name, value, plan, out) for out, value in zip(outs, column, strict=True))


def _is_known(name: str, plan: Plan) -> bool:
    return name in plan.leaves or name in plan.objects or name in plan.lists


def _free_name(key: str, plan: Plan) -> str:
    """Return under which name an unknown key is stored.

    dlt normalizes names: the keys `Id` and `id` have the same column, and the last value of a row
    would win. dlt also takes `_dlt_id` of a row for its own key of the row.
    """
    try:
        column = label_name(key)
    except ValueError:
        return key
    if (column != key and _is_known(column, plan)) or column.startswith("_dlt_"):
        return column.strip("_") + OTHER_SUFFIX
    return key


def _value(name: str, value: Any, plan: Plan, out: Row) -> int:
    """Store one value; return the number of failed coercions."""
    fit = plan.leaves.get(name)
    if fit is None and name not in plan.lists and name not in plan.objects:
        return _unknown(name, value, out)
    if fit is None:
        return _column(name, (value,), plan, (out,))
    fitted = None if value is None else fit(value)
    if fitted is COERCION_FAILED:
        return _instead_of_value(name, value, plan, out)
    out[name] = fitted
    return 0


def _instead_of_value(name: str, value: object, plan: Plan, out: Row) -> int:
    """Store a value that is not a plain value of its type; return the number of failed coercions.

    An object can be the record that an id refers to, or an option with id and label.
    """
    fit, ids = plan.leaves[name], f"{name}_id"
    if isinstance(value, dict) and is_reference(name):
        return _put_reference(name, value, fit, out)
    has_label_column = fit is coerce_text and ids in plan.leaves
    if isinstance(value, dict) and has_label_column and value.keys() <= OPTION_KEYS:
        return _put_option(name, value, plan.leaves[ids], out)
    _keep(name, value, fit, out)
    return 1


def _put_reference(name: str, value: Mapping[str, Any], fit: Coercer, out: Row) -> int:
    """Store only the id: the record has its own table, and can contain personal data."""
    fitted, misfit = coerce_reference(value, fit)
    out[name] = fitted
    if misfit is not None:
        out[name + COERCION_FAILED_SUFFIX] = misfit
    return int(fitted is None)


def _put_option(name: str, value: Mapping[str, Any], fit: Coercer, out: Row) -> int:
    """Store label and id in separate columns, as for options of custom fields."""
    key, label = value.get("id"), value.get("label")
    fitted = None if key is None else fit(key)
    out[name] = as_text(key if label is None else label)
    if fitted is COERCION_FAILED:
        _keep(f"{name}_id", key, fit, out)
        return 1
    out[f"{name}_id"] = fitted
    return 0


def _keep(name: str, value: object, fit: Coercer, out: Row) -> None:
    """Store a value that failed to coerce: as JSON in a text column, else in `__v_text`."""
    if fit in {coerce_text, coerce_link}:
        out[name] = as_text(value)
    else:
        out[name] = None
        out[name + COERCION_FAILED_SUFFIX] = as_text(value)


def _unknown(name: str, value: object, out: Row) -> int:
    """Store the value of a key without a column; return the number of failed coercions."""
    if isinstance(value, dict) and is_reference(name) and has_id(value):
        out[name] = reference(value)
        return 0
    out[name] = cleaned({name: value})[name] if is_link(name) else value
    # Columns that scans depend on were coerced in `extract`, which adds `__v_text` columns.
    return int(name.endswith(COERCION_FAILED_SUFFIX))


def _nested(name: str, column: Sequence[Any], inner: Plan, outs: Sequence[Row]) -> int:
    """Store the objects of a column; return the number of failed coercions."""
    found: list[Row] = []
    fitted: list[Row] = []
    coercion_failures = 0
    for out, value in zip(outs, column, strict=True):
        if isinstance(value, dict):
            out[name] = nested = Row()
            found.append(value)
            fitted.append(nested)
        elif value == []:  # PHP encodes an empty object as an empty list.
            out[name] = {}
        elif value is not None:
            coercion_failures += _instead_of_object(name, value, inner, out)
    return coercion_failures + _objects(found, inner, fitted)


def _instead_of_object(name: str, value: object, inner: Plan, out: Row) -> int:
    """Store plain text for an address in its `value`, and any other value as text."""
    if inner.leaves.get("value") is coerce_text:
        out[name] = {"value": as_text(value)}
    else:
        out[name + COERCION_FAILED_SUFFIX] = as_text(value)
    return 1


def _lists(name: str, column: Sequence[Any], plan: Plan, outs: Sequence[Row]) -> int:
    """Store the lists of a column, without nulls; a single value is a list of one item."""
    found: list[Row] = []
    fitted: list[Row] = []
    coercion_failures = 0
    for out, value in zip(outs, column, strict=True):
        out[name] = items = []
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                items.append(Row())
                found.append(item)
                fitted.append(items[-1])
            elif item is not None:
                coercion_failures += _plain_item(item, plan, items)
    return coercion_failures + _objects(found, plan, fitted)


def _plain_item(item: object, plan: Plan, fitted: list[Any]) -> int:
    """Add an item that is not an object; dlt's column for such items is `value`."""
    fit = plan.leaves.get("value")
    if fit is None:
        fitted.append({"value": as_text(item)})
        return 1
    value = fit(item)
    if value is COERCION_FAILED:
        kept: Row = {}
        _keep("value", item, fit, kept)
        fitted.append(kept)
        return 1
    if value is not None:
        fitted.append(value if len(plan.leaves) == 1 else {"value": value})
    return 0
