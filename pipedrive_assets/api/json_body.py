"""Decodes JSON bodies, also those that contain very long integers or half an emoji."""

import json
import re
from contextlib import suppress
from typing import Any

import orjson

UNREADABLE = object()
"""The result of `decode` for a body that is not JSON."""

_DIGITS, _LONG_NUMBER = bytes.maketrans(b"123456789", b"0" * 9), b"0" * 19
HALF_SIGN = re.compile(r"\\u[dD]")


def decode(content: bytes) -> Any:
    """Decode a JSON body with orjson, or with the standard library where orjson differs.

    orjson turns very long integers into floats and refuses some bodies that `json` accepts.
    """
    if _LONG_NUMBER not in content.translate(_DIGITS):
        with suppress(ValueError):
            return orjson.loads(content)
    return _decode_anything(content)


def _decode_anything(content: bytes) -> Any:
    try:
        text = content.decode(json.detect_encoding(content))
        body = json.loads(text, parse_constant=_refuse_constant, parse_int=_whole)
        return _mended(body) if HALF_SIGN.search(text) else body
    except (ValueError, RecursionError):
        return UNREADABLE


def _whole(digits: str) -> int | str:
    """Parse an integer; return it as text if it exceeds 64 bits, because no column can store it."""
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else digits


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not valid JSON")


def _mended(body: Any) -> Any:
    """Replace each unpaired surrogate (half an emoji), which is invalid UTF-8, by U+FFFD."""
    text = json.dumps(body, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
