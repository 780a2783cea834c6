"""Values made to fit their column's type.

Each function returns the value as its type wants it, None for what Pipedrive writes instead of
null, or MISFIT for what cannot be that type. Null itself never gets here.
"""

import json
import re
from collections.abc import Callable
from datetime import date, timezone
from enum import Enum
from functools import lru_cache
from math import isfinite
from sys import float_info
from typing import Any, Final

from pipedrive_assets.windows import parse_stamp


class Coercion(Enum):
    """What a fit says besides a value."""

    FAILED = "cannot be the column's type"


COERCION_FAILED: Final = Coercion.FAILED

Coercer = Callable[[Any], Any]

_LEAST, _MOST = -(2**63), 2**63 - 1
_WHOLE = re.compile(r"0|-?[1-9]\d{0,18}", re.ASCII)
_DECIMAL = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]00:00:00(?:\.0+)?Z?)?", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_usual = re.compile(
    r"[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ",
    re.ASCII,
).fullmatch
"""The usual form, valid in every month: most times need no further look."""
_BOOLS = {"true": True, "false": False, "1": True, "0": False}

ZERO_DATE = "0000-00-00"
"""What old Pipedrive endpoints write for no date (official migration guide, picture times)."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def as_text(value: object) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else _encode(value)


def coerce_text(value: object) -> object:
    """Numbers and booleans become text; objects and lists do not fit."""
    if type(value) is str:
        return value
    return COERCION_FAILED if isinstance(value, (dict, list)) else as_text(value)


def coerce_bigint(value: object) -> object:
    """Whole numbers of 64 bits, also as text or as a float."""
    if type(value) is int:
        return value if _LEAST <= value <= _MOST else COERCION_FAILED
    if type(value) is float and value.is_integer():
        return coerce_bigint(int(value))
    if type(value) is not str:
        return COERCION_FAILED
    if not value:
        return None
    return coerce_bigint(int(value)) if _WHOLE.fullmatch(value) else COERCION_FAILED


def coerce_double(value: object) -> object:
    """Finite numbers, also as text; a whole one stays whole."""
    if type(value) is float:
        return value if isfinite(value) else COERCION_FAILED
    if type(value) is int:
        return value if -float_info.max <= value <= float_info.max else COERCION_FAILED
    if type(value) is not str:
        return COERCION_FAILED
    if not value:
        return None
    number = float(value) if _DECIMAL.fullmatch(value) else float("nan")
    return number if isfinite(number) else COERCION_FAILED


def coerce_bool(value: object) -> object:
    """Booleans, and the 0, 1 and "true" that the old API version writes."""
    if type(value) is bool:
        return value
    if type(value) is str:
        return _BOOLS.get(value.lower(), COERCION_FAILED) if value else None
    return bool(value) if isinstance(value, (int, float)) and value in (0, 1) else COERCION_FAILED


def coerce_timestamp(value: object) -> object:
    """UTC text ending in Z; without a designator it is UTC already, as in API v1."""
    if type(value) is not str:
        return COERCION_FAILED
    if _usual(value):
        return value
    return None if not value or value.startswith(ZERO_DATE) else _in_utc(value)


@lru_cache(maxsize=8192)  # a row's times are often one and the same
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
    """Calendar dates; a midnight says no more than its date."""
    if type(value) is not str:
        return COERCION_FAILED
    if not value or value.startswith(ZERO_DATE):
        return None
    return _day(value)


@lru_cache(maxsize=8192)  # a table's rows share their few thousand dates
def _day(text: str) -> object:
    parts = _DAY.fullmatch(text)
    try:
        return date.fromisoformat(parts[1]).isoformat() if parts else COERCION_FAILED
    except ValueError:
        return COERCION_FAILED


def coerce_json(value: object) -> object:
    """Anything, as it is."""
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
"""The fit of each of dlt's types that the column files use."""
