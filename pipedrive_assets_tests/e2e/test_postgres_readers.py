"""`diff` and `export` read a warehouse in PostgreSQL like one in a DuckDB file."""

import contextlib
import json
import shutil
import tempfile
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import duckdb
import psycopg2
import pytest

from pipedrive_assets.cli import main
from pipedrive_assets.compare import Comparison, Side, compare
from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.registry import DEFAULT_ENTITIES
from pipedrive_assets.warehouse.duckdb.file import MEMORY
from pipedrive_assets.warehouse.duckdb.table_copies import TableCopies
from pipedrive_assets.warehouse.server import snapshot as snapshot_module
from pipedrive_assets.warehouse.server.snapshot import snapshot
from pipedrive_assets_tests.conftest import Office
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
