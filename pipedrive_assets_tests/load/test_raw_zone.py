"""Raw replies: a load keeps each one that it reads, before it commits the rows."""

import gzip
import json
from collections import Counter

import duckdb
import pytest

from pipedrive_assets.api import Client
from pipedrive_assets.cli import main
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError, LoadFailed, WarehouseError
from pipedrive_assets.load import raw_zone
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.sandbox import faults
from pipedrive_assets.warehouse.file_store import FileStore


@pytest.fixture
def zone(tmp_path):
    return RawZone(url=str(tmp_path / "raw"), file_mode=0o640)


def lines_of(zone):
    """Every reply of a zone."""
    return [
        json.loads(line)
        for path in sorted(zone.files())
        if "/endpoint=" in path
        for line in gzip.decompress(zone.store.read(path)).splitlines()
    ]


def test_a_load_keeps_each_reply_that_it_reads(office, zone):
    office.load("stages", "persons", raw=zone)

    lines = lines_of(zone)
    (end,) = [path for path in zone.files() if path.endswith(raw_zone.END)]
    facts = json.loads(zone.store.read(end))
    assert len(lines) == facts["replies"]
    assert len(zone.files()) == facts["files"] + 2
    kept = Counter(line["path"] for line in lines)
    for path in ("v1/users/me", "api/v2/stages", "api/v2/persons"):
        assert kept[path] == len(office.sandbox.calls(path))
    assert {200} == {line["status"] for line in lines}
    with office.warehouse.sql() as sql:
        held = {row[0] for row in sql.execute_sql("SELECT id FROM persons")}
    kept = {
        row["id"]
        for line in lines
        if line["path"] == "api/v2/persons"
        for row in line["body"]["data"]
    }
    assert held
    assert held <= kept


@pytest.mark.slow
def test_two_runs_have_files_of_their_own_and_duckdb_reads_them(office, zone):
    office.load("stages", raw=zone)
    first = zone.files()
    office.load("stages", raw=zone)

    assert first < zone.files()
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT count(DISTINCT run), count(*) FROM read_json(?, hive_partitioning = true, "
            "columns = {path: 'VARCHAR', read_at: 'TIMESTAMPTZ', status: 'INTEGER', body: 'JSON'})",
            [f"{zone.url}/*/*/endpoint=v2-stages/*.ndjson.gz"],
        ).fetchall()
    assert [(2, 2)] == found


@pytest.mark.slow
def test_an_object_store_keeps_replies(office):
    zone = RawZone(url="memory://raw/crm", file_mode=0o640)
    office.load("stages", raw=zone)

    files = zone.files()
    assert {"v1/users/me", "api/v2/stages"} <= {line["path"] for line in lines_of(zone)}
    assert zone.delete() == len(files)
    assert set() == zone.files()


@pytest.mark.slow
def test_replies_are_kept_before_the_commit_and_a_killed_run_is_not_complete(
    office, zone, monkeypatch
):
    class Killed(BaseException):
        """Ends the run like a signal."""

    def kill(*_):
        raise Killed

    monkeypatch.setattr(TableLoad, "commit", kill)
    with pytest.raises(Killed):
        office.load("stages", raw=zone)

    assert "api/v2/stages" in {line["path"] for line in lines_of(zone)}
    assert not [path for path in zone.files() if path.endswith(raw_zone.END)]


@pytest.mark.slow
def test_rows_whose_replies_cannot_be_kept_are_not_committed(office, zone, monkeypatch):
    write = FileStore.write

    def refuse(self, path, content):
        if "stages" in path:
            raise WarehouseError("the disk is full")
        write(self, path, content)

    monkeypatch.setattr(FileStore, "write", refuse)
    with pytest.raises((LoadFailed, WarehouseError), match="disk is full"):
        office.load("stages", "currencies", raw=zone)

    with office.warehouse.sql() as sql:
        tables = {row[0] for row in sql.execute_sql("SELECT table_name FROM duckdb_tables()")}
        assert not ("stages" in tables and sql.execute_sql("SELECT 1 FROM stages"))
        assert sql.execute_sql("SELECT 1 FROM currencies")
    assert not [path for path in zone.files() if path.endswith(raw_zone.END)]


@pytest.mark.parametrize(
    "setting",
    [
        {"exclude_columns": "persons.phones"},
        {"row_filter": "deals.pipeline_id in (1)"},
        {"hash_columns": "persons.emails", "hash_key": "k" * 16},
        {"deleted": "purge"},
    ],
)
def test_settings_that_withhold_data_are_refused(setting):
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_RAW_TO"):
        Settings(found={}, api_token="0" * 40, raw_to="raw", **setting)


@pytest.mark.slow
def test_an_erasure_requires_a_decision_on_raw_replies(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPEDRIVE_RAW_TO", "raw")
    assert 0 == main(["load", "persons"])
    lines = lines_of(zone := RawZone(url="raw", file_mode=0o640))
    assert lines
    assert "***" not in json.dumps(lines)  # the sandbox's token is an ordinary word
    capsys.readouterr()

    assert 2 == main(["purge", "--person", "3"])
    assert "--raw" in capsys.readouterr().err
    assert 0 == main(["purge", "--person", "3", "--raw", "keep"])
    assert "may contain the person" in capsys.readouterr().out
    assert lines_of(zone)
    assert 0 == main(["purge", "--person", "3", "--raw", "delete"])
    assert set() == zone.files()


@pytest.mark.slow
def test_refusals_are_kept_and_replies_that_cannot_be_read_are_not(office, zone):
    office.sandbox.inject(
        faults.refused("api/v2/stages", 403),
        faults.broken_json("v1/currencies").at(1, times=None),
        faults.firewall("v1/activityTypes"),
    )
    with pytest.raises(LoadFailed):
        office.load("stages", "currencies", "activity_types", "pipelines", raw=zone)

    assert {200, 403} == {line["status"] for line in lines_of(zone)}
    assert [403] == [line["status"] for line in lines_of(zone) if "stages" in line["path"]]
    paths = {line["path"] for line in lines_of(zone)}
    assert paths.isdisjoint({"v1/currencies", "v1/activityTypes"})


@pytest.mark.slow
def test_a_token_in_a_reply_is_hidden():
    token = "0123456789abcdef" * 2
    client = Client(base_url="https://sandbox.invalid", api_token=token)

    assert b'{"a": "***"}' == client._wire.without_secrets(f'{{"a": "{token}"}}'.encode())


@pytest.mark.slow
def test_a_body_with_line_breaks_is_one_line():
    assert b'{"a":  "x\\n"}' == raw_zone._body(b'{"a":\r\n"x\\n"}')
    assert '{"a": "\u00e9"}'.encode() == raw_zone._body('{"a": "\u00e9"}'.encode("utf-16"))
    with pytest.raises(WarehouseError, match="raw zone"):
        raw_zone._body(b'{"a": "\xff"}')
