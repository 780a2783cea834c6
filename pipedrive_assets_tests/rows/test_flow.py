"""Events of a deal's history become rows, whatever they carry."""

import pytest

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.flow import event_key, separate_events
from pipedrive_assets.rows.normalize import normalize_row

FLOW = BY_NAME["deals_flow"]
CHANGE = {
    "object": "dealChange",
    "timestamp": "2026-03-01 01:02:03",
    "data": {"id": 9, "user_id": 4, "field_key": "value", "old_value": 50, "new_value": {"a": 1}},
}


def test_a_field_change_tells_field_and_both_values_as_text() -> None:
    out, coercion_failures = normalize_row(FLOW, CHANGE, parent_id=5)
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
    assert (expected, 0) == (out, coercion_failures)


def test_another_kind_of_event_has_no_field_and_may_name_its_user_otherwise() -> None:
    event = {"object": "file", "data": {"field_key": "x", "owner_id": {"id": 4}}}
    out, _ = normalize_row(FLOW, event, parent_id=5)
    assert (None, 4) == (out["field_key"], out["user_id"])


@pytest.mark.parametrize("data", [None, [], [1], "text", 7, {}, {"id": None}, {"user_id": [1]}])
def test_data_of_any_form_is_kept_in_the_event(data: object) -> None:
    event = {"object": "note", "timestamp": None, "data": data}
    assert event == normalize_row(FLOW, event, parent_id=5)[0]["event"]


def test_the_key_of_an_event_is_its_kind_and_id_whatever_else_it_has() -> None:
    renamed = {**CHANGE, "data": {**CHANGE["data"], "deal_title": "Renamed"}}
    assert "dealChange:9" == event_key(CHANGE) == event_key(renamed)
    assert "note:9" == event_key({**CHANGE, "object": "note"})


@pytest.mark.parametrize("data", [None, [], {}, {"id": None}, {"id": ""}])
def test_the_key_of_an_event_without_an_id_is_its_content_whatever_the_order_of_its_keys(
    data: object,
) -> None:
    event = {**CHANGE, "data": data}
    assert 32 == len(event_key(event))
    assert event_key(event) == event_key(dict(reversed(event.items())))
    assert event_key(event) != event_key({**event, "timestamp": "2026-03-01 01:02:04"})
    assert 32 == len(event_key({"object": None, "data": {"id": 9}}))


def keys_of(*events: dict[str, object]) -> list[str]:
    separated = separate_events([dict(event) for event in events])
    rows = [normalize_row(FLOW, event, parent_id=5)[0] for event in separated]
    assert list(events) == [row["event"] for row in rows]
    return [row["event_key"] for row in rows]


def test_two_events_of_one_kind_and_id_are_kept_apart_whatever_their_order() -> None:
    later = {**CHANGE, "timestamp": "2026-03-01 01:02:04"}
    other = {**CHANGE, "data": {**CHANGE["data"], "new_value": 7}}
    first, second, third = keys_of(CHANGE, later, other)
    assert 3 == len({first, second, third})
    assert [third, second, first] == keys_of(other, later, CHANGE)
    assert "dealChange:9" in {first, third}


def test_an_event_shown_twice_keeps_one_key_though_its_names_and_links_changed() -> None:
    renamed = {**CHANGE, "data": {**CHANGE["data"], "deal_title": "Renamed"}}
    assert ["dealChange:9"] * 2 == keys_of(CHANGE, renamed)
