"""From the row as Pipedrive sent it to the row as it is loaded.

Nothing sent is lost: what cannot be its column's type is kept as text in `<column>__v_text`, where
dlt puts such values too, and unknown keys pass through for dlt to make columns of.
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
"""The reason of a row that Pipedrive itself calls deleted."""

DELETED_TIMES = ("update_time", "modified", "add_time", "created")
"""What tells when a deleted row was deleted, best first: users have no update_time, and that of
pipelines and stages may be null."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How each key of an object is treated; a key in none of the three passes through."""

    leaves: dict[str, Coercer] = field(default_factory=dict)
    objects: dict[str, "Plan"] = field(default_factory=dict)
    lists: dict[str, "Plan"] = field(default_factory=dict)

    def add(self, path: str, fit: Coercer) -> None:
        """Take in a column, `a__b` being the leaf b of the object a."""
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
    """Make the row to load; also count the values that did not fit their column's type."""
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


def _prepared(entity: Entity, row: Mapping[str, Any], parent_id: int | None) -> Mapping[str, Any]:
    """The row without its secrets, in the form of its table."""
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
    """Whether Pipedrive says so: most rows by a mark, projects by their status alone."""
    return row.get("is_deleted") is True or row.get("status") == "deleted"


def _deleted_at(row: Row) -> str | None:
    return next((row[name] for name in DELETED_TIMES if row.get(name)), None)


def _object(row: Mapping[str, Any], plan: Plan, out: Row) -> int:
    """Fill `out` from `row`; returns the number of misfits."""
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
    """Put an object or a misfit where a plain value was expected; returns the misfits.

    An object may be the record that a link leads to, or an option with id and label.
    """
    fit, ids = plan.leaves[name], f"{name}_id"
    if isinstance(value, dict) and is_reference(name):
        return _put_reference(name, value, fit, out)
    if isinstance(value, dict) and ids in plan.leaves and value.keys() <= OPTION_KEYS:
        return _put_option(name, value, plan.leaves[ids], out)
    _keep(name, value, fit, out)
    return 1


def _put_reference(name: str, value: Mapping[str, Any], fit: Coercer, out: Row) -> int:
    """Keep the id alone: the record has a table of its own, and may hold personal data."""
    fitted, misfit = coerce_reference(value, fit)
    out[name] = fitted
    if misfit is not None:
        out[name + COERCION_FAILED_SUFFIX] = misfit
    return int(fitted is None)


def _put_option(name: str, value: Mapping[str, Any], fit: Coercer, out: Row) -> int:
    """Keep the label and the id in columns of their own, as for a custom field's option."""
    key, label = value.get("id"), value.get("label")
    fitted = None if key is None else fit(key)
    out[name] = as_text(key if label is None else label)
    if fitted is COERCION_FAILED:
        _keep(f"{name}_id", key, fit, out)
        return 1
    out[f"{name}_id"] = fitted
    return 0


def _keep(name: str, value: object, fit: Coercer, out: Row) -> None:
    """Put a misfit where it can stay: as JSON in a text column, else beside its column."""
    if fit in {coerce_text, coerce_link}:
        out[name] = as_text(value)
    else:
        out[name] = None
        out[name + COERCION_FAILED_SUFFIX] = as_text(value)


def _branch(name: str, value: object, plan: Plan, out: Row) -> int:
    """Treat a key that is no plain column: a list, a nested object, or unknown."""
    if name in plan.lists:
        out[name], coercion_failures = _list(value, plan.lists[name])
        return coercion_failures
    inner = plan.objects.get(name)
    if inner is None and is_reference(name) and isinstance(value, dict) and has_id(value):
        out[name] = reference(value)
        return 0
    if inner is None:
        out[name] = cleaned({name: value})[name] if is_link(name) else value
        # The reading layer keeps a misfit of a column that decisions depend on.
        return int(name.endswith(COERCION_FAILED_SUFFIX))
    if isinstance(value, dict):
        nested: Row = {}
        out[name] = nested
        return _object(value, inner, nested)
    if value == []:  # PHP writes an empty object as an empty list.
        out[name] = {}
    elif value is not None:
        return _instead_of_object(name, value, inner, out)
    return 0


def _instead_of_object(name: str, value: object, inner: Plan, out: Row) -> int:
    """Take an address that comes as plain text for its `value`; keep anything else as text."""
    if inner.leaves.get("value") is coerce_text:
        out[name] = {"value": as_text(value)}
    else:
        out[name + COERCION_FAILED_SUFFIX] = as_text(value)
    return 1


def _list(value: object, plan: Plan) -> tuple[list[Any], int]:
    """Fit a list's items, nulls left out; a lone value is a list of one."""
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
    """Add an item that is no object; dlt's column for such items is `value`."""
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
