"""Children whose rows do not say whose they are, or have no id."""

from collections.abc import Mapping
from typing import Any

from pipedrive_assets.rows.flow import event_key


def child_row(row: Mapping[str, Any], parent_id: int | None) -> dict[str, Any]:
    """The row with its deal."""
    return {"deal_id": parent_id, **row}


def change_row(row: Mapping[str, Any], parent_id: int | None) -> dict[str, Any]:
    """A change of a field, with its deal and a key made of all that it says."""
    return {"deal_id": parent_id, "change_key": event_key(row), **row}
