"""Rows of the stream `dealflow`: when a deal was added and moved to which stage."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipedrive_assets.errors import DataError
from pipedrive_assets.fault_text import shown
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.coercion import COERCION_FAILED, FITS, as_text
from pipedrive_assets.rows.columns import Column
from pipedrive_assets.rows.flow import FIELD_CHANGE
from pipedrive_assets.rows.normalize import COERCION_FAILED_SUFFIX

FIELDS = ("stage_id", "add_time")
"""The fields whose changes are sent: a deal's stage, and its creation."""

STAGE_CHANGE_COLUMNS: dict[str, Column] = {
    "id": Column(type="bigint", description="Id of the change."),
    "item_id": Column(type="bigint", description="The deal."),
    "user_id": Column(type="bigint", description="Who made the change."),
    "field_key": Column(type="text", description="stage_id or add_time."),
    "old_value": Column(type="text", description="Value before, as text."),
    "new_value": Column(type="text", description="Value after, as text."),
    "is_bulk_update_flag": Column(type="bool"),
    "log_time": Column(type="timestamp", description="When it happened, UTC."),
    "change_source": Column(type="text"),
    "change_source_user_agent": Column(type="text"),
    "additional_data": Column(type="text", description="Additional data, as JSON text."),
}


def change_events(flow: Entity) -> Entity:
    """Return the flow, limited to changes of the deal's own fields."""
    return replace(flow, params=(("items", FIELD_CHANGE),), embeds=())


def stage_change_row(event: Mapping[str, Any], deal_id: int | None) -> dict[str, Any] | None:
    """Return the change that an event of the flow contains.

    Args:
        event: The event as Pipedrive returns it.
        deal_id: The deal whose flow it is in.

    Returns:
        The row; None if the event is not a change of one of `FIELDS`.

    Raises:
        DataError: The change has no id.
    """
    data = event.get("data")
    if event.get("object") != FIELD_CHANGE or not isinstance(data, dict):
        return None
    if data.get("field_key") not in FIELDS:
        return None
    row: dict[str, Any] = {"item_id": deal_id}
    for name, value in data.items():
        column = STAGE_CHANGE_COLUMNS.get(name)
        if value is None or column is None:
            row[name] = value
        elif column.type == "text":
            row[name] = as_text(value)
        elif (fitted := FITS[column.type](value)) is COERCION_FAILED:
            row[name], row[name + COERCION_FAILED_SUFFIX] = None, as_text(value)
        else:
            row[name] = fitted
    if row.get("id") is None:
        raise DataError(
            f"GET /v1/deals/{deal_id}/flow returned a field change without a usable id "
            f"({shown(data.get('id'))}), so dealflow cannot identify it. Records sent "
            "earlier are kept. Run again; if the error persists, report this message."
        )
    return row
