"""Pages of offset lists that are requested before their turn: no row is lost, few calls more."""

import contextlib
import threading
from dataclasses import replace

import pytest

from pipedrive_assets.api import Answer, RequestStats
from pipedrive_assets.api.paging import Page
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.background import Background
from pipedrive_assets.extract.offset_pages import overlapping_pages
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.extract.read_ahead import PAGES_AHEAD, PAGES_PER_PAGE_AHEAD, ReadAhead
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets_tests.conftest import NOON

EVERYTHING = Scan(initial_load=True, advances=True)


def read(office, table="notes", scan=EVERYTHING, page_rows=3):
    """Ids that a scan returns, the scan after them, and the error if it failed."""
    entity, ids, error = replace(BY_NAME[table], page_rows=page_rows), set(), None
    try:
        for chunk in read_windowed(
            office.connection.client, entity, scan, RequestStats(), chunk_pages=1
        ):
            ids |= {row["id"] for _, row in chunk.rows}
            scan = chunk.scan
    except PipedriveError as failure:
        error = failure
    return ids, scan, error


def starts(office, table="notes"):
    """The offsets that were requested, in order."""
    return [int(dict(line.params).get("start", 0)) for line in office.sandbox.calls(f"v1/{table}")]


@pytest.fixture
def office(make_office):
    office = make_office(deals=20)
    for number in range(80 - len(office.world.ids("notes"))):
        office.world.add("notes", content=f"Note {number}", deal_id=1)
    return office


def test_each_page_is_requested_once_and_the_ends_cost_few_calls(office):
    ids, scan, error = read(office)

    found = starts(office)
    pages = 40  # 80 rows, three per page, of which one overlaps
    assert error is None
    assert scan.endpoint_index == 1
    assert set(office.world.ids("notes")) == ids
    assert len(set(found)) == len(found)
    assert pages <= len(found) <= pages + PAGES_AHEAD


def test_a_short_list_is_read_page_by_page(office):
    rows = -(-80 // (PAGES_PER_PAGE_AHEAD - 1)) + 1
    read(office, page_rows=rows)

    found = starts(office)
    assert sorted(found) == found
    assert max(found) < 80


@pytest.mark.samples(4)
@pytest.mark.parametrize("table", ["notes", "files", "leads"])
@pytest.mark.parametrize("call", [1, 5, 9, 11, 12, 13, 15, 20])
def test_rows_that_leave_and_enter_the_list_take_none_with_them(office, table, call):
    for number in range(45 - len(office.world.ids(table))):
        if table == "leads":
            office.world.add("leads", title=f"Lead {number}")
        elif table == "files":
            office.world.add("files", name=f"file-{number}.txt")
    before = office.world.ids(table)
    gone = {before[0], before[20], before[-1]}

    def stir():
        office.advance(seconds=1)
        for key in gone:
            office.world.purge(table, key)
        if table == "leads":
            office.world.add("leads", title="New")

    office.sandbox.inject(faults.after(BY_NAME[table].path, stir).at(call))
    found, _, error = read(office, table)

    assert error is None
    assert set(before) - gone <= found


def answer(*ids, more=True):
    rows, marker = [{"id": each} for each in ids], str(ids[-1]) if more else None
    return Answer(page=Page(rows=rows, marker=marker), read_at=NOON)


def test_a_page_that_was_requested_before_a_change_is_requested_again():
    """Without that, a row that entered the list in between would have it read from its start."""
    now = {"0": answer(1, 2, 3), "2": answer(3, 4, 5), "4": answer(5, 6, more=False)}
    asked = []

    class Older(ReadAhead):
        def take(self, start):
            return answer(4, 5, 6) if start == 2 else None

    def ask(start):
        asked.append(start)
        return now[start]

    notes = replace(BY_NAME["notes"], page_rows=3)
    found = overlapping_pages(notes, notes.endpoints[0], ask, Older(ask, Background("test")), None)

    assert [1, 2, 3, 3, 4, 5, 5, 6] == [row["id"] for each in found for row in each.page.rows]
    assert ["0", "2", "4"] == asked


def test_pages_before_the_next_one_and_other_offsets_are_discarded():
    asked = []

    def request(start):
        asked.append(start)
        return answer(start)

    ahead = ReadAhead(request, Background("test"))
    for _ in range(PAGES_PER_PAGE_AHEAD):
        assert ahead.take(0) is None
    ahead.expect(10, 5)
    assert ahead.take(15).page.rows == [{"id": 15}]
    ahead.expect(20, 6)
    assert ahead.take(10) is None
    assert ahead.take(26).page.rows == [{"id": 26}]

    assert {15, 26} <= set(asked) <= {10, 15, 20, 26}


def test_nothing_is_requested_before_its_turn_while_the_burst_limit_is_reached():
    asked, room = [], iter([True, True, False, False])
    ahead = ReadAhead(asked.append, Background("test"), has_room=lambda: next(room))
    for _ in range(PAGES_PER_PAGE_AHEAD * PAGES_AHEAD):
        ahead.take(0)
    ahead.expect(10, 5)
    for start in (10, 15, 20, 25):
        ahead.take(start)

    assert [10, 15] == sorted(asked)


@pytest.mark.samples(3)
@pytest.mark.parametrize("status", [403, 429, 500])
@pytest.mark.parametrize("call", [11, 13, 20])
def test_a_page_that_fails_before_its_turn_is_requested_again(office, call, status):
    fault = faults.burst("v1/notes") if status == 429 else faults.refused("v1/notes", status)
    office.sandbox.inject(fault.at(call))

    first, scan, error = read(office)
    second = read(office, scan=scan)[0] if error else set()

    assert set(office.world.ids("notes")) == first | second


def test_a_page_past_the_end_is_requested_once_although_v1_answers_null(office):
    def null_past_the_end(_sandbox, call, serve):
        if int(dict(call.params).get("start", 0)) < 80:
            return serve()
        return json_reply(200, {"success": True, "data": None, "additional_data": {}}, {})

    office.sandbox.inject(faults.Fault(on="v1/notes", act=null_past_the_end).always())
    ids, _, error = read(office)

    found = starts(office)
    assert error is None
    assert set(office.world.ids("notes")) == ids
    assert all(found.count(each) == 1 for each in found if each >= 80)


@pytest.mark.samples(2)
@pytest.mark.parametrize("pages", [9, 11, 12, 20, 39])
def test_a_scan_goes_on_after_every_page_it_was_killed_at(office, pages):
    entity, first, scan = replace(BY_NAME["notes"], page_rows=3), set(), EVERYTHING
    chunks = read_windowed(office.connection.client, entity, scan, RequestStats(), chunk_pages=1)
    for _, chunk in zip(range(pages), chunks, strict=False):
        first |= {row["id"] for _, row in chunk.rows}
        scan = chunk.scan
    chunks.close()

    second, scan, error = read(office, scan=Scan.from_json(scan.to_json()))

    assert error is None
    assert set(office.world.ids("notes")) == first | second
    assert len(first) + len(second) <= 82


def test_a_list_that_is_not_sorted_by_id_is_read_page_by_page(office):
    """Rows can move from a later page to an earlier one, which the check of the border misses."""
    for number in range(40):
        office.world.add("files", name=f"file-{number}.txt")
    since = office.sandbox.now
    office.advance(hours=1)
    for key in office.world.ids("files")[1:]:
        office.world.edit("files", key, description="edited")
    read(office, "files", Scan(initial_load=False, advances=True, since=since), page_rows=2)

    found = starts(office, "files")
    assert sorted(found) == found


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt, GeneratorExit])
def test_requests_in_the_background_are_waited_for_unless_the_run_is_interrupted(error):
    began, may_end, ended = threading.Event(), threading.Event(), []

    def request():
        began.set()
        may_end.wait(10)
        ended.append(threading.current_thread().daemon)

    is_waited_for = error is None or issubclass(error, Exception)
    background = Background("test")
    with contextlib.suppress(error or ValueError), background:
        future = background.start(request)
        began.wait(10)
        if is_waited_for:
            threading.Timer(0, may_end.set).start()
        if error:
            raise error

    assert is_waited_for is bool(ended)
    may_end.set()
    assert future.result(10) is None
    assert [True] == ended
