"""What front ends remember between runs, without a front end."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import pytest

from pipedrive_assets.errors import Forbidden
from pipedrive_assets.extract.chunk import GONE_FOR, ChildrenRead, Chunk, Parent, Unread
from pipedrive_assets.extract.memory import (
    finish_scan,
    next_scan,
    read_from_start,
    read_named_again,
)
from pipedrive_assets.extract.pending_parents import PendingParents
from pipedrive_assets.extract.plan import Scan, TableStats, Watermark
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.custom_fields.mapping import MappingRow
from pipedrive_assets.windows import Window

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
OVERLAP = timedelta(minutes=5)
PATHS = ("api/v2/deals", "api/v2/deals/archived")
FLOW = BY_NAME["deals_flow"]


@dataclass
class InMemory:
    """A `Memory` that is lost with the process."""

    kept: Watermark = field(default_factory=Watermark)
    stats: TableStats = field(default_factory=TableStats)

    def watermark(self):
        return self.kept

    def table_stats(self):
        return self.stats

    def record(self, watermark):
        self.kept = watermark


def planned(memory, **options):
    return next_scan(memory, Window(start=NOW), overlap=OVERLAP, **options)


def test_the_first_scan_reads_everything_and_the_next_one_what_changed_since():
    memory = InMemory()
    first = planned(memory)
    assert first.initial_load
    memory.stats = TableStats(newest=NOW - timedelta(hours=1), highest_id=7)
    done = replace(first, started_at=NOW, newest=dict.fromkeys(PATHS, NOW - timedelta(hours=1)))
    assert memory.kept == Watermark()
    reached = finish_scan(memory, done, PATHS, NOW)
    assert (reached, NOW, 7) == (memory.kept, reached.complete_until, reached.ids_until)
    following = planned(memory)
    assert not following.initial_load
    assert NOW - timedelta(hours=1) - OVERLAP == following.since


def test_an_unfinished_scan_is_resumed():
    begun = Scan(initial_load=True, advances=True, started_at=NOW, marker="page 3")
    assert begun == planned(InMemory(kept=Watermark(scan=begun)))


def test_reading_from_the_start_gives_up_the_unfinished_scan():
    begun = Scan(initial_load=False, advances=True, since=NOW, started_at=NOW)
    memory = InMemory(
        kept=Watermark(initial_load_at=NOW, complete_until=NOW, scan=begun),
        stats=TableStats(newest=NOW),
    )
    read_from_start(memory, PATHS)
    scan = planned(memory)
    assert not scan.resumed
    assert [None, None] == [scan.start_of(path) for path in PATHS]


def test_a_reset_is_seen_whatever_was_recorded_before():
    begun = Scan(initial_load=False, advances=True, since=NOW, started_at=NOW)
    loaded = Watermark(initial_load_at=NOW, complete_until=NOW, lists=dict.fromkeys(PATHS, NOW))
    unread = replace(loaded, lists=dict.fromkeys(PATHS))
    for before in (Watermark(), loaded, loaded.during(begun, ()), unread.during(begun, ())):
        memory = InMemory(kept=before)
        assert not memory.kept.was_reset(before)
        read_from_start(memory, PATHS)
        assert memory.kept.was_reset(before)
    assert not loaded.during(begun, ["a"]).was_reset(loaded)


def test_lists_are_read_again_only_if_an_unknown_custom_field_has_a_name_now():
    memory = InMemory(kept=Watermark(initial_load_at=NOW, complete_until=NOW))
    before = memory.kept
    assert {"a"} == read_named_again(memory, {"a"}, None, PATHS)
    assert {"a"} == read_named_again(memory, {"a"}, FieldSet(rows=()), PATHS)
    assert before == memory.kept
    named = MappingRow(
        endpoint="deal",
        hash_string="b" * 40,
        name="Region",
        first_name="Region",
        normalized_name="region",
        field_type="varchar",
        column_type="varchar",
        first_seen_at=NOW,
    )
    custom = FieldSet(rows=(named,))
    assert {"a"} == read_named_again(memory, {"a", "b" * 40}, custom, PATHS)
    assert dict.fromkeys(PATHS) == memory.kept.lists


def read(parent, *, at=NOW, is_gone=False):
    return ChildrenRead(parent=parent, read_at=at, is_gone=is_gone)


def test_parents_stay_pending_until_their_children_are_read():
    parents = PendingParents()
    parents.add({3: None, 5: "2026-03-01T10:00:00Z"})
    three, five = parents.ask(FLOW, {3: None, 5: "2026-03-01T10:00:00Z"})
    refused = Unread(parent=three, error=Forbidden(path="api/v1/deals/3/flow", status=403))
    parents.take(Chunk(rows=[], reads=[read(five)], unread=[refused]))
    assert {3: None} == parents.pending
    assert parents.witness is not None
    assert 5 == parents.witness.id


def test_a_parent_added_again_while_it_is_asked_for_stays_pending():
    parents = PendingParents()
    (asked,) = parents.ask(FLOW, {3: None})
    parents.add([3])
    parents.take(Chunk(rows=[], reads=[read(asked)]))
    assert [3] == list(parents.pending)


def test_only_a_doubt_of_an_earlier_run_is_confirmed_and_asked_for_last():
    parents = PendingParents()
    (asked,) = parents.ask(FLOW, {3: None})
    parents.take(Chunk(rows=[], doubted=[read(asked)]))
    assert not parents.ask(FLOW, {3: None})[0].doubted
    following = PendingParents(waiting=parents.pending, doubted=parents.doubted)
    assert [(5, False), (3, True)] == [
        (each.id, each.doubted) for each in following.ask(FLOW, {3: None, 5: None})
    ]


@pytest.mark.parametrize(("later", "left"), [(timedelta(0), [3]), (GONE_FOR, [])])
def test_a_parent_that_is_gone_is_given_up_after_a_while(later, left):
    parents = PendingParents(waiting={3: None}, doubted={3: NOW})
    (asked,) = parents.ask(FLOW, {3: None})
    parents.take(Chunk(rows=[], doubted=[read(asked, at=NOW + later, is_gone=True)]))
    assert left == list(parents.pending)
    assert left == list(parents.doubted)


def test_a_counter_spares_the_call_only_if_it_is_zero():
    products = BY_NAME["deals_products"]
    assert products.has_no_children({"id": 1, "products_count": 0})
    assert not products.has_no_children({"id": 1, "products_count": None})
    assert not products.has_no_children({"id": 1})
    assert not FLOW.has_no_children({"id": 1, "products_count": 0})


def test_a_parent_is_filled_by_its_own_counter_alone():
    first, second = PendingParents().ask(FLOW, {1: None, 2: None}, filled={2})
    assert (first.filled, second.filled) == (False, True)
    assert (None, True) == (first.update_time, first.rows_unknown)


@pytest.mark.parametrize(
    ("name", "counted", "lasting"),
    [
        ("deals_participants", True, False),
        ("deals_products", True, False),
        ("deals_installments", False, False),
        ("deals_flow", False, True),
        ("persons_changelog", False, True),
        ("note_comments", False, False),
    ],
)
def test_a_counter_or_a_history_can_contradict_an_empty_reply(name, counted, lasting):
    (parent,) = PendingParents().ask(BY_NAME[name], {1: None})
    assert (counted, lasting) == (parent.counted, parent.lasting)


def test_the_control_is_a_parent_that_had_children():
    parents = PendingParents()
    three, five = parents.ask(FLOW, {3: None, 5: None})
    parents.take(Chunk(rows=[(3, {"id": 1})], reads=[read(three), read(five)]))
    (seven,) = parents.ask(FLOW, {7: None})
    parents.take(Chunk(rows=[], reads=[read(seven)]))
    assert parents.control == Parent(id=3, update_time=None)
    assert parents.witness == Parent(id=7, update_time=None)
