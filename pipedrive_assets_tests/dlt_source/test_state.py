"""dlt's state of a resource, without a pipeline."""

from copy import deepcopy
from datetime import datetime, timedelta, timezone

from pipedrive_assets.dlt_source.arguments import Request
from pipedrive_assets.dlt_source.child_reading import ChildReading, parents_in, save_parents
from pipedrive_assets.dlt_source.state import StateMemory
from pipedrive_assets.extract.chunk import ChildrenRead, Chunk
from pipedrive_assets.registry import BY_NAME

REQUEST = Request(overlap=timedelta(minutes=5))
READ_AT = datetime(2026, 3, 2, tzinfo=timezone.utc)
STATE_OF_0_1_0 = {
    "complete_until": "2026-03-01T12:00:00+00:00",
    "newest_change": "2026-03-01T11:00:00Z",
    "ids_until": 42,
    "owed": [5],
    "doubted": {"3": "2026-03-01T12:00:00Z"},
    "answered": 7,
}


def test_parents_of_an_earlier_release_are_read_and_written_alike():
    state = deepcopy(STATE_OF_0_1_0)
    parents = parents_in(state)
    assert {3, 5} == parents.pending.keys()
    assert {3} == parents.doubted.keys()
    save_parents(state, parents)
    assert STATE_OF_0_1_0 == state


def test_a_watermark_of_an_earlier_release_is_read_and_written_alike():
    state = deepcopy(STATE_OF_0_1_0)
    memory = StateMemory(state)
    scan = memory.next_scan(REQUEST)
    assert (False, 42) == (scan.initial_load, scan.above_id)
    assert datetime(2026, 3, 1, 10, 55, tzinfo=timezone.utc) == scan.since
    memory.record(memory.watermark())
    assert STATE_OF_0_1_0 == state


def reading_of(state):
    scan = StateMemory(state).next_scan(REQUEST)
    return ChildReading(name="deals_flow", scan=scan, state=state, before={**state})


def test_a_parent_leaves_the_state_once_its_children_are_read():
    state = deepcopy(STATE_OF_0_1_0)
    reading = reading_of(state)
    asked = reading.parents.ask(BY_NAME["deals_flow"], reading.parents.pending)
    three, five = sorted(asked, key=lambda each: each.id)
    reading.take(Chunk(rows=[(5, {"id": 1})], reads=[ChildrenRead(parent=five, read_at=READ_AT)]))
    assert ("owed" in state, {"3"}, 5) == (False, state["doubted"].keys(), state["answered"])
    reading.take(Chunk(rows=[], reads=[ChildrenRead(parent=three, read_at=READ_AT)]))
    assert ("doubted" in state, 3, 5) == (False, state["answered"], state["filled"])
    assert 5 == parents_in(state).filled


def test_a_refusal_restores_the_state_before_the_run():
    state = deepcopy(STATE_OF_0_1_0)
    reading = reading_of(state)
    reading.defer([11])
    assert [5, 11] == state["owed"]
    reading.refuse(5)
    assert {**STATE_OF_0_1_0, "refused": 5} == state
    assert not reading.counts
