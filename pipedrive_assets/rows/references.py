"""References to other records: the value is an id, or the whole record instead of its id."""

from collections.abc import Mapping
from typing import Any

from pipedrive_assets.rows.coercion import COERCION_FAILED, Coercer, as_text

OPTION_KEYS = frozenset({"id", "label"})
"""The keys of an option of a choice field."""


def is_reference(name: str) -> bool:
    """Return whether a key contains the id of a record, by its name."""
    return name.endswith("_id")


def has_id(value: Mapping[str, Any]) -> bool:
    """Return whether an object is a record with a plain id."""
    found = reference(value)
    return found is not None and not isinstance(found, dict | list)


def reference(value: object) -> object:
    """Return the id in a reference: an id, `{value}`, `{id}` or `{success, data: {id}}`.

    For `added_by_user_id`, schema and example in the official docs differ, so every form is
    accepted.
    """
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("data"), dict):
        return reference(value["data"])
    found = value.get("value")
    return value.get("id") if found is None else found


def coerce_reference(value: Mapping[str, Any], fit: Coercer) -> tuple[Any, str | None]:
    """Coerce the id in a record that is sent instead of its id.

    Nothing else of the record is kept: names, e-mail addresses and phone numbers are in its own
    table.

    Args:
        value: The record.
        fit: The coercion of the id's column.

    Returns:
        The id (None if there is no valid id), and an id that could not be coerced, as text.
    """
    found = reference(value)
    if found is None or isinstance(found, dict | list):
        return None, None
    fitted = fit(found)
    if fitted is COERCION_FAILED:
        return None, as_text(found)
    return (None if fitted == "" else fitted), None
