"""NUL characters in text: Pipedrive stores them, but PostgreSQL cannot."""

from typing import Any


def without_nul(value: Any) -> Any:
    """Remove every NUL from the strings and keys of a JSON value, at any depth.

    If two keys of an object differ only in NUL characters, the one without NUL is kept.
    """
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    if isinstance(value, dict):
        cleaned = {key: without_nul(item) for key, item in value.items() if "\0" not in key}
        for key, item in value.items():
            cleaned.setdefault(key.replace("\0", ""), without_nul(item))
        return cleaned
    return value


def may_have_nul(content: bytes) -> bool:
    """Return whether a JSON body may contain a NUL, as the character or as its escape."""
    return b"u0000" in content or b"\0" in content
