"""How the text of a parameter is read; whatever cannot be read is refused with 400."""

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
    """The refusal of a wrong parameter."""
    return Refusal(400, f"Parameter validation failed: {error}", CODE)


def read(
    pairs: Iterable[tuple[str, str]], accepted: Mapping[str, Check], required: Collection[str] = ()
) -> dict[str, Any]:
    """The parameters of a call as values; refuses unknown, repeated, missing and wrong ones."""
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


def text(value: str) -> str:
    """Any text but the empty one."""
    if not value:
        msg = "must not be empty"
        raise ValueError(msg)
    return value


def whole(value: str) -> int:
    """A whole number from 0."""
    if not (value.isascii() and value.isdigit()):
        msg = "must be a whole number"
        raise ValueError(msg)
    return int(value)


def limit_up_to(most: int) -> Check:
    """A page size from 1 to `most`."""

    def check(value: str) -> int:
        number = whole(value)
        if not 1 <= number <= most:
            msg = f"must be between 1 and {most}"
            raise ValueError(msg)
        return number

    return check


def number(value: str) -> float:
    """A number."""
    return float(value)


def boolean(value: str) -> bool:
    """`true` or `false`."""
    if value not in {"true", "false"}:
        msg = "must be a boolean"
        raise ValueError(msg)
    return value == "true"


def flag(value: str) -> bool:
    """0 or 1."""
    return bool(one_of("0", "1")(value) == "1")


def one_of(*choices: str) -> Check:
    """One of the words given."""

    def check(value: str) -> str:
        if value not in choices:
            msg = f"must be one of {', '.join(choices)}"
            raise ValueError(msg)
        return value

    return check


def some_of(*choices: str) -> Check:
    """A comma list of the words given, each at most once."""

    def check(value: str) -> tuple[str, ...]:
        words = tuple(value.split(","))
        if not set(words) <= set(choices) or len(set(words)) < len(words):
            msg = f"must be a comma list of {', '.join(choices)}"
            raise ValueError(msg)
        return words

    return check


def ids(value: str) -> frozenset[int]:
    """Up to a hundred ids in one comma list."""
    numbers = [whole(part) for part in value.split(",")]
    if len(numbers) > MAX_IDS:
        msg = f"must hold at most {MAX_IDS} ids"
        raise ValueError(msg)
    return frozenset(numbers)


def codes(value: str) -> tuple[str, ...]:
    """Up to fifteen keys of custom fields in one comma list."""
    keys = tuple(value.split(","))
    if len(keys) > MAX_CUSTOM_FIELDS:
        msg = f"must hold at most {MAX_CUSTOM_FIELDS} keys"
        raise ValueError(msg)
    if not all(re.fullmatch("[0-9a-f]{40}", key) for key in keys):
        msg = "must hold 40-character keys"
        raise ValueError(msg)
    return keys


def instant(value: str) -> str:
    """An instant in whole seconds, ending in Z."""
    if not STAMP.fullmatch(value):
        msg = "is not a valid datetime"
        raise ValueError(msg)
    datetime.fromisoformat(value[:-1])
    return value


def day(value: str) -> str:
    """A calendar day."""
    if not DAY.fullmatch(value):
        msg = "is not a valid date"
        raise ValueError(msg)
    date.fromisoformat(value)
    return value


def uuid(value: str) -> str:
    """A uuid in lower case."""
    if not UUID.fullmatch(value):
        msg = "must be a uuid"
        raise ValueError(msg)
    return value


def sorting(*columns: str) -> Check:
    """API v1 sorting: `update_time DESC, id ASC`; the direction may be left out."""

    def check(value: str) -> tuple[tuple[str, bool], ...]:
        order = []
        for part in value.split(","):
            column, _, direction = part.strip().partition(" ")
            if column not in columns or direction not in {"", "ASC", "DESC"}:
                msg = f"must name {', '.join(columns)}, each with ASC or DESC"
                raise ValueError(msg)
            order.append((column, direction == "DESC"))
        return tuple(order)

    return check
