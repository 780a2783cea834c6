"""`make bench`: what it counts as the least, and where its table goes."""

import json
from datetime import timedelta

import pytest

from bench import ratios
from bench.account import Recorder, facts, live_a_day, read_lists
from bench.least import Calls, of_lists
from bench.plain import resources
from bench.ratios import Phase, best, slower
from bench.replies import statements
from bench.slow_network import ALLOWED, InFlight
from bench.table import Line, network, slow_note, wide_note, write
from bench.wide import FIELDS, LONG_TEXT, OPTIONS, widen
from pipedrive_assets.registry import DEFAULT_ENTITIES, ENTITIES, Kind
from pipedrive_assets.sandbox.exchange import call
from pipedrive_assets_tests.conftest import Office

WINDOWED = [entity.name for entity in ENTITIES if entity.kind is Kind.WINDOWED]


@pytest.mark.slow
def test_a_first_load_asks_for_little_more_than_the_least(office: Office) -> None:
    least = of_lists(facts(office.world, None))
    office.load(*WINDOWED)
    calls = [line for line in office.sandbox.log if "users/me" not in line.path]
    assert least.requests - 1 <= len(calls) <= least.requests + 3


@pytest.mark.slow
def test_the_least_of_all_tables_counts_the_children_of_every_deal(office: Office) -> None:
    held = facts(office.world, None)
    office.load(*(entity.name for entity in DEFAULT_ENTITIES))
    flows = [line for line in office.sandbox.log if line.path.endswith("/flow")]
    assert len(flows) == held["deals"]
    windowed, everything = of_lists(held), of_lists(held, default=True)
    assert everything.tokens - windowed.tokens > 40 * held["deals"]


def test_a_day_changes_one_row_in_fifty_at_least(office: Office) -> None:
    since = f"{office.sandbox.now:%Y-%m-%dT%H:%M:%SZ}"
    rows = len(office.world.tables["activities"].alive)
    live_a_day(office.world, office.sandbox.now + timedelta(days=1))
    changed = facts(office.world, since)["listed"]["api/v2/activities"]
    assert rows / 50 - 1 <= changed < rows


def test_duckdb_alone_reads_every_recorded_row(office: Office, tmp_path) -> None:
    import duckdb

    recorder = Recorder(office.sandbox, tmp_path)
    recorder.begin("first")
    read_lists(recorder)
    with duckdb.connect() as connection:
        counts = [
            connection.execute(each).fetchall()[0][0] for each in statements(tmp_path / "first")
        ]
        (title,) = connection.execute("SELECT max(title) FROM deals").fetchall()[0]
    assert len(WINDOWED) == len(counts)
    assert isinstance(title, str)
    assert min(counts) > 0


def test_a_plan_delivers_no_more_than_its_burst_limit_and_its_calls_in_flight_allow() -> None:
    found = {"rows": 1000, "requests": 10, "tokens": 30, "wall": 2.0, "cpu": 1.5, "peak": 99}
    (row,) = network([Line(name="first", found=found, parallel=3), Line(name="no", found=found)])[
        3:
    ]
    growth = "2,000 / 750 (machine)"
    assert f"| first | 100 | 3 | 1,000 / 750 (machine) | {' | '.join([growth] * 3)} | 500 |" == row


def test_the_limit_is_the_lowest_of_plan_latency_and_machine() -> None:
    found = {"rows": 1000, "requests": 100, "tokens": 30, "wall": 2.5, "cpu": 1.5, "peak": 99}
    lines = [Line(name="slow machine", found=found, parallel=30)]
    lines.append(Line(name="fast machine", found={**found, "wall": 0.1}, parallel=10))
    slow, fast = network(lines)[3:]
    assert "| 100 / 100 (plan) | 200 / 200 (plan) | 500 / 500 (machine) |" in slow
    assert "| 500 / 250 (plan / latency) | 600 / 250 (plan / latency) | 10,000 |" in fast


def test_a_ratio_that_is_a_quarter_above_the_committed_one_is_too_slow() -> None:
    committed = {"first load": 4.0, "no change": 3.0}
    assert slower(committed, {"first load": 4.9, "no change": 3.7, "new": 99.0}) == []
    (line,) = slower(committed, {"first load": 5.1, "no change": 1.0})
    assert "first load" in line
    assert "5.1" in line


@pytest.mark.parametrize("found", [{}, {"first load": float("nan")}])
def test_a_ratio_that_was_not_measured_is_too_slow(found) -> None:
    assert len(slower({"first load": 4.0}, found)) == 1


@pytest.mark.parametrize(("cpu", "runs"), [(8.0, ratios.RUNS), (8.2, ratios.MOST_RUNS)])
def test_a_ratio_that_is_too_slow_is_measured_again(monkeypatch, cpu, runs) -> None:
    done = []
    monkeypatch.setattr(
        Phase, "_once", lambda _self: (done.append(1), ({"cpu": cpu}, {"cpu": 2.0}))[1]
    )
    phase = Phase(None, None, "windowed", "first", None)
    assert phase.ratio(4.0) == cpu / 2
    assert len(done) == runs + 1


def test_calls_in_flight_are_a_share_of_those_that_the_limit_allows() -> None:
    flights = InFlight(changes=[(0.0, 0), (1.0, 8), (2.0, 4), (3.0, 0)])
    assert flights.share(2.0) == 0.5
    assert flights.share(4.0) == pytest.approx(12 / 4 / ALLOWED)


def test_the_note_of_the_slow_network_has_a_share_only_if_the_limit_was_reached() -> None:
    found = {"wall": 2.0, "least": 1.0, "requests": 20, "busy": 1.0, "share": 0.925}
    assert "92% of the allowed calls" in slow_note(found)
    assert "%" not in slow_note({**found, "busy": 0.0, "share": 1.0})


def test_a_wide_account_is_compared_with_the_same_bytes_of_the_normal_one() -> None:
    note = wide_note({"cpu": 2.0}, 10_000_000, {"cpu": 9.0}, 30_000_000)
    assert "6.0 s of CPU" in note
    assert "1.5 times" in note


def test_the_best_of_several_runs_counts() -> None:
    assert best([{"cpu": 2.0}, {"cpu": 1.5}, {"cpu": 9.0}]) == 1.5


def test_a_slower_result_fails_the_check_and_an_equal_one_does_not(monkeypatch) -> None:
    committed = json.loads(ratios.FILE.read_text())
    monkeypatch.setattr(ratios, "measure", lambda *_: dict(committed))
    assert ratios.check() == 0
    name = next(iter(committed))
    monkeypatch.setattr(ratios, "measure", lambda *_: {**committed, name: committed[name] * 1.3})
    assert ratios.check() == 1


def test_deals_of_the_wide_account_have_300_custom_fields_and_long_values(office: Office) -> None:
    widen(office.world)
    fields, deals = office.world.fields["deals"], office.world.tables["deals"].rows.values()
    assert len(fields) == FIELDS
    assert max(len(field["options"] or ()) for field in fields.values()) == OPTIONS
    longest = max(len(str(value)) for row in deals for value in row["custom_fields"].values())
    assert longest == LONG_TEXT


def test_calls_of_the_old_singer_tap_get_replies(office: Office, tmp_path) -> None:
    recorder = Recorder(office.sandbox, tmp_path)
    recorder.begin("old")
    key = {"api_token": office.sandbox.api_token}
    fields = recorder.answer(call("/v1/dealFields", {**key, "start": 0})).json()["data"]
    assert set(office.world.fields["deals"]) < {each["key"] for each in fields}
    notes = recorder.answer(call("/v1/notes", {**key, "sort": "update_time desc"}))
    assert notes.status == 200
    assert notes.json()["data"]


def test_the_minimal_pipeline_reads_each_list_under_a_name_of_its_own() -> None:
    names = [each["name"] for each in resources()]
    assert len(set(names)) == len(names)
    assert {"deals", "deals_archived"} <= set(names)


def test_the_table_takes_the_place_of_the_one_before(tmp_path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- bench 1k -->\nold\n<!-- /bench 1k -->\nafter\n")
    found = {"rows": 1000, "requests": 3, "tokens": 30, "wall": 2.0, "cpu": 1.5, "peak": 99}
    line = Line(name="first", found=found, least=Calls(requests=2, tokens=20), duckdb=found)
    write(page, "1k", [line], 60)
    text = page.read_text()
    assert "| first | 1,000 | 3 (2) | 30 (20) | 2.00 (2.00) | 1.50 (1.50) | 99 | 500 |" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("<!-- /bench 1k -->\nafter\n")
