"""Events of a deal's history become rows, whatever they carry."""

import pytest

from pipedrive_assets.entities import BY_NAME
from pipedrive_assets.rows.flow import event_key
from pipedrive_assets.rows.shape import shape

FLOW = BY_NAME["deals_flow"]
CHANGE = {
    "object": "dealChange",
    "timestamp": "2026-03-01 01:02:03",
    "data": {"id": 9, "user_id": 4, "field_key": "value", "old_value": 50, "new_value": {"a": 1}},
}


def test_a_field_change_tells_field_and_both_values_as_text() -> None:
    out, misfits = shape(FLOW, CHANGE, parent_id=5)
    del out["_row_hash"], out["_deleted_at"], out["_deleted_reason"]
    expected = {
        "deal_id": 5,
        "event_key": event_key(CHANGE),
        "object": "dealChange",
        "timestamp": "2026-03-01T01:02:03Z",
        "event_id": "9",
        "user_id": 4,
        "field_key": "value",
        "old_value": "50",
        "new_value": '{"a":1}',
        "event": CHANGE,
    }
    assert (expected, 0) == (out, misfits)


def test_another_kind_of_event_has_no_field_and_may_name_its_user_otherwise() -> None:
    event = {"object": "file", "data": {"field_key": "x", "owner_id": {"id": 4}}}
    out, _ = shape(FLOW, event, parent_id=5)
    assert (None, 4) == (out["field_key"], out["user_id"])


@pytest.mark.parametrize("data", [None, [], [1], "text", 7, {}, {"id": None}, {"user_id": [1]}])
def test_data_of_any_form_is_kept_in_the_event(data: object) -> None:
    event = {"object": "note", "timestamp": None, "data": data}
    assert event == shape(FLOW, event, parent_id=5)[0]["event"]


def test_the_key_depends_on_content_and_not_on_the_order_of_keys() -> None:
    turned = dict(reversed(CHANGE.items()))
    assert event_key(CHANGE) == event_key(turned)
    assert event_key(CHANGE) != event_key({**CHANGE, "timestamp": "2026-03-01 01:02:04"})
    assert 32 == len(event_key(CHANGE))
