"""Long lists are read from both ends: no row is lost, whatever changes or fails meanwhile."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from pipedrive_assets.api import Answer, RequestStats
from pipedrive_assets.api.paging import Page
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract import scans
from pipedrive_assets.extract.both_ends import LONG_LIST_PAGES, Part, read_from_both_ends
from pipedrive_assets.extract.plan import Scan, TableStats, Watermark, plan
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets.windows import Window
from pipedrive_assets_tests.conftest import NOON

TABLES = {"deals": "title", "persons": "name", "activities": "subject"}
EVERYTHING = Scan(initial_load=True, advances=True)
PATH = BY_NAME["persons"].path


def read(office, table="persons", scan=EVERYTHING, page_rows=3, chunk_pages=1):
    """Rows by id that a scan returns, and the scan after them; the error if it failed."""
    entity, rows, error = replace(BY_NAME[table], page_rows=page_rows), {}, None
    chunks = read_windowed(
        office.connection.client, entity, scan, RequestStats(), chunk_pages=chunk_pages
    )
    try:
        for chunk in chunks:
            rows.update((row["id"], row) for _, row in chunk.rows)
            scan = chunk.scan
    except PipedriveError as failure:
        error = failure
    return rows, Scan.from_json(scan.to_json()), error


def listed(office, table="persons"):
    """Ids that Pipedrive lists."""
    return {row["id"] for row in office.world.tables[table].rows.values() if is_listed(table, row)}


def is_listed(table, row):
    return table == "deals" or not row["is_deleted"]


def directions(office, path=PATH):
    return [dict(line.params)["sort_direction"] for line in office.sandbox.calls(path)]


def is_over(scan, table="persons"):
    return scan.endpoint_index == len(BY_NAME[table].endpoints)


def next_window(office, scan, table="persons", **stats):
    """The scan of the next run."""
    stats = TableStats(newest=max(scan.newest.values()), **stats)
    paths = [endpoint.path for endpoint in BY_NAME[table].endpoints]
    reached = Watermark().after(scan, paths, stats, office.sandbox.now)
    window = Window(start=office.midnight)
    return plan(reached, window, table_stats=stats, overlap=timedelta(minutes=5))


def test_two_walks_return_every_row_with_few_calls_more(make_office):
    office = make_office(deals=60)
    pages = -(-len(listed(office)) // 3)

    rows, scan, error = read(office)

    found = directions(office)
    assert (None, True) == (error, is_over(scan))
    assert listed(office) == rows.keys()
    assert {"asc"} == set(found[:LONG_LIST_PAGES])
    assert found.count("desc") > 1
    assert pages <= len(found) <= pages + 2
    assert max(rows) == scan.top_id


def test_a_short_list_is_read_by_one_walk(office):
    rows, _, _ = read(office, page_rows=len(listed(office)) // LONG_LIST_PAGES + 1)

    assert listed(office) == rows.keys()
    assert {"asc"} == set(directions(office))


@pytest.mark.samples(3)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("call", [1, 5, 6, 7, 9, 12])
def test_rows_that_change_between_the_walks_are_read_now_or_by_the_next_window(
    make_office, table, call
):
    office = make_office(deals=30)
    ids, column = office.world.ids(table), TABLES[table]
    gone = {ids[1], ids[len(ids) // 2], ids[-2]}

    def stir():
        office.advance(seconds=1)
        for key in gone:
            office.world.delete(table, key)
        for key in (ids[0], ids[len(ids) // 2 + 1], ids[-1]):
            office.world.edit(table, key, **{column: "edited in mid-scan"})
        if table == "deals":
            office.world.archive("deals", ids[3])
            office.world.archive("deals", ids[-4])
        for _ in range(4):
            office.world.add(table, **{column: "added in mid-scan"})

    office.sandbox.inject(faults.after(BY_NAME[table].path, stir).at(call))
    rows, scan, error = read(office, table)
    later, _, _ = read(office, table, next_window(office, scan, table, highest_id=max(rows)))

    assert error is None
    known = {**rows, **later}
    assert listed(office, table) - gone <= known.keys()
    for key in listed(office, table) - gone:
        row = office.world.row(table, key)
        assert (row[column], row["update_time"]) == (known[key][column], known[key]["update_time"])


def test_a_row_without_a_change_time_that_is_created_between_the_walks_is_read_by_the_next_run(
    make_office,
):
    office = make_office(deals=40)
    made = {}

    def create():
        made["quiet"] = office.world.add("deals", title="Quiet", update_time=None)
        made["archived"] = office.world.add("deals", title="Archived")
        office.world.archive("deals", made["archived"])

    office.sandbox.inject(faults.after("api/v2/deals", create).at(LONG_LIST_PAGES + 5))
    rows, scan, _ = read(office, "deals")
    assert made["quiet"] not in rows
    assert made["archived"] in rows
    later, _, _ = read(office, "deals", next_window(office, scan, "deals", highest_id=max(rows)))

    assert made["quiet"] in later


def pages_of(*pages):
    """Answers with the ids of each page; counts those that were requested."""
    asked = []

    def read(_marker=None):
        for number, ids in enumerate(pages, 1):
            asked.append(ids)
            marker = str(number) if number < len(pages) else None
            page = Page(rows=[{"id": each} for each in ids], marker=marker)
            yield Answer(page=page, read_at=NOON)

    return read, asked


def returned(front, back):
    parts = read_from_both_ends(front(), back, None, from_start=True)
    return [row["id"] for part in parts for row in part.answer.page.rows]


FIVE = [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]


@pytest.mark.parametrize("odd_page", [[13, 12], [2, 12], ["11", "12"], [11, None]])
def test_without_ascending_ids_there_is_no_second_walk(odd_page):
    front, _ = pages_of(*FIVE[:4], odd_page, [20])
    back, asked = pages_of([20, 19])

    assert [*range(1, 9), *odd_page, 20] == returned(front, back)
    assert not asked


@pytest.mark.parametrize("odd_page", [[97, 98], [101, 100], ["97", "96"], []])
def test_a_second_walk_without_descending_ids_ends(odd_page):
    front, _ = pages_of(*FIVE, *([number, number + 1] for number in range(11, 101, 2)))
    back, _ = pages_of([100, 99], odd_page, [1, 0])

    found = returned(front, back)

    assert set(range(1, 101)) <= set(found)
    assert not {1, 0} & set(found[10:])


def test_walks_that_pass_each_other_without_agreement_end_with_the_first_one():
    front, _ = pages_of(*([number, number + 2] for number in range(1, 81, 4)))
    back, _ = pages_of(*([number, number - 1] for number in range(80, 0, -2)))
    found, firsts = set(), [0, 0]

    for part in read_from_both_ends(front(), back, None, from_start=True):
        ids = [row["id"] for row in part.answer.page.rows]
        found.update(ids)
        firsts += [] if part.is_from_end else ids[:1]
        assert max(ids) >= firsts[-2]

    assert set(range(1, 81, 2)) <= found


def test_pages_that_overlap_but_differ_are_no_meeting():
    front, _ = pages_of(*FIVE, [11, 98, 99], [12, 13], *([each] for each in range(14, 100)))
    back, _ = pages_of([99, 98, 97, 96], [95, 94])

    assert set(range(1, 100)) == set(returned(front, back))


def test_a_list_whose_ids_prove_to_be_in_no_order_is_not_continued_from_its_end():
    front, _ = pages_of(*FIVE, [12, 11], [14, 15], [16])
    back, _ = pages_of([99, 98], [97, 96])

    *_, last = read_from_both_ends(front(), back, None, from_start=True)

    assert last.descent is None


@pytest.mark.parametrize("is_last", [True, False])
def test_a_list_that_is_over_is_not_abandoned_with_a_request_that_still_runs(
    office, monkeypatch, is_last
):
    ended = []

    def walks(front, *_given, **_named):
        try:
            for answer in front:
                over = replace(
                    answer, page=replace(answer.page, marker="more" if is_last else None)
                )
                yield Part(answer=over, descent=None, is_last=is_last)
                break
            ended.append("waited")
        except GeneratorExit:
            ended.append("abandoned")
            raise

    monkeypatch.setattr(scans, "read_from_both_ends", walks)
    _, scan, _ = read(office)

    assert is_over(scan)
    assert ["waited"] == ended


def backwards(act):
    """A fault of the second walk only."""

    def only_backwards(sandbox, call, serve):
        return act(sandbox, call, serve) if ("sort_direction", "desc") in call.params else serve()

    return faults.Fault(on=PATH, act=only_backwards).always()


def ascending(sandbox, call, _serve):
    """Ignore the requested direction."""
    params = tuple((name, "asc" if value == "desc" else value) for name, value in call.params)
    return sandbox.answer(replace(call, params=params))


def refused(status):
    return lambda _sandbox, _call, _serve: json_reply(status, {"success": False, "error": "no"}, {})


def empty(_sandbox, _call, serve):
    reply = serve()
    body = {"success": True, "data": [], "additional_data": {"next_cursor": None}}
    return json_reply(200, body, reply.headers)


@pytest.mark.samples(2)
@pytest.mark.parametrize(
    "act",
    [ascending, empty, *map(refused, (400, 403, 404, 500))],
    ids=["ascending", "empty", "400", "403", "404", "500"],
)
def test_a_second_walk_that_fails_or_returns_another_order_costs_no_row(make_office, act):
    office = make_office(deals=40)
    office.sandbox.inject(backwards(act))

    rows, scan, error = read(office)

    assert (None, True) == (error, is_over(scan))
    assert listed(office) == rows.keys()


@pytest.mark.samples(2)
@pytest.mark.parametrize("number", range(2, 13))
@pytest.mark.parametrize("walk", ["asc", "desc"])
def test_a_row_out_of_place_does_not_pass_for_the_meeting_of_both_walks(make_office, walk, number):
    office = make_office(deals=40)
    ids = sorted(listed(office))
    strange = office.world.row("persons", {"asc": ids[-2], "desc": ids[10]}[walk])

    def misplaced(_sandbox, call, serve):
        reply = serve()
        body = reply.json()
        if ("sort_direction", walk) in call.params:
            body["data"].append({**body["data"][-1], "id": strange["id"]})
        return json_reply(200, body, reply.headers)

    office.sandbox.inject(faults.Fault(on=PATH, act=misplaced).at(number))

    rows, scan, error = read(office)

    assert (None, True) == (error, is_over(scan))
    assert listed(office) == rows.keys()


@pytest.mark.samples(2)
@pytest.mark.parametrize("walk", ["asc", "desc"])
@pytest.mark.parametrize("call", [6, 8, 11])
@pytest.mark.parametrize("act", [refused(403), refused(503)], ids=["403", "503"])
def test_a_refusal_of_one_walk_completes_nothing_and_the_next_run_goes_on(
    make_office, walk, call, act
):
    office = make_office(deals=40)

    def fail(sandbox, request, serve):
        is_walk = ("sort_direction", walk) in request.params
        return act(sandbox, request, serve) if is_walk else serve()

    office.sandbox.inject(faults.Fault(on=PATH, act=fail, nth=call, times=None))
    first, scan, error = read(office)
    assert (error is None) is is_over(scan)
    if walk == "asc":
        assert error
        assert scan.complete_until() is None or not is_over(scan)
    office.sandbox.clear_faults()
    office.sandbox.log.clear()

    second, scan, error = read(office, scan=scan) if error else ({}, scan, None)

    assert (None, True) == (error, is_over(scan))
    assert listed(office) == first.keys() | second.keys()
    assert len(first) <= 15 or len(second) < len(listed(office))


@pytest.mark.samples(2)
@pytest.mark.parametrize("pages", range(1, 14))
def test_a_scan_goes_on_after_every_page_it_was_killed_at(make_office, pages):
    office = make_office(deals=40)
    entity, first, scan = replace(BY_NAME["persons"], page_rows=3), set(), EVERYTHING
    chunks = read_windowed(office.connection.client, entity, scan, RequestStats(), chunk_pages=1)
    for _, chunk in zip(range(pages), chunks, strict=False):
        first |= {row["id"] for _, row in chunk.rows}
        scan = chunk.scan
    chunks.close()
    office.advance(hours=1)
    deleted = office.world.ids("persons")[10]
    office.world.delete("persons", deleted)

    second, scan, error = read(office, scan=Scan.from_json(scan.to_json()))

    assert (None, True) == (error, is_over(scan))
    assert listed(office) <= first | second.keys()
    assert len(first) + len(second) <= len(listed(office)) + 1 + 4 * 3


def test_a_marker_of_the_second_walk_that_expired_restarts_nothing(make_office):
    office = make_office(deals=40)
    office.sandbox.inject(faults.server_error(PATH).at(10, times=None))
    first, scan, _ = read(office)
    assert scan.descent
    office.sandbox.clear_faults()
    office.sandbox.log.clear()
    office.sandbox.inject(backwards(refused(400)))

    second, scan, error = read(office, scan=scan)

    assert (None, True) == (error, is_over(scan))
    assert listed(office) == first.keys() | second.keys()
    assert first.keys() - second.keys()


def test_a_scan_that_an_earlier_version_left_is_continued(make_office):
    office = make_office(deals=40)
    office.sandbox.inject(faults.server_error(PATH).at(4, times=None))
    first, scan, _ = read(office)
    office.sandbox.clear_faults()
    stored = json.loads(scan.to_json())
    del stored["descent"], stored["top_id"]

    second, scan, error = read(office, scan=Scan.from_json(json.dumps(stored)))

    assert (None, True) == (error, is_over(scan))
    assert listed(office) == first.keys() | second.keys()
