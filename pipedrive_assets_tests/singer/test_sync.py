"""A sync sends every row of the account: first, incrementally, after an interruption anywhere."""

from datetime import timedelta

import pytest
from jsonschema import Draft7Validator, FormatChecker

from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.singer import PipedriveTap
from pipedrive_assets.singer.stream import ALL
from pipedrive_assets.windows import parse_stamp
from pipedrive_assets_tests.singer.conftest import STREAMS, Killed, changed, expected_rows

NAMED = [stream.tap_stream_id for stream in PipedriveTap.streams]
READ = [stream.tap_stream_id for stream in ALL if stream.entity.shape not in OWN_SHAPES]


@pytest.mark.samples(4)
@pytest.mark.parametrize("stream", READ)
def test_a_stream_carries_the_rows_of_the_account_first_and_incremental(bench, small_pages, stream):
    catalog = bench.catalog(stream)
    bench.sync(catalog)
    assert [] == bench.differences(stream)
    first = len(bench.target.messages)

    before = bench.office.sandbox.now
    bench.office.advance(days=3)
    bench.sync(catalog)

    assert [] == bench.differences(stream, since=before)
    assert first
    assert {stream} == set(bench.target.rows)


@pytest.mark.slow
@pytest.mark.parametrize("stream", NAMED)
def test_killed_at_any_call_a_sync_goes_on_and_loses_no_row(make_bench, small_pages, stream):
    account = make_bench(deals=3)
    catalog, calls = account.catalog(stream), 0
    while True:
        bench = type(account)(account.office)
        if not bench.sync_with_kills(catalog, calls):
            break
        assert [] == bench.differences(stream), calls
        calls += 1
    assert calls >= 1


@pytest.mark.samples(1)
@pytest.mark.parametrize("stream", NAMED)
def test_killed_at_any_call_an_incremental_sync_loses_no_row(make_bench, small_pages, stream):
    account = make_bench(deals=3)
    catalog, calls = account.catalog(stream), 0
    account.sync(catalog)
    before, rows = account.target.state, dict(account.target.rows.get(stream, {}))
    since = account.office.sandbox.now
    account.office.advance(days=2)
    while True:
        bench = type(account)(account.office)
        bench.target.state = before
        killed = bench.sync_with_kills(catalog, calls)
        bench.target.rows[stream] = {**rows, **bench.target.rows.get(stream, {})}
        assert [] == bench.differences(stream, since=since), calls
        if not killed:
            break
        calls += 1
    assert calls >= 1


@pytest.mark.slow
def test_killed_again_and_again_a_whole_sync_arrives(make_bench, small_pages):
    bench = make_bench(deals=2)
    catalog, kills = bench.catalog(), 0
    while True:
        try:
            bench.sync(catalog, calls=15 + 2 * kills)
        except Killed:
            kills += 1
        else:
            break
    assert [] == bench.differences()
    assert kills >= 3


def test_an_interrupted_sync_goes_on_at_its_stream_and_comes_round(bench):
    catalog = bench.catalog("stages", "deals", "persons")
    fresh = bench.sync(catalog, state={"currently_syncing": "persons", "bookmarks": {}})
    order = [each["stream"] for each in fresh if each["type"] == "SCHEMA"]
    assert ["persons", "stages", "deals"] == order
    assert "currently_syncing" not in bench.target.state


def test_what_is_being_read_is_told_before_its_first_record(bench):
    fresh = bench.sync(bench.catalog("stages", "users"))
    current = None
    for message in fresh:
        if message["type"] == "STATE":
            current = message["value"].get("currently_syncing")
        else:
            assert current == message["stream"]
    assert current is None


def test_an_interrupted_stream_that_is_not_selected_any_more_holds_nobody_up(bench):
    bench.sync(bench.catalog("stages"), state={"currently_syncing": "deals"})
    assert ["stages"] == list(bench.target.rows)
    assert "currently_syncing" not in bench.target.state


@pytest.mark.samples(5)
@pytest.mark.parametrize("stream", [each.tap_stream_id for each in ALL])
def test_records_are_as_their_schema_says(bench, stream):
    bench.sync(bench.catalog(stream))
    schema = bench.target.schemas[stream]["schema"]
    Draft7Validator.check_schema(schema)
    check = Draft7Validator(schema, format_checker=FormatChecker(["date"]))
    assert [] == [
        f"{error.json_path}: {error.message}"
        for record in bench.target.rows.get(stream, {}).values()
        for error in check.iter_errors(record)
    ]


def test_pages_are_followed_by_a_state_each(bench, small_pages):
    fresh = bench.sync(bench.catalog("persons"))
    runs = [0]
    for message in fresh:
        runs = [*runs, 0] if message["type"] == "STATE" else [*runs[:-1], runs[-1] + 1]
    assert max(runs) <= 8


def test_a_list_that_comes_in_the_order_of_its_changes_moves_its_bookmark_with_every_page(
    bench, small_pages
):
    catalog = bench.catalog("persons")
    bench.sync(catalog)
    bench.office.advance(days=9)
    fresh = bench.sync(catalog)
    told = [
        each["value"]["bookmarks"]["persons"]["update_time"]
        for each in fresh
        if each["type"] == "STATE"
    ]
    assert sorted(told) == told
    assert len(set(told)) >= 3


def test_a_second_sync_of_an_account_at_rest_asks_for_little_and_sends_little(bench):
    catalog = bench.catalog()
    bench.sync(catalog)
    bench.office.sandbox.log.clear()
    fresh = bench.sync(catalog)
    whole = {"currency", "activity_types", "stages", "filters", "pipelines", "users"}
    again = [each for each in fresh if each["type"] == "RECORD" and each["stream"] not in whole]
    assert len(again) < 20
    assert len(bench.office.sandbox.calls("/flow")) <= 3


def test_a_stream_without_a_bookmark_starts_at_start_date(bench):
    bench.config["start_date"] = "2026-03-01"
    bench.sync(bench.catalog("persons", "dealflow", "deal_products"))
    rows = bench.target.rows
    changes = [row["update_time"] for row in rows["persons"].values()]
    assert {None} < {time and time >= "2026-03-01" for time in changes} == {None, True}
    wanted = {
        key
        for key in bench.office.world.ids("persons")
        if (bench.office.world.row("persons", key)["update_time"] or "9") >= "2026-03-01"
    }
    assert wanted == {key for (key,) in rows["persons"]}
    assert all(row["log_time"] >= "2026-03-01" for row in rows["dealflow"].values())
    assert rows["dealflow"]


def test_the_first_moment_there_is_is_a_start_date_too(bench):
    bench.config["start_date"] = "0001-01-01"
    for person in bench.office.world.ids("persons"):
        bench.office.world.touch("persons", person, None)
    catalog = bench.catalog("persons")
    bench.sync(catalog)
    assert "update_time" not in bench.target.state["bookmarks"]["persons"]
    new = bench.office.world.add("persons", name="Quiet Newcomer", update_time=None)
    bench.sync(catalog)
    assert [] == bench.differences("persons")
    assert (new,) in bench.target.rows["persons"]


@pytest.mark.slow
def test_a_renamed_deal_gives_its_target_no_event_twice(bench):
    catalog = bench.catalog("deals_flow")
    bench.sync(catalog)
    deal = next(key for key, _ in bench.target.rows["deals_flow"])
    person = bench.office.world.row("deals", deal)["person_id"]
    bench.office.advance(minutes=10)
    bench.office.world.edit("deals", deal, title="Renamed")
    bench.office.world.edit("persons", person, name="Renamed")

    bench.sync(catalog)

    held = [
        (row["object"], row["event_id"])
        for (each, _), row in bench.target.rows["deals_flow"].items()
        if each == deal
    ]
    assert len(set(held)) == len(held)
    assert [] == bench.differences("deals_flow", since=bench.office.sandbox.now)


def edited_note(bench):
    """A deal of which a note was edited without a change of the deal."""
    world = bench.office.world
    row = next(row for row in world.tables["notes"].rows.values() if row["deal_id"])
    before = world.row("deals", row["deal_id"])["update_time"]
    world.edit("notes", row["id"], content="Edited")
    world.touch("deals", row["deal_id"], before)
    return row["deal_id"], before


def notes_of(bench, deal):
    """What the target's history of a deal says of its notes, with the deal's change time."""
    return [
        (row["event"]["data"]["content"], row["deal_update_time"])
        for (each, _), row in bench.target.rows["deals_flow"].items()
        if each == deal and row["object"] == "note"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("streams", [["notes", "deals_flow"], ["notes"]])
def test_a_note_has_the_history_of_its_deal_sent_again_now_or_by_a_later_sync(bench, streams):
    both = bench.catalog("notes", "deals_flow", "dealflow")
    bench.sync(both)
    bench.office.world.instant += timedelta(minutes=10)
    deal, moment = edited_note(bench)

    bench.sync(bench.catalog(*streams))
    if "deals_flow" not in streams:
        assert "Edited" not in {content for content, _ in notes_of(bench, deal)}
        bench.sync(bench.catalog("deals_flow"))

    (found,) = [time for content, time in notes_of(bench, deal) if content == "Edited"]
    assert parse_stamp(moment) == parse_stamp(found)
    assert not bench.target.state["bookmarks"]["deals_flow"].get("pending")
    assert not bench.target.state["bookmarks"]["dealflow"].get("pending")


def test_rows_without_update_time_are_sent_when_old_and_when_new(bench):
    catalog = bench.catalog("persons", "deal_products")
    bench.sync(catalog)
    new = bench.office.world.add("persons", name="Quiet Newcomer", update_time=None)
    deal = bench.office.world.add("deals", title="Quiet", update_time=None)
    bench.office.world.add_product(deal, bench.office.world.ids("products")[0], touch=False)
    bench.office.world.touch("deals", deal, None)

    bench.sync(catalog)

    assert [] == bench.differences("persons", "deal_products")
    assert (new,) in bench.target.rows["persons"]
    assert deal in {key[0] for key in bench.target.rows["deal_products"]}


def test_two_edits_in_the_bookmark_s_own_second_are_both_sent(bench):
    catalog = bench.catalog("deals")
    world = bench.office.world
    world.edit("deals", 7, title="one")
    bench.sync(catalog)
    world.edit("deals", 7, title="two")
    bench.sync(catalog)
    assert "two" == bench.target.rows["deals"][7,]["title"]


def test_a_clock_that_runs_ahead_of_the_changes_passes_no_change_over(bench):
    catalog = bench.catalog("deals")
    bench.sync(catalog)
    newest = max(row["update_time"] or "" for row in bench.target.rows["deals"].values())
    assert newest == bench.target.state["bookmarks"]["deals"]["update_time"]


@pytest.mark.slow
def test_a_state_of_the_old_tap_is_continued(bench):
    old = {
        "bookmarks": {
            "deals": {"update_time": "2026-03-01T00:00:00+00:00"},
            "persons": {"update_time": "2026-03-05 00:00:00+00:00"},
            "dealflow": {"log_time": "2026-03-01T00:00:00.123456+00:00"},
            "stages": {"update_time": "2020-01-01T00:00:00+00:00"},
            "deal_products": {},
        },
        "currently_syncing": "persons",
    }
    bench.sync(bench.catalog(), state=old)
    rows = bench.target.rows
    for stream, since in (("deals", "2026-03-01"), ("persons", "2026-03-05")):
        assert all((row["update_time"] or "9") >= since for row in rows[stream].values()), stream
        assert rows[stream]
    since = parse_stamp("2026-03-01T00:00:00Z")
    assert [] == bench.differences("dealflow", since=since)
    flow = rows["dealflow"].values()
    assert all(changed(bench.office, STREAMS["dealflow"], row, since) for row in flow)
    assert 0 < len(flow) < len([*expected_rows(bench.office, STREAMS["dealflow"])])
    bench.office.advance(days=2)
    bench.sync(bench.catalog())
    assert bench.target.state["bookmarks"]["persons"]["update_time"] > "2026-03-10"
