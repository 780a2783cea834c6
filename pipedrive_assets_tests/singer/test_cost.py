"""What a sync costs: optional streams, the token caps, and the estimate at its start."""

import logging
import re

import pytest

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.singer import PipedriveTap
from pipedrive_assets.singer.stream import ALL, DELETED_AT, OPTIONAL_STREAMS
from pipedrive_assets.windows import parse_stamp
from pipedrive_assets_tests.singer.conftest import Killed

FLOWS = ("dealflow", "deals_flow")


def select_all(bench):
    """Meltano's `select: *.*`: every stream of the catalog is selected."""
    catalog = bench.catalog()
    for entry in catalog.streams:
        entry.of()["selected"] = True
    return catalog


def cost(bench, catalog):
    """Sync; returns the token cost, and that of calls per deal."""
    bench.office.sandbox.log.clear()
    bench.sync(catalog)
    log = bench.office.sandbox.log
    per_deal = sum(line.tokens for line in log if line.path.startswith("/v1/deals/"))
    return sum(line.tokens for line in log), per_deal


def test_optional_streams_are_those_that_are_not_read_by_default(bench):
    by_default = {entry.tap_stream_id: entry.of() for entry in bench.catalog().streams}

    assert {"deals_flow", "deals_participants", "projects"} <= OPTIONAL_STREAMS
    assert OPTIONAL_STREAMS == {
        stream.tap_stream_id
        for stream in ALL
        if stream.entity.capped and stream not in PipedriveTap.streams
    }
    assert not any(by_default[name]["selected-by-default"] for name in OPTIONAL_STREAMS)


def test_with_every_stream_selected_only_those_in_the_config_are_read(bench, caplog):
    catalog = select_all(bench)
    held = {"deals_flow": {"deal_update_time": "2024-01-01T00:00:00Z", "ids_until": 1}}
    bench.target.state = {"bookmarks": held}
    caplog.set_level(logging.INFO)

    bench.sync(catalog)

    others = {stream.tap_stream_id for stream in ALL} - OPTIONAL_STREAMS
    (line,) = [each.message for each in caplog.records if "optional_streams" in each.message]
    assert others == bench.target.schemas.keys()
    assert all(name in line for name in OPTIONAL_STREAMS)
    assert held["deals_flow"].items() <= bench.target.state["bookmarks"]["deals_flow"].items()


def test_a_stream_in_the_config_is_read_if_it_is_selected_and_selected_if_nothing_is(bench):
    bench.config["optional_streams"] = "roles, deals_followers"
    tap = bench.tap()
    catalog = tap.do_discover()
    selected = tap.get_selected_streams(catalog)
    for entry in catalog.streams:
        entry.of()["selected"] = entry.tap_stream_id == "roles"

    bench.sync(catalog)

    assert {"roles", "deals_followers"} == {*selected} - {
        each.tap_stream_id for each in tap.streams
    }
    assert [] == bench.differences("roles")
    assert {"roles"} == bench.target.rows.keys()


@pytest.mark.parametrize("given", [["deals"], ["nothing"], "deals_flow;roles", 5, {"a": 1}, [None]])
def test_other_values_of_optional_streams_are_refused(given):
    with pytest.raises(ConfigurationError, match="optional_streams"):
        PipedriveTap({"api_token": "x", "optional_streams": given})


@pytest.mark.slow
def test_a_cap_per_run_ends_the_capped_streams_alone_and_later_syncs_send_the_rest(bench, caplog):
    catalog = bench.catalog("stages", "deals", *FLOWS)
    bench.config["tokens_per_run"] = 1_000

    costs = []
    while "pending" in str(bench.target.state) or not costs:
        costs.append(cost(bench, catalog)[1])

    assert [] == bench.differences("stages", "deals", *FLOWS)
    assert 3 <= len(costs) < 20
    assert max(costs) <= 1_000
    assert "tokens_per_run" in caplog.text


def test_each_capped_stream_has_its_turn(bench):
    streams = (*FLOWS, "deals_participants")
    catalog = bench.catalog("deals", *streams)
    bench.config["tokens_per_run"] = 200

    for _ in range(4):
        bench.sync(catalog)

    assert {"deals", *streams} == bench.target.rows.keys()


@pytest.mark.slow
def test_the_cap_per_day_counts_over_syncs_and_from_zero_on_the_next_day(bench):
    catalog = bench.catalog("dealflow")
    bench.config["tokens_per_day"] = 1_000

    first, _ = cost(bench, catalog)
    used = bench.target.state["tokens"]["used"]
    _, same_day = cost(bench, catalog)
    bench.office.advance(days=1)
    _, next_day = cost(bench, catalog)

    assert 900 < used == first <= 1_000
    assert 0 == same_day
    assert 0 < next_day <= 1_000


def test_a_killed_sync_counts_what_was_sent_before_its_last_state(bench, small_pages):
    with pytest.raises(Killed):
        bench.sync(bench.catalog("dealflow"), calls=30)

    tokens = bench.target.state["tokens"]

    assert 0 < tokens["used"] <= sum(line.tokens for line in bench.office.sandbox.log)
    assert parse_stamp(tokens["day"]) <= bench.office.sandbox.now


def test_without_capped_streams_the_state_has_no_tokens(bench):
    bench.sync(bench.catalog("stages", "deals"))

    assert "tokens" not in bench.target.state


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        {},
        {"day": "soon", "used": 1, "limit": 1, "left": 1},
        {"day": "2026-01-01", "used": "1", "limit": 1, "left": 1},
        {"day": None, "used": 1, "limit": 1, "left": 1},
        {"day": "2026-01-01", "used": 1, "limit": True, "left": 1},
    ],
)
def test_damaged_tokens_in_a_state_are_refused(tokens):
    with pytest.raises(ConfigurationError, match="tokens"):
        PipedriveTap({"api_token": "x"}, {"bookmarks": {}, "tokens": tokens})


def test_a_day_in_the_future_does_not_hold_up_a_sync(bench):
    bench.config["tokens_per_day"] = 50_000
    tokens = {"day": "2090-01-01T00:00:00Z", "used": 49_999, "limit": None, "left": None}

    bench.sync(bench.catalog("dealflow"), state={"bookmarks": {}, "tokens": tokens})

    assert [] == bench.differences("dealflow")


@pytest.mark.slow
@pytest.mark.parametrize("streams", [("stages",), ("deals", "deal_products"), ("leads", *FLOWS)])
def test_the_cost_announced_is_never_more_than_that_of_the_sync(bench, caplog, streams):
    catalog = bench.catalog(*streams)
    caplog.set_level(logging.INFO)

    for days in (0, 3):
        bench.office.advance(days=days)
        caplog.clear()
        spent, _ = cost(bench, catalog)
        least = int(re.search(r"at least ([\d,]+) tokens", caplog.text)[1].replace(",", ""))

        assert 0 < least <= spent


@pytest.mark.slow
@pytest.mark.parametrize(("cap", "expected"), [(0, 1_030), (100, 100)])
def test_the_announced_cost_has_that_of_pending_deals_up_to_the_cap(bench, caplog, cap, expected):
    keys = sorted(bench.office.world.ids("deals"))[:25]
    pending = {str(key): "2024-01-01T00:00:00Z" for key in keys}
    mark = {"deal_update_time": "2024-01-01T00:00:00Z", "ids_until": 1, "pending": pending}
    bench.config["tokens_per_run"] = cap
    caplog.set_level(logging.INFO)

    bench.sync(bench.catalog("dealflow"), state={"bookmarks": {"dealflow": mark}})

    assert re.search(f"at least {expected:,} tokens", caplog.text)


def test_deleted_records_have_the_time_under_singer_s_name(bench):
    key = max(bench.office.world.ids("deals"))
    bench.office.world.delete("deals", key)

    bench.sync(bench.catalog("deals", "stages"))

    deleted = {key for key, row in bench.target.rows["deals"].items() if row[DELETED_AT]}
    flagged = {key for key, row in bench.target.rows["deals"].items() if row["is_deleted"]}
    assert (key,) in deleted
    assert flagged == deleted
    assert not any("_deleted_at" in row for row in bench.target.rows["deals"].values())
    properties = bench.target.schemas["deals"]["schema"]["properties"]
    assert "date-time" == properties[DELETED_AT]["format"]
