"""Field definitions as API v1 still gives them, of leads and notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipedrive_assets.sandbox.http.field_definitions import built_in
from pipedrive_assets.sandbox.http.v1_lists import paged

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipedrive_assets.sandbox.company.tables import Row
    from pipedrive_assets.sandbox.exchange import Body
    from pipedrive_assets.sandbox.http.v2_lists import Ask

FIELD_FLAGS = (
    "active_flag",
    "index_visible_flag",
    "details_visible_flag",
    "add_visible_flag",
    "bulk_edit_allowed",
    "searchable_flag",
    "filtering_allowed",
    "sortable_flag",
)


def old_fields(entity: str, *, own: bool) -> Callable[[Ask], Body]:
    """Fields in v1 form, by offset; leads (`own` off) borrow the custom fields of deals."""

    def answer(ask: Ask) -> Body:
        custom = () if own else ask.world.fields["deals"].values()
        rows = [
            old_field(place, field) for place, field in enumerate((*built_in(entity), *custom), 1)
        ]
        return paged(ask, rows, dict, named=False)

    return answer


def old_field(place: int, field: Row) -> Row:
    """One field as API v1 describes it."""
    flags = dict.fromkeys(FIELD_FLAGS, True)
    return {
        "id": place,
        "key": field["field_code"],
        "name": field["field_name"],
        "order_nr": place,
        "field_type": field["field_type"],
        "add_time": "2024-01-08 09:00:00",
        "update_time": "2024-01-08 09:00:00" if place % 3 else None,
        "last_updated_by_user_id": None,
        "created_by_user_id": None,
        **flags,
        "edit_flag": field["is_custom_field"],
        "important_flag": False,
        "mandatory_flag": field["field_code"] in {"title", "content"},
        "options": field["options"],
    }
