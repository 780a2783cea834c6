"""Children whose rows do not say whose they are, or have no id."""

from collections.abc import Mapping
from typing import Any

from pipedrive_assets.rows.flow import content_key


def child_row(row: Mapping[str, Any], key: str, parent_id: int | None) -> dict[str, Any]:
    """The row with its parent's id under `key`; null in the row means the parent asked for."""
    made = {key: parent_id, **row}
    if made[key] is None:
        made[key] = parent_id
    return made


def change_row(row: Mapping[str, Any], key: str, parent_id: int | None) -> dict[str, Any]:
    """A change, with its parent's id under `key` and a key made of all that it says."""
    return {key: parent_id, "change_key": content_key(row), **row}
