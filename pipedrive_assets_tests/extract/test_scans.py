"""Scans by themselves, no warehouse: whatever moves between two pages, no row is passed over."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import chain, count

import pytest

from pipedrive_assets.api import RequestStats
from pipedrive_assets.errors import DataError, Missing, TransientApiError
from pipedrive_assets.extract import scans
from pipedrive_assets.extract.list_pages import whole_list
from pipedrive_assets.extract.offset_pages import border_of
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.extract.snapshot_scans import read_snapshot
from pipedrive_assets.registry import BY_NAME, Endpoint
from pipedrive_assets.rows.flow import flow_row
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply

OFFSET = ("leads", "notes", "files")
EDITED = {"leads": "title", "notes": "content", "files": "description"}
EVERYTHING = Scan(initial_load=True, advances=True)


def read(office, table, scan=EVERYTHING, page_rows=3):
    """Ids of the rows that a scan shows, with the scan at its end."""
    entity, ids = replace(BY_NAME[table], page_rows=page_rows), set()
    for chunk in read_windowed(office.connection.client, entity, scan, RequestStats()):
        ids |= {row["id"] for _, row in chunk.rows}
        scan = chunk.scan
    return ids, scan


@pytest.mark.parametrize("table", ["persons", "notes"])
def test_a_chunk_ends_when_its_replies_are_large(make_office, monkeypatch, table):
    office, entity = make_office(deals=40), replace(BY_NAME[table], page_rows=3)
    scan = partial(
        read_windowed, office.connection.client, entity, EVERYTHING, RequestStats(), chunk_pages=4
    )
    small = [[row["id"] for _, row in chunk.rows] for chunk in scan()]

    monkeypatch.setattr(scans, "CHUNK_BYTES", 1)
    large = [[row["id"] for _, row in chunk.rows] for chunk in scan()]

    assert (12, 3) == (max(map(len, small)), max(map(len, large)))
    # Which rows of a list arrive from both ends depends on the timing of the threads.
    assert set(chain(*small)) == set(chain(*large))


@pytest.mark.samples(8)
@pytest.mark.parametrize("table", OFFSET)
@pytest.mark.parametrize("page", range(1, 9))
def test_rows_that_leave_a_list_between_its_pages_take_none_with_them(make_office, table, page):
    office = make_office(deals=40)
    ids = office.world.ids(table)

    def leave():
        for key in ids[:2]:
            office.world.purge(table, key)

    office.sandbox.inject(faults.after(BY_NAME[table].path, leave).at(page))
    found, _ = read(office, table)

    assert set(ids[2:]) <= found


@pytest.mark.samples(8)
@pytest.mark.parametrize("path", ["v1/leads", "v1/leads/archived", "v1/notes", "v1/files"])
@pytest.mark.parametrize("page", range(1, 7))
def test_a_window_shows_every_change_before_its_first_page(make_office, path, page):
    office = make_office(deals=60)
    table = path.split("/")[1]
    ids, column = office.world.ids(table), EDITED[table]
    since = office.sandbox.now
    office.advance(hours=1)
    for key in ids[3:]:
        office.world.edit(table, key, **{column: "edited"})
    archived = [key for key in ids if office.world.row(table, key).get("is_archived")]
    office.advance(seconds=1)

    def stir():
        office.advance(seconds=1)
        for key in (ids[0], ids[4], ids[-1]):
            office.world.edit(table, key, **{column: "edited in mid-scan"})
        for key in archived[-3:]:
            office.world.unarchive(table, key)

    office.sandbox.inject(faults.after(path, stir).at(page))
    first, scan = read(office, table, Scan(initial_load=False, advances=True, since=since))
    second, _ = read(
        office, table, replace(scan, since=scan.started_at, started_at=None, endpoint_index=0)
    )

    assert set(ids[3:]) <= first | second
    assert since < scan.complete_until()


@pytest.mark.samples(8)
@pytest.mark.parametrize("table", OFFSET)
def test_a_closed_window_shows_its_own_rows_alone(make_office, table):
    office = make_office(deals=40)
    office.advance(days=5)
    until = office.midnight - timedelta(days=1)
    since = until - timedelta(days=2)

    found, _ = read(
        office, table, Scan(initial_load=False, advances=False, since=since, until=until)
    )

    rows = [office.world.row(table, key) for key in office.world.ids(table)]
    bounds = [moment.strftime("%Y-%m-%dT%H:%M:%S") for moment in (since, until)]
    assert found == {
        row["id"] for row in rows if bounds[0] <= (row["update_time"] or "") < bounds[1]
    }


def test_a_list_without_updated_since_is_left_at_the_first_row_that_is_too_old(
    make_office,
):
    office = make_office(deals=60)
    since = office.sandbox.now
    office.advance(seconds=10)
    for key in office.world.ids("files")[:4]:
        office.world.edit("files", key, description="edited")

    found, _ = read(office, "files", Scan(initial_load=False, advances=True, since=since))

    assert set(office.world.ids("files")[:4]) == found
    assert 2 == len(office.sandbox.calls("v1/files"))


def test_a_walk_goes_on_from_a_page_marker_and_restarts_where_the_row_there_has_gone(make_office):
    office = make_office(deals=40)
    ids = office.world.ids("notes")
    stands = replace(EVERYTHING, marker=f"3@{ids[3]}", started_at=office.sandbox.now, pages=1)
    moved = replace(stands, marker="3@4711")

    assert set(ids[3:]) == read(office, "notes", stands)[0]
    assert set(ids) == read(office, "notes", moved)[0]


def test_a_list_that_never_stands_still_is_given_up(office):
    def leave():
        office.world.purge("notes", office.world.ids("notes")[0])

    office.sandbox.inject(faults.after("v1/notes", leave).always())

    with pytest.raises(TransientApiError, match="v1/notes"):
        read(office, "notes", page_rows=2)


def test_an_offset_list_that_tells_nothing_of_pages_ends_with_its_last_row(make_office):
    def silent(reply):
        body = reply.json()
        body.pop("additional_data", None)
        return json_reply(200, body)

    office = make_office(deals=40)
    notes = BY_NAME["notes"]
    office.sandbox.inject(faults.changed("v1/notes", silent).always())

    rows, _ = whole_list(office.connection.client, notes, notes.endpoints[0], RequestStats(), ())

    assert len(office.world.ids("notes")) == len({row["id"] for row in rows})
    assert [] == office.slept


@pytest.mark.parametrize(("rows", "told"), [(1, True), (2, True), (2, False), (3, True)])
def test_a_list_that_heeds_no_offset_is_not_read_for_ever(office, rows, told):
    page = [office.world.row("notes", key) for key in office.world.ids("notes")[:rows]]
    envelope = {"additional_data": {"pagination": {"more_items_in_collection": True}}}
    body = {"success": True, "data": page, **(envelope if told else {})}
    office.sandbox.inject(faults.changed("v1/notes", lambda _: json_reply(200, body)).always())

    with pytest.raises(DataError, match="looping"):
        read(office, "notes")

    assert 6 == len(office.sandbox.calls("v1/notes"))


@pytest.mark.parametrize("threads", [0, 1, 2, 5, 6])
def test_a_list_that_tells_nothing_of_further_pages_is_read_to_its_end(make_office, threads):
    office = make_office(deals=3)
    for row in list(office.world.ids("mail_threads"))[threads:]:
        office.world.delete("mail_threads", row)
    while len(office.world.ids("mail_threads")) < threads:
        office.world.add("mail_threads", folders=["inbox"], last_message_timestamp="2026")

    found = rows_of_snapshot(office, "mail_threads", page_rows=3)

    assert set(office.world.ids("mail_threads")) == {row["id"] for row in found}


def test_a_list_that_one_owner_has_not_is_empty_and_one_that_none_has_is_refused(make_office):
    office = make_office(deals=3)
    found = rows_of_snapshot(office, "permission_set_assignments")
    assert {"Sales users", "Global users"} == {row["name"] for row in found}
    for user in office.world.ids("users"):
        office.world.edit("users", user, access=[])

    with pytest.raises(Missing):
        rows_of_snapshot(office, "permission_set_assignments")


def rows_of_snapshot(office, name, **how):
    entity = replace(BY_NAME[name], **how)
    (chunk,) = read_snapshot(office.connection.client, entity, RequestStats())
    return [row for _, row in chunk.rows]


HISTORY = "v1/deals/1/flow"
NOTICE = {"object": "activity", "timestamp": None, "data": {"id": 77, "done": False}}


def history(office, page_rows):
    """The keys of the events that a reading of one deal's history shows."""
    flow = replace(BY_NAME["deals_flow"], page_rows=page_rows)
    rows, _ = whole_list(
        office.connection.client,
        flow,
        Endpoint(path=HISTORY, tokens_per_page=40),
        RequestStats(),
        flow.params,
    )
    return {flow_row(row, 1)["event_key"] for row in rows}


@pytest.mark.parametrize("page_rows", [2, 3, 5])
def test_events_whose_names_and_links_change_with_each_reply_are_read_to_the_end(office, page_rows):
    whole, replies = history(office, 500), count()

    def renamed(reply):
        body, sign = reply.json(), str(next(replies))
        for event in body["data"]:
            event["data"] |= {"deal_title": sign, "body_url": f"https://mail.example/?s={sign}"}
        return json_reply(200, body)

    office.sandbox.inject(faults.changed(HISTORY, renamed).always())

    assert whole == history(office, page_rows)
    assert 2 * page_rows < len(whole)


@pytest.mark.parametrize("page_rows", [2, 3, 5])
def test_a_history_that_repeats_planned_activities_on_each_page_is_read_to_the_end(
    office, page_rows
):
    whole = history(office, 500)

    def with_notice(reply):
        body = reply.json()
        return json_reply(200, {**body, "data": [NOTICE, *body["data"]]})

    office.sandbox.inject(faults.changed(HISTORY, with_notice).always())

    assert {*whole, "activity:77"} == history(office, page_rows)


def test_two_events_of_one_kind_and_id_are_both_read(office):
    whole = history(office, 500)
    events = [
        {"object": "note", "timestamp": f"2026-03-01 01:02:0{second}", "data": {"id": 9001}}
        for second in (2, 1)
    ]

    def with_events(reply):
        body = reply.json()
        return json_reply(200, {**body, "data": [*events, *body["data"]]})

    office.sandbox.inject(faults.changed(HISTORY, with_events).always())

    found = history(office, 500) - whole

    assert 2 == len(found)
    assert "note:9001" in found


@pytest.mark.parametrize("rows", [0, 1])
def test_empty_pages_that_are_announced_for_ever_end_in_an_error(office, rows):
    """Each page reports a next one, also behind the last row."""
    page = [office.world.row("notes", key) for key in office.world.ids("notes")[:rows]]

    def more(_, call):
        start = int(dict(call.params).get("start", "0"))
        told = {"more_items_in_collection": True, "next_start": start + 100}
        body = {"data": page if start == 0 else [], "additional_data": {"pagination": told}}
        return json_reply(200, {"success": True, **body})

    act = faults.Fault(on="v1/notes", act=lambda sandbox, call, _: more(sandbox, call))
    office.sandbox.inject(act.always())

    with pytest.raises(DataError, match="1,000 empty pages"):
        read(office, "notes")

    assert 1000 + rows == len(office.sandbox.calls("v1/notes"))


def test_a_history_that_heeds_no_offset_is_not_read_for_ever(office):
    replies = count()

    def same(_):
        rows = [{"object": "note", "data": {"id": key, "n": next(replies)}} for key in range(3)]
        told = {"pagination": {"more_items_in_collection": True}}
        return json_reply(200, {"success": True, "data": rows, "additional_data": told})

    office.sandbox.inject(faults.changed(HISTORY, same).always())

    with pytest.raises(DataError, match="looping"):
        history(office, 3)


def test_a_comment_that_is_edited_between_two_pages_is_recognised_by_its_uuid():
    comments = BY_NAME["note_comments"]
    before, after = ({"uuid": "a-b", "content": text} for text in ("before", "after"))
    assert border_of(comments, before) == border_of(comments, after)
    assert border_of(comments, {"content": "a"}) != border_of(comments, {"content": "b"})
