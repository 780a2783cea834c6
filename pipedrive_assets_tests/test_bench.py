"""`make bench`: what it counts as the least, and where its table goes."""

from datetime import timedelta

import pytest

from bench.account import Recorder, facts, live_a_day, read_lists
from bench.least import Calls, of_lists
from bench.plain import resources
from bench.replies import statements
from bench.table import Line, network, write
from pipedrive_assets.registry import DEFAULT_ENTITIES, ENTITIES, Kind
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
    assert (
        "| first | 100 | 3 | 1,000 / 750 | 2,000 / 750 | 2,000 / 750 | 2,000 / 750 | 500 |" == row
    )


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
