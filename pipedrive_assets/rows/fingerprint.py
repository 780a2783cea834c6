"""Fingerprints of rows, and the canonical JSON text that they are computed from."""

import codecs
import json
import re
from collections.abc import Mapping
from hashlib import blake2b
from json.encoder import encode_basestring_ascii
from typing import Any

import orjson

OURS = frozenset({"_row_hash", "_deleted_at", "_deleted_reason"})
"""Columns that this project adds; not part of the fingerprint."""

_encoder = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), check_circular=False, default=str
)

_SORTED = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
)
_EXPONENT = re.compile(rb"e(?<=[0-9]e)-?[0-9]{1,3}(?:[,}\]]|$)").search
"""Matches numbers with an exponent, and the end of some texts in free text, but no id in quotes."""

_SMALL = b"0.0000"
"""Part of small numbers, which the two encoders format differently; a match in text is harmless."""


def canonical(value: Any) -> str:
    """Return the ASCII JSON text of a value with sorted keys, equal to Python's own encoder."""
    return _canonical(value).decode("ascii")


def _canonical(value: Any) -> bytes:
    """Encode a value as `canonical` does.

    orjson is ten times as fast; where its output differs, Python's encoder is used. Fingerprints
    stored in warehouses depend on this text, so it must not change.
    """
    try:
        text = orjson.dumps(value, option=_SORTED)
    except TypeError:
        return _encoder.encode(value).encode("ascii")
    if _SMALL in text or b"\x7f" in text or _EXPONENT(text):
        return _encoder.encode(value).encode("ascii")
    return text if text.isascii() else text.decode().encode("ascii", _ESCAPED)


_ESCAPED = "pipedrive_assets.json"


def _escape(found: UnicodeError) -> tuple[str, int]:
    """Escape characters outside ASCII as JSON does; a handler for `str.encode`."""
    if not isinstance(found, UnicodeEncodeError):
        raise found
    return encode_basestring_ascii(found.object[found.start : found.end])[1:-1], found.end


codecs.register_error(_ESCAPED, _escape)


_NESTED = frozenset({dict, list})


def fingerprint(row: Mapping[str, Any]) -> int:
    """Hash the content of a row to a signed 64-bit integer.

    Null and empty values are ignored, at any depth of objects: Pipedrive sends a new custom field
    as null in every row, which must not change the fingerprint.
    """
    held = _held(row)
    for name in OURS:
        held.pop(name, None)
    digest = blake2b(_canonical(held), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _held(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of an object without null and empty values."""
    whole = {name: part for name, part in value.items() if part is not None}
    for name in [name for name, part in whole.items() if type(part) in _NESTED]:
        part = whole[name]
        if isinstance(part, dict):
            part = whole[name] = _held(part)
        if not part:
            del whole[name]
    return whole
