"""Rows in PostgreSQL: whatever they contain, they arrive; deleted ones leave nothing behind."""

from pathlib import Path

import dagster as dg
import dlt
import psycopg2
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.dlt_source import pipedrive_source
from pipedrive_assets.dlt_source import source as source_module
from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.load import merge, purge_person
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.load.recording.rebuild import rebuild
from pipedrive_assets.load.recording.state import table_states
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.orchestration.assets import build_assets
from pipedrive_assets.orchestration.automation.partitions import daily_partitions
from pipedrive_assets.orchestration.resources import WarehouseResource
from pipedrive_assets.registry import DEFAULT_ENTITIES
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets_tests import erased_person
from pipedrive_assets_tests.conftest import NOON, Office
from pipedrive_assets_tests.e2e import postgres
from pipedrive_assets_tests.e2e.test_postgres import make_office
from pipedrive_assets_tests.load import test_history
from pipedrive_assets_tests.load.test_rebuild import TRANSACTIONS, with_killed_run
from pipedrive_assets_tests.load.test_staged_copies import SECRET, fail, staged
from pipedrive_assets_tests.nul_replies import with_nul
from pipedrive_assets_tests.row_content import everything_of, files_with, logged
from pipedrive_assets_tests.test_unforeseen import OFFICES, OfficeResource
from pipedrive_assets_tests.truth import opened

__all__ = ["logged", "make_office"]

pytestmark = [
    pytest.mark.skipif(bool(postgres.reason_to_skip()), reason=postgres.reason_to_skip()),
]

HISTORIES = ("persons", "deals", "deals_participants", "notes")
DEFAULT = tuple(entity.name for entity in DEFAULT_ENTITIES)


def counts(office):
    return {name: office.query(f"SELECT count(*) FROM {name}") for name in DEFAULT}


# NUL


def test_a_recording_is_rebuilt_in_a_file_and_in_another_dataset(make_office, tmp_path):
    office, zone = make_office(deals=6), RawZone(url=str(tmp_path / "raw"), file_mode=0o640)
    office.history = ("persons",)
    office.sandbox.inject(with_nul())
    tables = ("deals", "deals_flow", "persons", "stages", "fields")
    office.load(*tables, raw=zone)
    office.advance(days=1)
    office.world.delete("persons", office.world.ids("persons")[1])
    office.load(*tables, raw=zone)
    office.reconcile("persons", raw=zone, max_share=0.9)
    with office.warehouse.sql() as sql:
        before = table_states(sql)
    queries = ["SELECT id, _valid_from, _valid_to FROM persons_history ORDER BY 1, 2"]
    queries += [
        f"SELECT count(*), count(_deleted_at), max(_deleted_at) FROM {each}" for each in tables
    ]

    file = Warehouse(tmp_path / "file.duckdb", "pipedrive_data")
    for new in (file, Warehouse(office.warehouse.backend, "rebuilt")):
        assert 3 == len(list(rebuild(zone, new)))
        with new.sql() as sql:
            assert before == table_states(sql)
        new.close()
    with opened(str(file.path)) as connection:
        connection.execute("SET schema = 'pipedrive_data'")
        for query in queries:
            assert office.query(query) == connection.execute(query).fetchall()


@pytest.mark.soak
@pytest.mark.parametrize("kill", TRANSACTIONS)
def test_a_killed_run_is_rebuilt_in_a_file_up_to_its_last_transaction(
    make_office, tmp_path, monkeypatch, kill
):
    office, zone = make_office(deals=4), RawZone(url=str(tmp_path / "raw"), file_mode=0o640)

    with_killed_run(office, zone, monkeypatch, kill)

    file = Warehouse(tmp_path / "file.duckdb", "pipedrive_data")
    assert 3 == len(list(rebuild(zone, file)))
    with office.warehouse.sql() as there, file.sql() as here:
        assert table_states(there) == table_states(here)
    file.close()
    kept = "_row_hash, _deleted_at, _deleted_reason"
    queries = [f"SELECT id, {kept} FROM {each} ORDER BY 1" for each in ("persons", "deals")]
    versions = "id, _row_hash, _valid_from, _valid_to, _is_current"
    queries += [
        f"SELECT {versions} FROM {each}_history ORDER BY 1, 3" for each in ("persons", "deals")
    ]
    with opened(str(file.path)) as connection:
        connection.execute("SET schema = 'pipedrive_data'")
        for query in queries:
            assert office.query(query) == connection.execute(query).fetchall()


def test_nul_in_any_text_or_key_blocks_no_table(make_office, tmp_path):
    there, twin = make_office(deals=4), Office(tmp_path / "duckdb", deals=4)
    there.sandbox.inject(with_nul())

    reports = there.load(*DEFAULT)
    again = there.load(*DEFAULT)
    twin.load(*DEFAULT)
    for office in (there, twin):
        office.advance(days=1)
        office.load(*DEFAULT)
        office.reconcile()

    assert not any(report.unread for report in reports.values())
    assert [] == [name for name, report in again.items() if report.written.updated]
    names = "SELECT id, name FROM persons ORDER BY id"
    assert twin.query(names) == there.query(names)
    assert counts(twin) == counts(there)
    twin.warehouse.close()


def test_a_plain_pipeline_loads_nul_into_postgres(server, tmp_path, monkeypatch):
    office, url = Office(tmp_path, deals=4), server.new_database()
    office.sandbox.inject(with_nul())
    monkeypatch.setattr(source_module, "connect", lambda _settings: office.connection)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    pipeline = dlt.pipeline(
        "plain",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.postgres(url),
        dataset_name="plain",
    )
    for _ in range(2):
        pipeline.run(pipedrive_source("x" * 40)).raise_on_failed_jobs()
        office.advance(minutes=5)

    with psycopg2.connect(url) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM plain.deals_flow")
        assert cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM plain.persons WHERE name <> ''")
        assert cursor.fetchone()[0]


# Row content in logs and exceptions


def refused_row(office):
    """Have the database refuse a row: it quotes the row in its message."""
    office.load("persons")
    office.world.add("persons", name=SECRET, job_title=SECRET)
    refuse = f"ADD CONSTRAINT ours CHECK (name NOT LIKE '{SECRET[:7]}%%')"
    with office.warehouse.sql() as sql:
        sql.execute_sql(f"ALTER TABLE pipedrive_data.persons {refuse}")
    office.advance(minutes=5)


def test_a_row_that_the_database_refuses_is_quoted_nowhere(make_office, logged):
    office = make_office(deals=4)
    refused_row(office)
    logged.text = ""

    with pytest.raises(LoadFailed) as caught:
        office.load("persons", "stages")

    (error,) = caught.value.failures.values()
    assert "SQLSTATE 23514 table persons" in str(error)
    assert "dlt logged a problem in" in logged.text
    assert SECRET not in logged.text + everything_of(caught.value) + everything_of(error)
    assert [] == files_with(SECRET, Path(office.warehouse._work.name))
    assert [] == staged(office)


def test_a_row_that_the_database_refuses_is_not_in_dagsters_events(make_office, logged):
    office = make_office(deals=4)
    refused_row(office)
    OFFICES["one"] = office
    logged.text = ""
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [build_assets(daily_partitions(Settings.from_env({}).first_partition))],
            selection="persons",
            partition_key="2026-03-10",
            resources={
                "pipedrive": OfficeResource(),
                "duckdb": WarehouseResource(
                    database="", destination="postgres", dataset="pipedrive_data"
                ),
            },
            instance=instance,
            raise_on_error=False,
        )
        events = instance.all_logs(result.run_id)

    assert not result.success
    assert "SQLSTATE 23514" in str(events)
    assert SECRET not in str(events) + str(result.all_events) + logged.text


# Staged copies and purged rows


def test_no_staged_copy_outlives_a_load(make_office, monkeypatch):
    office = make_office(deals=4)
    office.load("persons", "deals")
    assert [] == staged(office)
    assert [(1,)] == office.query(
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = 'pipedrive_data_staging'"
    )
    office.world.add("persons", name=SECRET)
    office.advance(minutes=5)
    with monkeypatch.context() as patched:
        patched.setattr(TableLoad, "finish", fail)
        with pytest.raises(LoadFailed):
            office.load("persons")
    assert [] == staged(office)
    office.load("persons")
    assert [] == office.differences("persons", "deals")


def test_a_staged_table_that_a_view_of_the_users_reads_is_emptied(make_office, monkeypatch):
    office = make_office(deals=4)
    with monkeypatch.context() as patched:
        patched.setattr("pipedrive_assets.warehouse.cleanup.clean_up", lambda _: None)
        office.load("stages")
    with office.warehouse.sql() as sql:
        sql.execute_sql("CREATE VIEW mine AS SELECT name FROM pipedrive_data_staging.stages")

    office.load("users")

    assert ["stages"] == staged(office)
    assert [(0,)] == office.query("SELECT count(*) FROM mine")
    office.world.edit("stages", office.world.ids("stages")[0], name="Renamed")
    office.advance(minutes=5)
    office.load("stages")
    assert [] == office.differences("stages")


def test_purged_rows_leave_no_byte_in_the_tables(make_office, server):
    office = make_office(deals=4)
    person = office.world.add("persons", name=SECRET)
    deal = office.world.ids("deals")[0]
    note = office.world.add("notes", content=f"Call {SECRET}", deal_id=deal)
    tables = ("persons", "notes", "deals", "deals_flow")
    for _ in range(2):
        office.load(*tables, purge_deleted=True)
        office.advance(minutes=10)
    office.world.edit("persons", person, job_title=SECRET)
    office.load(*tables, purge_deleted=True)
    office.world.purge("persons", person)
    office.world.purge("notes", note)
    assert pages_with(office, server, SECRET)

    office.reconcile("persons", "notes", purge_deleted=True)

    assert [] == pages_with(office, server, SECRET)
    assert [(0,)] == office.query("SELECT count(*) FROM _pipedrive_purged")
    office.load("deals", "deals_flow", purge_deleted=True)
    assert [] == pages_with(office, server, SECRET)


def pages_with(office, server, secret):
    """The relations of the office's database in whose files the secret is."""
    database = office.url.rpartition("/")[2]
    server.execute(database, "CHECKPOINT")
    found = office.query(
        "SELECT c.relname, pg_relation_filepath(c.oid), current_setting('data_directory') "
        "FROM pg_class c WHERE c.relkind IN ('r', 't') AND c.relnamespace::regnamespace::text "
        "IN ('pipedrive_data', 'pipedrive_data_staging', 'pg_toast')"
    )
    return [name for name, path, root in found if secret.encode() in Path(root, path).read_bytes()]


# History


def test_a_history_is_complete_again_after_a_kill_between_rows_and_versions(
    make_office, monkeypatch
):
    office = make_office(deals=6)
    office.history, world = HISTORIES, office.world
    person = erased_person.occurring(office)
    changed, gone = world.ids("deals")[1:3]
    office.load(*HISTORIES)
    office.advance(minutes=1)
    world.edit("deals", changed, title="second", label_ids=[7, 8])
    world.delete("deals", gone)
    with monkeypatch.context() as patch:
        patch.setattr(merge, "record", lambda *_: 1 / 0)
        with pytest.raises(LoadFailed):
            office.load("deals")
    killed = len(test_history.versions(office, "deals", changed, "title"))
    office.advance(minutes=1)
    world.edit("deals", changed, title="third")
    world.add_participant(changed, person)
    office.load(*HISTORIES)
    office.load(*HISTORIES, full=True)
    found = test_history.versions(office, "deals", changed, "title, label_ids")
    purge_person(office.warehouse, person, NOON)

    assert 1 == killed
    assert [("second", [7, 8], False), ("third", [7, 8], True)] == found[1:]
    assert [(gone, False)] == test_history.versions(office, "deals", gone, "id")
    assert [("third",)] == office.query(
        f"SELECT title FROM deals_as_of('2026-03-11') WHERE id = {changed}"
    )
    assert [] == test_history.versions(office, "persons", person, "id")
    for name in HISTORIES:
        alive = f"SELECT count(*) FROM {name} WHERE _deleted_at IS NULL"
        assert office.query(alive) == office.query(
            f"SELECT count(*) FROM {name}_history WHERE _is_current"
        )
    texts = "SELECT count(*) FROM deals_history WHERE title LIKE '%Quatermass%'"
    assert [(0,)] == office.query(texts)
