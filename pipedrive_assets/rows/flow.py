"""A deal's history: one row per event, whatever the event carries.

Two events are the same event if they have the same `object` and the same `data.id`. Their content
does not identify them: it includes names and signed links of other records, which change.
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
"""Where the kinds of events name the user behind them (official example), best first."""

KEY_BYTES = 16

OWN_KEY = "_event_key"
"""Where an event has its key if `object` and id do not identify it alone."""


def content_key(row: Mapping[str, Any]) -> str:
    """Return 32 hex digits of all that a row contains, for rows without an id."""
    return sha256(canonical(row).encode("ascii")).digest()[:KEY_BYTES].hex()


def event_key(event: Mapping[str, Any]) -> str:
    """Return what identifies an event within its deal.

    Args:
        event: An event as Pipedrive sent it.

    Returns:
        `object:id`, for example `dealChange:1300`; a hash of the content where the event has no
        id. A migration in `source/layout.py` computes the same key in SQL.
    """
    kind, event_id = _text(event.get("object")), _text(_data(event).get("id"))
    return f"{kind}:{event_id}" if kind and event_id else content_key(event)


def separate_events(events: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Keep different events of one deal apart that have the same `object` and id.

    Pipedrive does not document that ids are unique within a kind of event. The earliest event keeps
    its key; each later one gets a key of its own. The same event shown twice keeps one key.

    Args:
        events: All events of one deal, changed in place.

    Returns:
        The same events.
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
    """When an event happened and what it changed: neither depends on other records."""
    data = _data(event)
    changed = [data.get(name) for name in ("field_key", "old_value", "new_value")]
    return canonical([event.get("timestamp"), *changed])


def flow_row(event: Mapping[str, Any], deal_id: int | None) -> dict[str, Any]:
    """Make an event's row; its `data` may be an object, a list, null or a scalar."""
    data = _data(event)
    changed = data if event.get("object") == FIELD_CHANGE else {}
    sent = {name: value for name, value in event.items() if name != OWN_KEY}
    return {
        "deal_id": data.get("deal_id") if deal_id is None else deal_id,
        "event_key": event.get(OWN_KEY) or event_key(event),
        "object": event.get("object"),
        "timestamp": event.get("timestamp"),
        "event_id": _text(data.get("id")),
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
