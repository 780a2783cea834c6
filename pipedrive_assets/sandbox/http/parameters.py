"""Checks of query parameters; a value that fails its check is refused with 400.

A `Check` converts the text of one parameter. For an invalid text it raises ValueError with the end
of a sentence that starts with the parameter's name, such as "must not be empty".
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from pipedrive_assets.sandbox.exchange import Refusal

Check = Callable[[str], Any]
CODE = "ERR_SCHEMA_VALIDATION_FAILED"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAX_IDS = 100
MAX_CUSTOM_FIELDS = 15


def invalid(error: str) -> Refusal:
    """Build the refusal of an invalid parameter."""
    return Refusal(400, f"Parameter validation failed: {error}", CODE)


def read(
    pairs: Iterable[tuple[str, str]], accepted: Mapping[str, Check], required: Collection[str] = ()
) -> dict[str, Any]:
    """Convert the parameters of a call.

    Args:
        pairs: Names and texts of the parameters, in order.
        accepted: Checks by parameter name.
        required: Names of parameters that must be present.

    Returns:
        Values by name.

    Raises:
        Refusal: If a parameter is unknown, repeated, missing or invalid.
    """
    values: dict[str, Any] = {}
    for name, text in pairs:
        if name not in accepted:
            raise invalid(f"'{name}' is not allowed")
        if name in values:
            raise invalid(f"'{name}' must not be repeated")
        try:
            values[name] = accepted[name](text)
        except ValueError as error:
            raise invalid(f"'{name}' {error}") from error
    for name in required:
        if name not in values:
            raise invalid(f"'{name}' is required")
    return values


def _require(condition: bool, rule: str) -> None:
    if not condition:
        raise ValueError(rule)


def text(value: str) -> str:
    """Accept any text that is not empty."""
    _require(bool(value), "must not be empty")
    return value


def whole(value: str) -> int:
    """Convert a whole number that is not negative."""
    _require(value.isascii() and value.isdigit(), "must be a whole number")
    return int(value)


def limit_up_to(most: int) -> Check:
    """Make a check for a page size from 1 to `most`."""

    def check(value: str) -> int:
        number = whole(value)
        _require(1 <= number <= most, f"must be between 1 and {most}")
        return number

    return check


def number(value: str) -> float:
    """Convert a number."""
    return float(value)


def boolean(value: str) -> bool:
    """Convert `true` or `false`."""
    _require(value in {"true", "false"}, "must be a boolean")
    return value == "true"


def flag(value: str) -> bool:
    """Convert `0` or `1`."""
    return bool(one_of("0", "1")(value) == "1")


def one_of(*choices: str) -> Check:
    """Make a check for one of several words."""

    def check(value: str) -> str:
        _require(value in choices, f"must be one of {', '.join(choices)}")
        return value

    return check


def some_of(*choices: str) -> Check:
    """Make a check for a comma-separated list of some words, without duplicates."""

    def check(value: str) -> tuple[str, ...]:
        words = tuple(value.split(","))
        is_valid = set(words) <= set(choices) and len(set(words)) == len(words)
        _require(is_valid, f"must be a comma list of {', '.join(choices)}")
        return words

    return check


def ids(value: str) -> frozenset[int]:
    """Convert a comma-separated list of up to 100 ids."""
    numbers = [whole(part) for part in value.split(",")]
    _require(len(numbers) <= MAX_IDS, f"must hold at most {MAX_IDS} ids")
    return frozenset(numbers)


def codes(value: str) -> tuple[str, ...]:
    """Convert a comma-separated list of up to 15 custom field codes."""
    keys = tuple(value.split(","))
    _require(len(keys) <= MAX_CUSTOM_FIELDS, f"must hold at most {MAX_CUSTOM_FIELDS} keys")
    is_valid = all(re.fullmatch("[0-9a-f]{40}", key) for key in keys)
    _require(is_valid, "must hold 40-character keys")
    return keys


def instant(value: str) -> str:
    """Accept a UTC time in whole seconds that ends with `Z`."""
    _require(bool(STAMP.fullmatch(value)), "is not a valid datetime")
    datetime.fromisoformat(value[:-1])
    return value


def day(value: str) -> str:
    """Accept an ISO date."""
    _require(bool(DAY.fullmatch(value)), "is not a valid date")
    date.fromisoformat(value)
    return value


def uuid(value: str) -> str:
    """Accept a UUID in lower case."""
    _require(bool(UUID.fullmatch(value)), "must be a uuid")
    return value


def sorting(*columns: str) -> Check:
    """Make a check for a sort order of API v1, such as `update_time DESC, id ASC`.

    The direction is optional.
    """

    def check(value: str) -> tuple[tuple[str, bool], ...]:
        order = []
        for part in value.split(","):
            column, _, direction = part.strip().partition(" ")
            is_valid = column in columns and direction in {"", "ASC", "DESC"}
            _require(is_valid, f"must name {', '.join(columns)}, each with ASC or DESC")
            order.append((column, direction == "DESC"))
        return tuple(order)

    return check
