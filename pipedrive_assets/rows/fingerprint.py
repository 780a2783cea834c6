"""Fingerprints of rows and events, and the JSON text they are taken of."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

OURS = frozenset({"_row_hash", "_deleted_at", "_deleted_reason"})
"""Columns that say something about a row and are no part of it."""

_encoder = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), check_circular=False, default=str
)

canonical = _encoder.encode
"""One ASCII text per JSON value, whatever the order of its keys."""

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
