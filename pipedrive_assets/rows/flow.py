"""A deal's history: one row per event, whatever the event carries."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from pipedrive_assets.rows.fingerprint import canonical
from pipedrive_assets.rows.fit import as_text
from pipedrive_assets.rows.links import cleaned
from pipedrive_assets.rows.participant import reference

FIELD_CHANGE = "dealChange"

ACTORS = ("user_id", "owner_id", "creator_user_id", "created_by_user_id", "added_by_user_id")
"""Where the kinds of events name the user behind them (official example), best first."""

KEY_BYTES = 16


def event_key(event: Mapping[str, Any]) -> str:
    """32 hex digits of the event's content: most kinds share no id."""
    return sha256(canonical(event).encode("ascii")).digest()[:KEY_BYTES].hex()


def flow_row(event: Mapping[str, Any], deal_id: int | None) -> dict[str, Any]:
    """Make an event's row; its `data` may be an object, a list, null or a scalar."""
    raw = event.get("data")
    data = raw if isinstance(raw, dict) else {}
    changed = data if event.get("object") == FIELD_CHANGE else {}
    return {
        "deal_id": data.get("deal_id") if deal_id is None else deal_id,
        "event_key": event_key(event),
        "object": event.get("object"),
        "timestamp": event.get("timestamp"),
        "event_id": _text(data.get("id")),
        "user_id": next(filter(None, (reference(data.get(name)) for name in ACTORS)), None),
        "field_key": _text(changed.get("field_key")),
        "old_value": _text(changed.get("old_value")),
        "new_value": _text(changed.get("new_value")),
        "event": cleaned(event),
    }


def _text(value: object) -> str | None:
    return None if value is None else as_text(value)
