"""Rows of child tables whose records lack the parent's id or an id of their own."""

from collections.abc import Mapping
from typing import Any

from pipedrive_assets.rows.flow import content_key


def child_row(row: Mapping[str, Any], key: str, parent_id: int | None) -> dict[str, Any]:
    """Add the parent's id to a row that has none.

    Args:
        row: The record as Pipedrive sent it.
        key: Name of the column with the parent's id.
        parent_id: Id of the parent that was requested.

    Returns:
        A new row; the id in the record is kept if it is not null.
    """
    made = {key: parent_id, **row}
    if made[key] is None:
        made[key] = parent_id
    return made


def change_row(row: Mapping[str, Any], key: str, parent_id: int | None) -> dict[str, Any]:
    """Add the parent's id, and a hash of the content as key, to a change that has no id.

    Args:
        row: The change as Pipedrive sent it.
        key: Name of the column with the parent's id.
        parent_id: Id of the parent that was requested.

    Returns:
        A new row with the hash in `change_key`.
    """
    return {key: parent_id, "change_key": content_key(row), **row}
