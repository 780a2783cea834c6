"""`diff` and `export` read a warehouse in PostgreSQL like one in a DuckDB file."""

import contextlib
import json
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import duckdb
import psycopg2
import pytest

from pipedrive_assets.api.nul import without_nul
from pipedrive_assets.cli import main
from pipedrive_assets.compare import Comparison, Side, compare
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.export import ExportRequest, export
from pipedrive_assets.registry import DEFAULT_ENTITIES
from pipedrive_assets.warehouse.duckdb.file import MEMORY
from pipedrive_assets.warehouse.duckdb.table_copies import TableCopies
from pipedrive_assets.warehouse.server import snapshot as snapshot_module
from pipedrive_assets.warehouse.server.snapshot import snapshot
from pipedrive_assets_tests.conftest import NOON, Office
from pipedrive_assets_tests.e2e import postgres
from pipedrive_assets_tests.e2e.test_postgres import CREDENTIALS, make_office

__all__ = ["make_office"]

pytestmark = [
    pytest.mark.skipif(bool(postgres.reason_to_skip()), reason=postgres.reason_to_skip()),
]

DATASET = "pipedrive_data"
WITH_JSON = ("goals", "filters_conditions", "mail_threads", "projects", "project_changelog")
TABLES = (*(entity.name for entity in DEFAULT_ENTITIES), *WITH_JSON)
THERE = Side(path=None, dataset=DATASET)


@pytest.fixture(scope="module")
def twins(server, tmp_path_factory):
    """The same account, with NUL in its texts, in PostgreSQL and in DuckDB."""
    folder = tmp_path_factory.mktemp("twins")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CREDENTIALS, url := server.new_database())
        there = postgres.PostgresOffice(folder / "postgres", url, deals=6)
        here = Office(folder / "duckdb", deals=6)
        for office in (there, here):
            office.history = ("persons",)
            person, deal = office.world.ids("persons")[0], office.world.ids("deals")[0]
            office.world.edit("persons", person, name="Ve\0ra", emails=[{"value": "v\0@x.org"}])
            office.world.edit("deals", deal, title='A "quoted"\r\n\\ \0\u2028 title', value=1e16)
            office.load(*TABLES)
        yield there, here
        for office in (there, here):
            office.warehouse.close()


def side(office, moment=None):
    return Side(path=office.warehouse.path, dataset=DATASET, moment=moment)


def differing(*sides, **how):
    return {each.table: each for each in compare(*sides, Comparison(**how)) if not each.is_equal}


# diff


def test_a_file_and_a_database_with_the_same_account_are_equal(twins):
    _, here = twins
    later = here.sandbox.now + timedelta(hours=1)

    found = list(compare(side(here), THERE))

    assert len(TABLES) == len(found)
    assert [] == [each.table for each in found if not each.is_equal]
    assert [] == [each.table for each in found if each.columns_only_in_a or each.columns_only_in_b]
    assert {} == differing(side(here, later), replace(THERE, moment=later), tables=["persons"])


def test_differences_between_a_database_and_a_file_are_found(
    twins, tmp_path, capsys, server, monkeypatch
):
    there, here = twins
    copy, work = tmp_path / "copy.duckdb", tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(work))
    shutil.copy(here.warehouse.path, copy)
    with duckdb.connect(str(copy)) as connection:
        connection.execute(f"SET schema = '{DATASET}'")
        connection.execute("UPDATE deals SET title = 'New' WHERE id = 2")
        connection.execute("DELETE FROM persons WHERE id = 3")
        connection.execute(
            'UPDATE deals_flow SET event = json_merge_patch(event, \'{"object": "x"}\') '
            "WHERE rowid = 0"
        )

    assert 1 == main(["diff", "postgres", str(copy), "--json"])

    printed = capsys.readouterr()
    found = {each["table"]: each for each in json.loads(printed.out)["tables"]}
    assert {"title": 1} == found["deals"]["changed_columns"]
    assert [[3]] == found["persons"]["keys_only_in_a"]
    assert {"event": 1} == found["deals_flow"]["changed_columns"]
    assert 3 == len([each for each in found.values() if each["changed"] or each["only_in_a"]])
    assert 0 == main(["diff", str(copy), f"postgres:{DATASET}", "stages"])
    assert 2 == main(["diff", "postgres", f"postgres:{DATASET}"])
    assert 2 == main(["diff", "postgres", "postgres:nowhere", "no_such_table"])
    assert 2 == main(["diff", "postgres", there.url])
    assert server.password not in f"{printed} {capsys.readouterr()}"
    assert [] == list(work.iterdir())


def test_two_moments_of_a_database_are_compared_by_its_histories(make_office):
    office = make_office(deals=3)
    office.history = ("persons",)
    office.load("persons")
    office.advance(minutes=5)
    before = office.sandbox.now
    office.advance(minutes=5)
    person = office.world.ids("persons")[0]
    office.world.edit("persons", person, job_title="Captain")
    office.load("persons")

    found = differing(replace(THERE, moment=before), THERE, shows_personal=True)

    changed = {row.key: row.values.get("job_title") for row in found["persons"].examples}
    assert "Captain" == changed[(person,)][1]


# The snapshot


def test_the_copy_has_all_tables_as_of_one_moment(make_office, monkeypatch):
    office = make_office(deals=3)
    office.load("persons", "stages")
    tables = TableCopies.table

    def changing(self, name, types):
        with contextlib.closing(psycopg2.connect(office.url)) as connection:
            connection.cursor().execute(f"DELETE FROM {DATASET}.stages")
            connection.cursor().execute(f"DELETE FROM {DATASET}.persons")
            connection.commit()
        return tables(self, name, types)

    monkeypatch.setattr(TableCopies, "table", changing)
    with snapshot(office.warehouse, ["persons", "stages"], MEMORY) as copied:
        path = copied.path
        with copied.readonly_client() as sql:
            for name in ("persons", "persons__emails", "stages"):
                ((rows,),) = sql.execute_sql(f"SELECT count(*) FROM {DATASET}.{name}")
                assert rows > 0

    assert [(0,)] == office.query("SELECT count(*) FROM persons")
    assert not path.exists()


def test_values_keep_their_types_and_their_digits(make_office):
    office = make_office(deals=1)
    office.load("stages")
    text = 'a "b"\r\n\\ \t\x01\x02\x7f \u2028 ü 🙂 ' + "long " * 1_000_000
    with contextlib.closing(psycopg2.connect(office.url)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SET search_path = {DATASET}")
        cursor.execute(
            "CREATE TABLE stages__kinds AS SELECT 9223372036854775807 AS whole, "
            "0.1::float8 + 0.2 AS number, '2026-01-02 03:04:05.678901+02'::timestamptz AS at, "
            "'0044-01-02'::date AS day, true AS yes, ''::varchar AS nothing, "
            "NULL::varchar AS missing, "
            '%s::varchar AS long, \'{"bb": 1.5, "a": null}\'::jsonb AS document, '
            "'{\"x\":\n1}'::json AS loose, 12.3400::numeric(30, 4) AS exact, ARRAY[1, 2] AS items",
            [text],
        )
        connection.commit()

    with (
        snapshot(office.warehouse, ["stages"], MEMORY) as copied,
        copied.readonly_client() as sql,
        sql.execute_query(f"SELECT * FROM {DATASET}.stages__kinds") as cursor,
    ):
        (row,) = cursor.fetchall()
        kinds = [str(column[1]) for column in cursor.description]

    moment = datetime(2026, 1, 2, 1, 4, 5, 678901, tzinfo=timezone.utc)
    assert (2**63 - 1, 0.1 + 0.2, moment, date(44, 1, 2), True, "", None, text) == row[:8]
    assert ('{"a":null,"bb":1.5}', '{"x":1}', "12.3400", "{1,2}") == row[8:]
    assert ["BIGINT", "DOUBLE", "TIMESTAMP WITH TIME ZONE", "DATE", "BOOLEAN"] == kinds[:5]


def test_a_copy_waits_for_a_changing_table_only_for_a_while(make_office, monkeypatch):
    office = make_office(deals=1)
    office.load("stages")
    monkeypatch.setattr(snapshot_module, "LOCK_TIMEOUT", "SET lock_timeout = '10ms'")
    with contextlib.closing(psycopg2.connect(office.url)) as connection:
        connection.cursor().execute(f"ALTER TABLE {DATASET}.stages ADD COLUMN new varchar")
        with (
            pytest.raises(WarehouseError, match="blocks a table"),
            snapshot(office.warehouse, ["stages"], MEMORY),
        ):
            pass


# export


IGNORED = {"_dlt_id", "_dlt_load_id", "_dlt_root_id", "_dlt_parent_id", "_row_hash"}


class Exporter:
    """An export of a warehouse, and what its readers get."""

    def __init__(self, folder, **settings):
        self.target = folder
        self.settings = Settings(found={}, api_token="0" * 40, **settings)

    def run(self, *tables, **how):
        request = ExportRequest(url=str(self.target), now=NOON, tables=tables, **how)
        return {done.name: done for done in export(self.settings, request)}

    def exported(self, name):
        manifest = json.loads((self.target / "manifest.json").read_text("utf-8"))
        files = [str(self.target / file["path"]) for file in manifest["tables"][name]["files"]]
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.execute(
                "SELECT to_json(t)::VARCHAR FROM read_parquet($1) t", [files]
            ).fetchall()
        return [without_nul(json.loads(row)) for (row,) in found]


def comparable(rows):
    """Rows without what differs between two loads, whatever the order of keys is."""
    kept = ({key: row[key] for key in row.keys() - IGNORED} for row in rows)
    return Counter(json.dumps(row, sort_keys=True) for row in kept)


def test_an_export_has_what_the_database_has_and_a_second_one_writes_nothing(twins, tmp_path):
    _, here = twins
    exporter = Exporter(tmp_path / "there", destination="postgres")
    other = Exporter(tmp_path / "here", warehouse=here.warehouse.path)

    first, same, second = exporter.run(), other.run(), exporter.run()

    assert {*TABLES, "persons__emails", "persons_history"} <= {*first}
    assert {name: done.rows for name, done in same.items()} == {
        name: done.rows_written for name, done in first.items()
    }
    assert [] == [name for name, done in second.items() if done.files_written]
    different = {
        name
        for name in first
        if comparable(other.exported(name)) != comparable(exporter.exported(name))
    }
    # In JSON, which both export as text, PostgreSQL sorts the keys and has no NUL.
    assert different <= {"deals_flow", "persons_history"}


def test_only_files_of_changed_rows_are_written_again(make_office, tmp_path):
    office, exporter = make_office(deals=4), Exporter(tmp_path, destination="postgres")
    office.load("persons", "stages")
    exporter.run()
    office.advance(minutes=10)
    person, gone = office.world.ids("persons")[:2]
    office.world.edit("persons", person, job_title="Captain")
    office.world.delete("persons", gone)
    office.load("persons")
    office.reconcile("persons")

    done = exporter.run("persons", "stages", is_delta=True)

    assert done["persons"].files_written
    assert not done["stages"].files_written
    exported = {row["id"]: row for row in exporter.exported("persons")}
    assert "Captain" == exported[person]["job_title"]
    assert exported[gone]["_deleted_at"]
    assert 0 == exporter.run("persons")["persons"].files_written


def test_the_command_exports_and_never_shows_the_password(
    make_office, tmp_path, server, monkeypatch, capsys
):
    office = make_office(deals=1)
    office.load("stages")
    monkeypatch.setenv("PIPEDRIVE_DESTINATION", "postgres")
    command = ["export", "--to", str(tmp_path / "out"), "stages"]

    assert 0 == main(command)
    assert "1 files written" in capsys.readouterr().out
    monkeypatch.setenv("PIPEDRIVE_DATASET", "nowhere")
    assert 2 == main(command)
    assert "none of the tables" in capsys.readouterr().err
    monkeypatch.setenv(CREDENTIALS, office.url.replace("127.0.0.1", "127.0.0.2"))
    assert 0 != main(command)
    monkeypatch.setenv(CREDENTIALS, office.url.replace(server.password, f"{server.password}x"))
    assert 0 != main(command)
    printed = capsys.readouterr()
    assert "refuses this user or password" in printed.err
    assert server.password not in f"{printed}"
