"""Coerce values to the type of their column.

Each function returns the coerced value, None for a placeholder that Pipedrive sends instead of
null, or COERCION_FAILED. The functions are not called for null.
"""

import json
import re
from collections.abc import Callable
from datetime import date, timezone
from enum import Enum
from functools import lru_cache
from sys import float_info
from typing import Any, Final

from pipedrive_assets.windows import parse_stamp


class Coercion(Enum):
    """Result of a coercion that has no value."""

    FAILED = "cannot be the column's type"


COERCION_FAILED: Final = Coercion.FAILED
"""Returned for a value that cannot be coerced to the type of its column."""

Coercer = Callable[[Any], Any]

_LEAST, _MOST = -(2**63), 2**63 - 1
_WHOLE = re.compile(r"0|-?[1-9]\d{0,18}", re.ASCII)
_DECIMAL = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]00:00:00(?:\.0+)?Z?)?", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_USUAL_DATE = (
    r"[12]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|02-(?:0[1-9]|1\d|2[0-8]))"
)
is_usual_date = re.compile(_USUAL_DATE, re.ASCII).fullmatch
is_usual_timestamp = re.compile(
    _USUAL_DATE + r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII
).fullmatch
"""Match nearly all dates and timestamps of Pipedrive: valid, and already in the final form."""
_BOOLS = {"true": True, "false": False, "1": True, "0": False}

ZERO_DATE = "0000-00-00"
"""Placeholder of API v1 for a missing date (official migration guide, picture times)."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def is_within_64_bits(number: int) -> bool:
    """Whether an integer fits a column of integers."""
    return _LEAST <= number <= _MOST


def is_finite(number: float) -> bool:
    """Whether a number fits a column of numbers; not infinite, and not NaN."""
    return -float_info.max <= number <= float_info.max


def as_text(value: object) -> str:
    """Return text unchanged, and any other value as JSON."""
    return value if isinstance(value, str) else _encode(value)


def coerce_text(value: object) -> object:
    """Coerce to text; numbers and booleans become JSON text, objects and lists fail."""
    if type(value) is str:
        return value
    return COERCION_FAILED if isinstance(value, (dict, list)) else as_text(value)


def coerce_bigint(value: object) -> object:
    """Coerce to a 64-bit integer; accepts integers as text or float, and null for empty text."""
    if type(value) is int:
        return value if is_within_64_bits(value) else COERCION_FAILED
    if type(value) is float and value.is_integer():
        return coerce_bigint(int(value))
    if type(value) is not str:
        return COERCION_FAILED
    if not value:
        return None
    return coerce_bigint(int(value)) if _WHOLE.fullmatch(value) else COERCION_FAILED


def coerce_double(value: object) -> object:
    """Coerce to a finite number; accepts text; an integer stays an integer."""
    if type(value) is float or type(value) is int:
        return value if is_finite(value) else COERCION_FAILED
    if type(value) is not str:
        return COERCION_FAILED
    if not value:
        return None
    number = float(value) if _DECIMAL.fullmatch(value) else float("nan")
    return number if is_finite(number) else COERCION_FAILED


def coerce_bool(value: object) -> object:
    """Coerce to a boolean; accepts 0, 1 and "true" or "false" of API v1."""
    if type(value) is bool:
        return value
    if type(value) is str:
        return _BOOLS.get(value.lower(), COERCION_FAILED) if value else None
    return bool(value) if isinstance(value, (int, float)) and value in (0, 1) else COERCION_FAILED


def coerce_timestamp(value: object) -> object:
    """Coerce to ISO 8601 text in UTC, ending in Z; without a time zone (API v1) it is UTC."""
    if type(value) is not str:
        return COERCION_FAILED
    if is_usual_timestamp(value):
        return value
    return None if not value or value.startswith(ZERO_DATE) else _in_utc(value)


@lru_cache(maxsize=8192)  # the timestamps of a row are often equal
def _in_utc(text: str) -> object:
    parts = _MOMENT.fullmatch(text)
    if not parts:
        return COERCION_FAILED
    day, minute, second, fraction, zone = parts.groups()
    # Python 3.10 reads fractions of three or six digits only.
    precise = f"{fraction:0<7}" if fraction else ""
    try:
        moment = parse_stamp(f"{day}T{minute or '00:00'}{second or ':00'}{precise}{zone or ''}")
        return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return COERCION_FAILED


def coerce_date(value: object) -> object:
    """Coerce to an ISO 8601 date; accepts a timestamp at midnight."""
    if type(value) is not str:
        return COERCION_FAILED
    if not value or value.startswith(ZERO_DATE):
        return None
    return _day(value)


@lru_cache(maxsize=8192)  # a table has only a few thousand different dates
def _day(text: str) -> object:
    parts = _DAY.fullmatch(text)
    try:
        return date.fromisoformat(parts[1]).isoformat() if parts else COERCION_FAILED
    except ValueError:
        return COERCION_FAILED


def coerce_json(value: object) -> object:
    """Return the value unchanged; a JSON column accepts any value."""
    return value


FITS: dict[str, Coercer] = {
    "text": coerce_text,
    "bigint": coerce_bigint,
    "double": coerce_double,
    "bool": coerce_bool,
    "timestamp": coerce_timestamp,
    "date": coerce_date,
    "json": coerce_json,
}
"""The coercion for each of dlt's data types that the column files use."""
