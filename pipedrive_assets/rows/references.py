"""References: values that are the id of a record, or the whole record in its place."""

from collections.abc import Mapping
from typing import Any

from pipedrive_assets.rows.coercion import COERCION_FAILED, Coercer, as_text

OPTION_KEYS = frozenset({"id", "label"})
"""The keys of an option of a field."""


def is_reference(name: str) -> bool:
    """Whether a key holds the id of a record, by its name."""
    return name.endswith("_id")


def has_id(value: Mapping[str, Any]) -> bool:
    """Whether an object is a record with a plain id."""
    found = reference(value)
    return found is not None and not isinstance(found, dict | list)


def reference(value: object) -> object:
    """Take the id out of a reference: a bare id, `{value}`, `{id}` or `{success, data: {id}}`.

    Schema and example disagree about `added_by_user_id`, so every form is read (official docs).
    """
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("data"), dict):
        return reference(value["data"])
    found = value.get("value")
    return value.get("id") if found is None else found


def coerce_reference(value: Mapping[str, Any], fit: Coercer) -> tuple[Any, str | None]:
    """Make the id of a record fit its column.

    Returns:
        The id, or None where there is no usable one; and an unusable one as text. Nothing else of
        the record is kept: names, e-mail addresses and phone numbers are in its own table.
    """
    found = reference(value)
    if found is None or isinstance(found, dict | list):
        return None, None
    fitted = fit(found)
    if fitted is COERCION_FAILED:
        return None, as_text(found)
    return (None if fitted == "" else fitted), None
