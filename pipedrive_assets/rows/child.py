"""Children whose rows do not say whose they are, or have no id."""

from collections.abc import Mapping
from typing import Any

from pipedrive_assets.rows.flow import content_key


def child_row(row: Mapping[str, Any], key: str, parent_id: int | None) -> dict[str, Any]:
    """The row with its parent's id under `key`."""
    return {key: parent_id, **row}


def change_row(row: Mapping[str, Any], key: str, parent_id: int | None) -> dict[str, Any]:
    """A change, with its parent's id under `key` and a key made of all that it says."""
    return {key: parent_id, "change_key": content_key(row), **row}
