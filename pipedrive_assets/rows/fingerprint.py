"""Fingerprints of rows and events, and the JSON text they are taken of."""

import codecs
import json
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

OURS = frozenset({"_row_hash", "_deleted_at", "_deleted_reason"})
"""Columns that say something about a row and are no part of it."""

_encoder = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), check_circular=False, default=str
)

_SORTED = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
)
_EXPONENT = re.compile(r"e(?<=[0-9]e)[-0-9]").search
_SMALL = "0.0000"
"""Numbers that the two encoders write in two ways; text that looks like one costs time only."""


def canonical(value: Any) -> str:
    """One ASCII text per JSON value, whatever the order of its keys: that of Python's own encoder,
    which takes ten times as long. Fingerprints in the warehouse rest on it.
    """
    try:
        text = orjson.dumps(value, option=_SORTED).decode()
    except TypeError:
        return _encoder.encode(value)
    if _SMALL in text or "\x7f" in text or _EXPONENT(text):
        return _encoder.encode(value)
    return text if text.isascii() else text.encode("ascii", _ESCAPED).decode()


_ESCAPED = "pipedrive_assets.json"


def _escape(found: UnicodeError) -> tuple[str, int]:
    """As JSON writes signs beyond ASCII."""
    if not isinstance(found, UnicodeEncodeError):
        raise found
    return json.dumps(found.object[found.start : found.end])[1:-1], found.end


codecs.register_error(_ESCAPED, _escape)


_NESTED = frozenset({dict, list})


def fingerprint(row: Mapping[str, Any]) -> int:
    """Hash what a row holds to a signed 64-bit number.

    What is null or empty counts as absent, at any depth of objects: Pipedrive sends a new custom
    field as null in every row, which changes none of them.
    """
    held = _held(row)
    for name in OURS:
        held.pop(name, None)
    digest = blake2b(canonical(held).encode("ascii"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _held(value: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of an object what is null or empty."""
    whole = {name: part for name, part in value.items() if part is not None}
    for name in [name for name, part in whole.items() if type(part) in _NESTED]:
        part = whole[name]
        if isinstance(part, dict):
            part = whole[name] = _held(part)
        if not part:
            del whole[name]
    return whole
