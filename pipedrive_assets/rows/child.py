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


def record_in(item: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the record in an item of a list whose items are envelopes.

    Args:
        item: The item as Pipedrive sent it.
        key: Key of the record in the item.

    Returns:
        The record, with the other values of the item under keys that the record does not have; the
        item itself if it has no record under the key.
    """
    record = item.get(key)
    if not isinstance(record, dict):
        return item
    return {**{name: value for name, value in item.items() if name != key}, **record}


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
