"""The tap with public targets, each in a virtual environment of its own, beside a load of the same
account: what arrives is the same."""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.singer.stream import NAMED, Stream
from pipedrive_assets.windows import parse_stamp
from pipedrive_assets_tests.e2e.conftest import ROOT, Project, new_environment, pip_install

Row = dict[str, Any]

READ_MESSAGES = """
import sys, singer
from singer.catalog import Catalog
catalog = Catalog.load(sys.argv[1])
assert [s.tap_stream_id for s in catalog.get_selected_streams({})] == sys.argv[2].split()
messages = [singer.parse_message(line) for line in sys.stdin]
print(sorted({type(message).__name__ for message in messages}), len(messages))
"""


def installed(folder: Path, *packages: str) -> Path:
    """The bin folder of a new virtual environment with these packages."""
    programs = new_environment(folder)
    if pip_install(programs, *packages):
        pytest.skip(f"the package index does not give {packages}")
    return programs


@pytest.fixture(scope="module")
def venvs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("venvs")


@pytest.fixture(scope="module")
def jsonl(venvs: Path) -> Path:
    return installed(venvs / "jsonl", "target-jsonl==0.1.4")


@pytest.fixture(scope="module")
def duck(venvs: Path) -> Path:
    # With a newer DuckDB this target takes the first row of a batch for a header.
    return installed(venvs / "duckdb", "target-duckdb==0.8.0", "duckdb==1.1.3")


@pytest.fixture(scope="module")
def library(venvs: Path) -> Path:
    return installed(venvs / "library", "singer-python==6.8.0")


class Pipe:
    """Tap, target, and the state between two runs."""

    def __init__(self, project: Project, sandbox: Any, environment: dict[str, str]) -> None:
        self.project, self.sandbox = project, sandbox
        self.environment = {**environment, "PYTHONPATH": str(ROOT)}
        config = {"api_token": sandbox.api_token, "start_date": "2010-01-01"}
        self.write("config.json", {**config, "base_url": environment["PIPEDRIVE_BASE_URL"]})
        self.run("python -m pipedrive_assets singer --config config.json --discover > catalog.json")

    def write(self, name: str, content: Any) -> None:
        (self.project.folder / name).write_text(json.dumps(content))

    def run(self, command: str) -> str:
        done = self.project.run(f"bash -o pipefail -c '{command}'", **self.environment)
        assert 0 == done.returncode, done.stdout
        return done.stdout

    def sync(self, target: str, copy: str) -> None:
        """Sync into a target and into a copy of the messages, from and to the last state."""
        folder = self.project.folder
        known = "--state state.json" if (folder / "state.json").exists() else ""
        tap = f"python -m pipedrive_assets singer -c config.json --catalog catalog.json {known}"
        self.run(f"{tap} | tee {copy} | {target} > states.out")
        (folder / "state.json").write_text(self.last_state())

    def last_state(self) -> str:
        """The last state that a target wrote."""
        last = (self.project.folder / "states.out").read_text().splitlines()[-1]
        assert self.sandbox.api_token not in last
        return last

    def load(self) -> None:
        self.run("python -m pipedrive_assets load")

    def loaded(self, stream: Stream) -> list[Row]:
        """What the load of the same account has in place of a stream."""
        query = f'SELECT * FROM pipedrive_data."{stream.table}"'
        if stream.tap_stream_id == "dealflow":
            query = (
                "SELECT event_id::BIGINT AS id, deal_id AS item_id, field_key, old_value, "
                "new_value, timestamp AS log_time FROM pipedrive_data.deals_flow "
                "WHERE object = 'dealChange' AND field_key IN ('stage_id', 'add_time')"
            )
        path = self.project.folder / "data" / "warehouse.duckdb"
        with duckdb.connect(str(path), read_only=True) as connection:
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def differences(self, rows_of: Callable[[str], list[Row]]) -> Iterator[str]:
        """What a target lacks or has otherwise than the load."""
        for stream in NAMED:
            key = stream.key_properties
            held = {tuple(row[name] for name in key): row for row in rows_of(stream.tap_stream_id)}
            loaded = self.loaded(stream)
            assert loaded, stream
            for row in loaded:
                mine = held.get(tuple(row[name] for name in key))
                if mine is None:
                    yield f"{stream}: {[row[name] for name in key]} is missing"
                    continue
                for name in scalars(stream) & row.keys():
                    if plain(row[name]) != plain(mine[name]):
                        yield f"{stream} {name}: {row[name]!r} != {mine[name]!r}"


def scalars(stream: Stream) -> set[str]:
    """Columns that every target has in the same form."""
    own = stream.columns if stream.tap_stream_id == "dealflow" else columns_of(stream.table)
    return {
        name
        for name, column in own.columns.items()
        if column.type != "json" and "__" not in name and not name.startswith("_")
    }


def plain(value: Any) -> Any:
    """A value as every target has it: moments in UTC, blank text like nothing."""
    if isinstance(value, str) and value[10:11] == "T" and value.endswith("Z"):
        value = parse_stamp(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value or (value if value == 0 else None)


@pytest.fixture
def pipe(project: Project, account: Any) -> Pipe:
    sandbox, environment = account
    return Pipe(project, sandbox, environment)


def live_on(pipe: Pipe) -> None:
    world = pipe.sandbox.world
    world.advance(world.instant + timedelta(days=2))


def test_targets_hold_what_a_load_holds_first_and_incremental(pipe: Pipe, jsonl: Path, duck: Path):
    path = pipe.project.folder / "target.duckdb"
    pipe.write("jsonl.json", {"destination_path": "out"})
    target = {"path": str(path), "default_target_schema": "main", "data_flattening_max_level": 0}
    pipe.write("duckdb.json", {**target, "validate_records": True})
    (pipe.project.folder / "out").mkdir()
    for _ in range(2):
        pipe.sync(f"{jsonl}/target-jsonl --config jsonl.json", "messages.jsonl")
        state = json.loads(pipe.last_state())
        pipe.run(f"{duck}/target-duckdb --config duckdb.json < messages.jsonl > states.out")
        assert state == json.loads(pipe.last_state())
        pipe.load()
        assert [] == list(pipe.differences(lambda name: in_jsonl(pipe, name)))
        in_duckdb = tables_of(duck / "python", path)
        assert [] == list(pipe.differences(in_duckdb.__getitem__))
        live_on(pipe)


def in_jsonl(pipe: Pipe, name: str) -> list[Row]:
    files = sorted((pipe.project.folder / "out").glob(f"{name}-*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def tables_of(python: Path, path: Path) -> dict[str, list[Row]]:
    """Rows by table; the target's own version of DuckDB reads them."""
    program = (
        "import duckdb, json, sys\n"
        "def rows(name):\n"
        f"    found = duckdb.connect({str(path)!r}).execute(f'SELECT * FROM main.{{name}}')\n"
        "    names = [column[0] for column in found.description]\n"
        "    return [dict(zip(names, row)) for row in found.fetchall()]\n"
        "print(json.dumps({name: rows(name) for name in sys.argv[1:]}, "
        "default=lambda value: value.isoformat() + 'Z' "
        "if hasattr(value, 'hour') else str(value)))"
    )
    names = [stream.tap_stream_id for stream in NAMED]
    done = subprocess.run([python, "-c", program, *names], check=True, capture_output=True)
    return json.loads(done.stdout)


def test_a_singer_library_reads_catalog_and_messages(pipe: Pipe, library: Path):
    pipe.write("selected.json", selected(pipe))
    (pipe.project.folder / "read.py").write_text(READ_MESSAGES)
    names = " ".join(stream.tap_stream_id for stream in NAMED)
    tap = "python -m pipedrive_assets singer -c config.json --catalog selected.json 2> log.txt"
    said = pipe.run(f'{tap} | {library}/python read.py selected.json "{names}"')
    assert "RecordMessage" in said
    assert "SchemaMessage" in said
    assert "StateMessage" in said


def selected(pipe: Pipe) -> Any:
    """The catalog with the fifteen selected in so many words: singer-python knows no defaults."""
    catalog = json.loads((pipe.project.folder / "catalog.json").read_text())
    names = {stream.tap_stream_id for stream in NAMED}
    for entry in catalog["streams"]:
        entry["metadata"][0]["metadata"]["selected"] = entry["tap_stream_id"] in names
    return catalog
