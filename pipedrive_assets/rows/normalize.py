"""Normalize the records that Pipedrive sends into rows to load.

No value is lost. A value that cannot be coerced to the type of its column is kept as text in
`<column>__v_text`, as dlt does. Unknown keys are kept, and dlt creates columns for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.child import change_row, child_row
from pipedrive_assets.rows.coercion import COERCION_FAILED, FITS, Coercer, as_text, coerce_text
from pipedrive_assets.rows.columns import Column, columns_of
from pipedrive_assets.rows.exclusion import leave_out
from pipedrive_assets.rows.fingerprint import fingerprint
from pipedrive_assets.rows.flow import flow_row
from pipedrive_assets.rows.links import cleaned, coerce_link, is_link
from pipedrive_assets.rows.participant import participant_row
from pipedrive_assets.rows.references import (
    OPTION_KEYS,
    coerce_reference,
    has_id,
    is_reference,
    reference,
)

__all__ = ["COERCION_FAILED_SUFFIX", "fingerprint", "normalize_row"]

COERCION_FAILED_SUFFIX = "__v_text"
DELETED = "deleted"
"""Value of `_deleted_reason` for a row that Pipedrive marks as deleted."""

DELETED_TIMES = ("update_time", "modified", "add_time", "created")
"""Columns with the time of a deletion, in order of preference: users have no update_time, and that
of pipelines and stages can be null."""

OWN_COLUMNS = frozenset({"_row_hash", "_deleted_at", "_deleted_reason"})
"""Columns of a normalized row that do not come from Pipedrive."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to normalize each key of an object; keys without an entry are kept unchanged.

    Attributes:
        leaves: Coercions of plain values, by key.
        objects: Plans of nested objects, by key.
        lists: Plans of the items of lists, by key.
    """

    leaves: dict[str, Coercer] = field(default_factory=dict)
    objects: dict[str, "Plan"] = field(default_factory=dict)
    lists: dict[str, "Plan"] = field(default_factory=dict)

    def add(self, path: str, fit: Coercer) -> None:
        """Add a column; `a__b` is the key `b` of the object `a`."""
        outer, nested, leaf = path.partition("__")
        if nested and outer:
            self.objects.setdefault(outer, Plan()).add(leaf, fit)
        self.leaves[path] = fit


@cache
def _plan(entity_name: str) -> Plan:
    known = columns_of(entity_name)
    plan = _plan_of(known.columns)
    plan.lists.update({name: _plan_of(columns) for name, columns in known.lists.items()})
    return plan


def _plan_of(columns: Mapping[str, Column]) -> Plan:
    plan = Plan()
    for name, column in columns.items():
        is_text_link = column.type == "text" and is_link(name)
        plan.add(name, coerce_link if is_text_link else FITS[column.type])
    return plan


def normalize_row(
    entity: Entity, row: Mapping[str, Any], *, parent_id: int | None = None
) -> tuple[Row, int]:
    """Normalize a record into the row to load.

    Args:
        entity: The table, with its excluded columns.
        row: The record, with the columns that scans depend on already coerced.
        parent_id: Id of the parent that was requested, for child tables.

    Returns:
        The row, with `_row_hash`, `_deleted_at` and `_deleted_reason`; and the number of values
        that could not be coerced to the type of their column.
    """
    out: Row = {}
    coercion_failures = _object(_prepared(entity, row, parent_id), _plan(entity.name), out)
    deleted = _is_deleted(out)
    deleted_at = _deleted_at(out) if deleted else None
    for name in entity.excluded:
        leave_out(out, name)
    out["_row_hash"] = fingerprint(out)
    out["_deleted_at"] = deleted_at
    out["_deleted_reason"] = DELETED if deleted else None
    return out, coercion_failures


def row_hash(row: Row) -> int:
    """Return the `_row_hash` of a normalized row: of all values that come from Pipedrive."""
    return fingerprint({name: value for name, value in row.items() if name not in OWN_COLUMNS})


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


def _object(row: Mapping[str, Any], plan: Plan, out: Row) -> int:
    """Fill `out` from `row`; return the number of failed coercions."""
    leaves, coercion_failures = plan.leaves, 0
    for name, value in row.items():
        fit = leaves.get(name)
        if fit is None:
            coercion_failures += _branch(name, value, plan, out)
        elif value is None or (fit is coerce_text and type(value) is str):
            out[name] = value
        elif (fitted := fit(value)) is COERCION_FAILED:
            coercion_failures += _instead_of_value(name, value, plan, out)
        else:
            out[name] = fitted
    return coercion_failures


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


def _branch(name: str, value: object, plan: Plan, out: Row) -> int:
    """Store the value of a key that is not a plain column: a list, an object, or unknown."""
    if name in plan.lists:
        out[name], coercion_failures = _list(value, plan.lists[name])
        return coercion_failures
    inner = plan.objects.get(name)
    if inner is None and is_reference(name) and isinstance(value, dict) and has_id(value):
        out[name] = reference(value)
        return 0
    if inner is None:
        out[name] = cleaned({name: value})[name] if is_link(name) else value
        # Columns that scans depend on were coerced in `extract`, which adds `__v_text` columns.
        return int(name.endswith(COERCION_FAILED_SUFFIX))
    if isinstance(value, dict):
        nested: Row = {}
        out[name] = nested
        return _object(value, inner, nested)
    if value == []:  # PHP encodes an empty object as an empty list.
        out[name] = {}
    elif value is not None:
        return _instead_of_object(name, value, inner, out)
    return 0


def _instead_of_object(name: str, value: object, inner: Plan, out: Row) -> int:
    """Store plain text for an address in its `value`, and any other value as text."""
    if inner.leaves.get("value") is coerce_text:
        out[name] = {"value": as_text(value)}
    else:
        out[name + COERCION_FAILED_SUFFIX] = as_text(value)
    return 1


def _list(value: object, plan: Plan) -> tuple[list[Any], int]:
    """Normalize the items of a list, without nulls; a single value is a list of one item."""
    fitted: list[Any] = []
    coercion_failures = 0
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            kept: Row = {}
            coercion_failures += _object(item, plan, kept)
            fitted.append(kept)
        elif item is not None:
            coercion_failures += _plain_item(item, plan, fitted)
    return fitted, coercion_failures


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
