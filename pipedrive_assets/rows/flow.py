"""Rows of `deals_flow`, the history of deals: one row per event.

An event is identified by its `object` and `data.id`. Its content does not identify it, because it
includes names and signed links of other records, which change.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from pipedrive_assets.rows.coercion import as_text
from pipedrive_assets.rows.fingerprint import canonical
from pipedrive_assets.rows.links import cleaned
from pipedrive_assets.rows.references import reference

FIELD_CHANGE = "dealChange"

ACTORS = ("user_id", "owner_id", "creator_user_id", "created_by_user_id", "added_by_user_id")
"""Keys of an event's acting user, in order of preference (official example)."""

KEY_BYTES = 16

OWN_KEY = "_event_key"
"""Internal key for events that `object` and id do not identify alone."""


def content_key(row: Mapping[str, Any]) -> str:
    """Return a hash of a row's content (32 hex digits), the key of rows without an id."""
    return sha256(canonical(row).encode("ascii")).digest()[:KEY_BYTES].hex()


def event_key(event: Mapping[str, Any]) -> str:
    """Return the key of an event within its deal.

    Args:
        event: An event as Pipedrive sent it.

    Returns:
        `object:id`, for example `dealChange:1300`; a hash of the content if the event has no id.
        A migration in `load/migrate.py` computes the same key in SQL.
    """
    kind, key = _text(event.get("object")), event_id(event)
    return f"{kind}:{key}" if kind and key else content_key(event)


def event_id(event: Mapping[str, Any]) -> str | None:
    """Return the id of an event as text; None if it has none."""
    return _text(_data(event).get("id"))


def separate_events(events: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Give different events of one deal different keys if they have the same `object` and id.

    Pipedrive does not document that ids are unique within a kind of event. The first event keeps
    its key; each further one gets its own key. The same event listed twice has one key.

    Args:
        events: All events of one deal, changed in place.

    Returns:
        `events`.
    """
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for event in events:
        found.setdefault(event_key(event), {}).setdefault(_version(event), []).append(event)
    for key, versions in found.items():
        for version in sorted(versions)[1:]:
            digest = sha256(version.encode("ascii")).hexdigest()[:8]
            for event in versions[version]:
                event[OWN_KEY] = f"{key}:{digest}"
    return events


def _version(event: Mapping[str, Any]) -> str:
    """Return the time and the change of an event as text; they do not depend on other records."""
    data = _data(event)
    changed = [data.get(name) for name in ("field_key", "old_value", "new_value")]
    return canonical([event.get("timestamp"), *changed])


def flow_row(event: Mapping[str, Any], deal_id: int | None) -> dict[str, Any]:
    """Return the row of an event; its `data` can be an object, a list, null or a scalar.

    Args:
        event: An event as Pipedrive sent it.
        deal_id: The deal that was requested; None to read it from the event.

    Returns:
        The row, with the whole event as JSON in `event`.
    """
    data = _data(event)
    changed = data if event.get("object") == FIELD_CHANGE else {}
    sent = {name: value for name, value in event.items() if name != OWN_KEY}
    return {
        "deal_id": data.get("deal_id") if deal_id is None else deal_id,
        "event_key": event.get(OWN_KEY) or event_key(event),
        "object": event.get("object"),
        "timestamp": event.get("timestamp"),
        "event_id": event_id(event),
        "user_id": next(filter(None, (reference(data.get(name)) for name in ACTORS)), None),
        "field_key": _text(changed.get("field_key")),
        "old_value": _text(changed.get("old_value")),
        "new_value": _text(changed.get("new_value")),
        "event": cleaned(sent),
    }


def _data(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    return data if isinstance(data, dict) else {}


def _text(value: object) -> str | None:
    return None if value is None else as_text(value)
