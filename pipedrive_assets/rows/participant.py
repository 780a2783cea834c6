"""Rows of `deals_participants`: flatten the three nested objects of a participant."""

from collections.abc import Mapping
from typing import Any

from pipedrive_assets.rows.references import reference

RESHAPED = frozenset({"person_id", "added_by_user_id", "related_item_data", "person"})


def participant_row(row: Mapping[str, Any], deal_id: int | None) -> dict[str, Any]:
    """Return the flat row of a participant.

    Args:
        row: The participant as Pipedrive sent it.
        deal_id: The deal that was requested; None to read it from the record.

    Returns:
        A new row.
    """
    related, linked = row.get("related_item_data"), row.get("person_id")
    if deal_id is None and isinstance(related, dict):
        deal_id = related.get("deal_id")
    person = row.get("person")
    if person is None and isinstance(linked, dict):
        person = linked
    person_id = reference(linked)
    return {
        "deal_id": deal_id,
        **{name: value for name, value in row.items() if name not in RESHAPED},
        "person_id": reference(person) if person_id is None else person_id,
        "added_by_user_id": reference(row.get("added_by_user_id")),
        "person": person,
    }
