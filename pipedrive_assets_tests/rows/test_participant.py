"""A participant's nested objects become one flat row."""

import pytest

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.normalize import normalize_row

PARTICIPANTS = BY_NAME["deals_participants"]


def test_nested_references_become_ids_and_the_person_stays_whole() -> None:
    sent = {
        "id": 10,
        "person_id": {"name": "Eva", "value": 3},
        "add_time": "2026-03-01 01:02:03",
        "active_flag": True,
        "related_item_data": {"deal_id": 5, "title": "Big"},
        "person": {"id": 3, "name": "Eva"},
        "added_by_user_id": {"id": 8, "value": 8},
        "related_item_type": "deal",
        "related_item_id": 5,
    }
    out, coercion_failures = normalize_row(PARTICIPANTS, sent)
    del out["_row_hash"], out["_deleted_at"], out["_deleted_reason"]
    expected = {
        "deal_id": 5,
        "id": 10,
        "person_id": 3,
        "add_time": "2026-03-01T01:02:03Z",
        "active_flag": True,
        "added_by_user_id": 8,
        "related_item_type": "deal",
        "related_item_id": 5,
        "person": {"id": 3, "name": "Eva"},
    }
    assert (expected, 0) == (out, coercion_failures)


def test_the_deal_asked_for_wins_over_the_deal_named() -> None:
    out, _ = normalize_row(
        PARTICIPANTS, {"id": 1, "related_item_data": {"deal_id": 5}}, parent_id=6
    )
    assert 6 == out["deal_id"]


@pytest.mark.parametrize("sent", [8, {"value": 8}, {"id": 8}, {"success": True, "data": {"id": 8}}])
def test_every_form_of_a_user_reference_is_read(sent: object) -> None:
    assert 8 == normalize_row(PARTICIPANTS, {"added_by_user_id": sent})[0]["added_by_user_id"]


@pytest.mark.parametrize("sent", [{"person_id": 3}, {"person": {"id": 3}}])
def test_the_person_is_found_wherever_it_is_named(sent: dict[str, object]) -> None:
    assert 3 == normalize_row(PARTICIPANTS, sent)[0]["person_id"]


def test_without_a_person_the_linked_object_stands_in() -> None:
    linked = {"name": "Eva", "value": 3}
    assert linked == normalize_row(PARTICIPANTS, {"person_id": linked})[0]["person"]
