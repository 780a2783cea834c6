"""States of any form: read, refused, cut to Pipedrive's clock, and small."""

import json
import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.singer.bookmark import YEARS
from pipedrive_assets.singer.kept_names import read_records, short_records
from pipedrive_assets.singer.state import State
from pipedrive_assets.singer.stream import ALL
from pipedrive_assets.windows import parse_stamp, stamp
from pipedrive_assets_tests.singer.conftest import Killed

INCREMENTAL = [stream for stream in ALL if stream.replication_key]
FUTURE = "2098-01-01T00:00:00Z"

_ODD = "|x|deals|now|0001-01-01T00:00:00Z|9999-12-31T23:59:59-12:00|7@x|-1|2024-13-01|24:00|{}|²"
texts = st.sampled_from([*_ODD.split("|"), FUTURE, "\ud800", "\x00", '{"since": 3}'])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, *path: Any) -> list[tuple[Any, ...]]:
    """The path to every part of a JSON value."""
    pairs = value.items() if isinstance(value, dict) else ()
    pairs = enumerate(value) if isinstance(value, list) else pairs
    return [path, *(found for key, each in pairs for found in places(each, *path, key))]


def with_value(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of the content with another value at the path."""
    if not path:
        return value
    first, *rest = path
    if isinstance(content, dict):
        return {**content, first: with_value(content[first], tuple(rest), value)}
    return [*content[:first], with_value(content[first], tuple(rest), value), *content[first + 1 :]]


def positions_apart(state: Any) -> Any:
    """The state with the text of each scan's position as the object that it tells of."""
    state = json.loads(json.dumps(state))
    for bookmark in state["bookmarks"].values():
        if "walk" in bookmark:
            bookmark["walk"]["position"] = json.loads(bookmark["walk"]["position"])
    return state


def positions_together(state: Any) -> Any:
    """The reverse, where the damage left such an object."""
    state = json.loads(json.dumps(state))
    if isinstance(state, dict) and isinstance(state.get("bookmarks"), dict):
        for bookmark in state["bookmarks"].values():
            scan = bookmark.get("walk") if isinstance(bookmark, dict) else None
            if isinstance(scan, dict) and isinstance(scan.get("position"), dict):
                scan["position"] = json.dumps(scan["position"])
    return state


def interrupted_state(bench: Any) -> Any:
    """A state with scans in it, deals whose children are still to be read, and names."""
    for stream in ("dealflow", "deals"):
        catalog, calls = bench.catalog(stream), 2
        while "walk" not in bench.target.state.get("bookmarks", {}).get(stream, {}):
            with pytest.raises(Killed):
                bench.sync(catalog, calls=calls)
            calls += 1
    return bench.target.state


@pytest.fixture
def state(make_bench, small_pages):
    bench = make_bench(deals=12)
    found = interrupted_state(bench)
    found["bookmarks"]["files"] = {"update_time": FUTURE, "ids_until": 3, "start": FUTURE}
    found["bookmarks"]["leads"] = {"update_time": "2026-01-01T00:00:00Z", "ids_until": None}
    assert {"walk", "pending"} <= found["bookmarks"]["dealflow"].keys()
    assert "walk" in found["bookmarks"]["deals"]
    assert "deal" in found["custom_fields"]
    return bench, positions_apart(found)


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("does_sync", [False, True])
def test_whatever_stands_in_a_state_it_works_or_is_refused_in_one_sentence(state, does_sync):
    bench, found = state
    catalog = bench.catalog("dealflow", "deals", "files", "leads")

    @settings(
        max_examples=40 if does_sync else 600,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(places(found)), values)
    def check(path, value):
        damaged = positions_together(with_value(found, path, value))
        try:
            tried(damaged)
        except ConfigurationError as error:
            sentences.add(str(error))

    def tried(damaged):
        kept = State(damaged)
        for stream in INCREMENTAL:
            kept.progress(stream, None).next_scan(timedelta(minutes=5))
        assert kept.content == State(kept.content).content
        json.dumps(kept.content, allow_nan=False)
        if does_sync:
            bench.sync(catalog, state=damaged)

    sentences: set[str] = set()
    check()
    assert sentences
    assert [] == [each for each in sentences if not re.fullmatch(r"The state.+[.]", each)]


def test_a_state_message_is_taken_for_its_state(bench):
    catalog = bench.catalog("persons", "stages")
    bench.sync(catalog)
    state = bench.target.state
    bench.office.advance(days=1)
    assert bench.sync(catalog, state=state) == bench.sync(
        catalog, state={"type": "STATE", "value": state}
    )


def test_a_wrong_state_is_refused_before_anything_is_asked(bench):
    catalog = bench.catalog("stages")
    bench.office.sandbox.log.clear()
    with pytest.raises(ConfigurationError):
        bench.sync(catalog, state={"persons": {"update_time": "2026-01-01T00:00:00Z"}})
    assert [] == bench.office.sandbox.log


@pytest.mark.samples(3)
@pytest.mark.parametrize("stream", ["persons", "files", "notes", "dealflow", "deal_products"])
@pytest.mark.parametrize("is_old", [True, False])
def test_a_bookmark_from_the_future_passes_no_later_change_over(bench, stream, is_old):
    catalog, office = bench.catalog(stream), bench.office
    bench.sync(catalog)
    state = bench.target.state
    bookmark = state["bookmarks"][stream]
    for key in ("update_time", "log_time", "deal_update_time"):
        if key in bookmark:
            bookmark[key] = FUTURE
    if is_old:
        bookmark.pop("ids_until")

    bench.sync(catalog, state=state)
    before = office.sandbox.now
    assert parse_stamp(bookmark_of(bench, stream)) <= before
    office.advance(days=2)
    bench.sync(catalog)

    assert [] == bench.differences(stream, since=before)


def bookmark_of(bench, stream):
    bookmark = bench.target.state["bookmarks"][stream]
    return next(
        bookmark[key] for key in ("update_time", "deal_update_time", "log_time") if key in bookmark
    )


@pytest.mark.samples(2)
@pytest.mark.parametrize("stream", ["persons", "files", "deals", "dealflow", "deal_products"])
def test_a_start_date_that_nothing_has_reached_is_no_bookmark(bench, stream):
    catalog, office = bench.catalog(stream), bench.office
    bench.config["start_date"] = stamp(office.sandbox.now + timedelta(hours=20))
    bench.sync(catalog)
    assert parse_stamp(bookmark_of(bench, stream)) <= newest_change(bench, stream)
    again = [each for each in bench.sync(catalog) if each["type"] == "RECORD"]
    dated = [each for each in again if each["record"].get("update_time")]
    assert [] == dated

    office.advance(days=1)
    since = parse_stamp(bench.config["start_date"])
    office.advance(days=2)
    bench.sync(catalog)

    assert [] == [
        each for each in bench.differences(stream, since=since) if wanted(bench, each, since)
    ]
    is_behind = parse_stamp(bookmark_of(bench, stream)) < since
    assert is_behind == ("start" in bench.target.state["bookmarks"][stream])


def wanted(bench, difference, since):
    """Whether the row that a difference is about changed after the start."""
    name, key = re.match(r"(\w+) \((\d+)", difference).groups()
    if name not in {"persons", "files", "deals"}:
        return name != "dealflow"
    told = bench.office.world.row(name, int(key))["update_time"]
    return told is None or parse_stamp(told) >= since


def newest_change(bench, stream) -> datetime:
    table = stream if stream in {"persons", "files", "deals"} else "deals"
    world = bench.office.world
    rows = [world.row(table, key) for key in world.ids(table)]
    return max(parse_stamp(row["update_time"]) for row in rows if row["update_time"])


def test_years_that_pipedrive_cannot_have_are_damage():
    assert 2026 in YEARS
    assert 2100 not in YEARS


def test_names_come_back_from_their_short_form(bench):
    tap = bench.tap(state={})
    tap.do_discover()
    full = tap._state.custom_fields
    short = short_records(full)
    assert full == read_records(json.loads(json.dumps(short)))
    assert full == read_records(full)
    assert len(json.dumps(short)) < 0.6 * len(json.dumps(full))


def test_a_state_is_told_once_and_for_a_hundred_calls_at_a_time(make_bench):
    bench = make_bench(deals=120)
    bench.office.sandbox.log.clear()
    catalog = bench.catalog("stages", "dealflow")
    fresh = bench.sync(catalog)
    states = [each for each in fresh if each["type"] == "STATE"]
    calls = len(bench.office.sandbox.calls("/flow"))
    assert calls > 100
    assert len(states) < 9
    assert all(one != other for one, other in pairwise(states))


def test_what_changed_just_before_a_sync_with_a_bookmark_from_the_future_arrives_with_it(bench):
    catalog = bench.catalog("deals")
    bench.sync(catalog)
    state = bench.target.state
    state["bookmarks"]["deals"]["update_time"] = FUTURE
    bench.office.world.edit("deals", 7, title="just now")
    bench.sync(catalog, state=state)
    assert "just now" == bench.target.rows["deals"][7,]["title"]


@pytest.mark.parametrize(
    "part",
    [
        {"listing": -1},
        {"listing": 99},
        {"marker": "x"},
        {"marker": "-1"},
        {"since": FUTURE},
        {"moves": False},
        {"until": FUTURE},
        {"pages": -1},
        {"above_id": "7"},
        {"baseline": None},
        {"top_id": "7"},
        {"descent": 7},
        {"descent": {"top": 9, "low": 5, "marker": "x"}},
        {"descent": {"top": 9, "low": 5, "marker": "x", "front": "3"}},
        {"descent": {"top": 9, "low": None, "marker": "x", "front": 3}},
        {"descent": {"top": 9, "low": 5, "marker": "x y", "front": 3}},
        {"descent": {"top": 9, "low": 5, "marker": 7, "front": 3}},
    ],
)
def test_a_position_that_this_tap_never_plans_is_refused(part):
    whole = Scan(initial_load=True, advances=True, started_at=parse_stamp(FUTURE), marker="100@7")
    fine = walk_at(whole.to_json())
    assert fine["bookmarks"] == State(fine).content["bookmarks"]
    with pytest.raises(ConfigurationError, match="files"):
        State(walk_at(json.dumps({**json.loads(whole.to_json()), **part})))


def walk_at(position: str) -> Any:
    scan = {"position": position, "newest": None, "highest_id": None}
    return {"bookmarks": {"files": {"walk": scan}}}
