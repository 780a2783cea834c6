"""Applies PIPEDRIVE_ROW_FILTER to normalized rows."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pipedrive_assets.errors import ConfigurationError, DataError
from pipedrive_assets.registry import Entity
from pipedrive_assets.registry.row_filter import Condition, Value
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.custom_fields.layouts import COERCION_FAILED_SUFFIX
from pipedrive_assets.windows import parse_stamp

NUMBERS, MOMENTS = ("bigint", "double"), ("date", "timestamp")
LITERALS = {
    **dict.fromkeys(NUMBERS, "a number"),
    **dict.fromkeys(MOMENTS, "a date or time in quotes"),
    "bool": "true or false",
    "text": "text in quotes",
}


def check_filter(entity: Entity) -> None:
    """Check that the conditions of a table name its columns, with values of their types.

    Args:
        entity: The table, with its conditions.

    Raises:
        ConfigurationError: A column does not exist, is not loaded as it is, or has another type.
    """
    columns = columns_of(entity.name).columns
    for condition in entity.row_filter:
        name = condition.column
        if name not in columns:
            raise _wrong(
                entity, condition, f"{entity.name} has no built-in column {name!r}; custom fields "
                "and lists cannot be used. docs/entities.md has the columns"
            )  # fmt: skip
        if name in entity.excluded | entity.hashed:
            raise _wrong(entity, condition, f"{name} is excluded or hashed by another setting")
        if not condition.values:
            continue
        kind = columns[name].type
        if kind not in LITERALS or not all(_fits(kind, value) for value in condition.values):
            wanted = LITERALS.get(kind, "is null or is not null")
            raise _wrong(entity, condition, f"{name} is a {kind} column. Use {wanted}")
        if condition.operator in {"<", ">"} and kind not in (*NUMBERS, *MOMENTS):
            raise _wrong(entity, condition, f"{name} is a {kind} column. Use =, !=, in or not in")


def _wrong(entity: Entity, condition: Condition, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"PIPEDRIVE_ROW_FILTER: {entity.name}.{condition}: {why}. Nothing was written."
    )


def _fits(kind: str, value: Value) -> bool:
    if kind in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "bool":
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    if kind in MOMENTS:
        try:
            parse_stamp(value)
        except ValueError:
            return False
    return True


def is_wanted(entity: Entity, row: Mapping[str, Any]) -> bool:
    """Return whether a row fulfils all conditions of its table.

    Args:
        entity: The table, with its conditions.
        row: The normalized row.

    Raises:
        DataError: The row lacks a column of a condition, or its value has another type.
    """
    return all(_fulfils(entity, row, condition) for condition in entity.row_filter)


def _fulfils(entity: Entity, row: Mapping[str, Any], condition: Condition) -> bool:
    name = condition.column
    if name not in row or row.get(name + COERCION_FAILED_SUFFIX) is not None:
        raise DataError(
            f"Pipedrive returned a row of {entity.name} without a usable {name}, which "
            "PIPEDRIVE_ROW_FILTER needs, so it is unknown whether the row is wanted. The row was "
            "not written, and the table does not count as read. Run again; if it stays, remove the "
            "condition."
        )
    value, operator = row[name], condition.operator
    if operator in {"is null", "is not null"}:
        return (value is None) == (operator == "is null")
    if value is None:
        return False
    is_moment = columns_of(entity.name).columns[name].type in MOMENTS
    here, *values = (_moment(each) if is_moment else each for each in (value, *condition.values))
    if operator == "<":
        return bool(here < values[0])
    if operator == ">":
        return bool(here > values[0])
    return (here in values) == (operator in {"=", "in"})


def _moment(value: Any) -> datetime:
    return parse_stamp(value.isoformat() if isinstance(value, date) else str(value))
