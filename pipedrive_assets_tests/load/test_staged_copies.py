"""Copies of rows that dlt stages, and rows that are purged, leave nothing behind."""

from pathlib import Path

import pytest

from pipedrive_assets.errors import LoadFailed, WarehouseError
from pipedrive_assets.load import LoadRequest, load_tables
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.views import readable
from pipedrive_assets.warehouse import Warehouse, cleanup
from pipedrive_assets.warehouse.duckdb.file import DuckDbFile
from pipedrive_assets.windows import Window

ROOT = Path(__file__).parents[2]
SECRET = "Zebulon Quatermass"


def staged(office):
    """The tables in dlt's staging dataset."""
    rows = office.query(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = 'pipedrive_data_staging' ORDER BY 1"
    )
    return [name for (name,) in rows]


def fail(*_, **__):
    raise WarehouseError("The disk is full.")


@pytest.mark.slow
def test_no_staged_copy_outlives_a_load_or_a_reconciliation(office):
    office.load("persons", "deals", "deals_flow")
    after_load = staged(office)
    office.world.edit("persons", office.world.ids("persons")[0], name="Changed")
    office.advance(minutes=5)
    office.reconcile("persons")

    assert [] == after_load == staged(office)
    assert [] == office.differences("persons", "deals")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("owner", "name"), [(TableLoad, "finish"), (readable, "rebuild"), (TableLoad, "_note")]
)
def test_no_staged_copy_outlives_a_load_that_failed(office, monkeypatch, owner, name):
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, fail)
        with pytest.raises((LoadFailed, WarehouseError), match="The disk is full"):
            office.load("persons")

    # In DuckDB, the table, its rows and their record in the ledger are one transaction.
    held = office.query("SELECT 1 FROM duckdb_tables() WHERE table_name = 'persons'")
    assert (name == "_note") is not bool(held and office.query("SELECT id FROM persons"))
    assert [] == staged(office)


def test_no_staged_copy_outlives_a_load_that_nobody_reads_to_its_end(office):
    entities = (BY_NAME["stages"], BY_NAME["persons"])
    request = LoadRequest(entities=entities, window=Window(start=office.midnight))
    reports = load_tables(office.connection, office.warehouse, request)
    next(reports)
    reports.close()

    assert [] == staged(office)


@pytest.mark.slow
def test_the_next_load_drops_what_a_killed_one_left(office):
    """Version 0.1.0 staged rows in DuckDB as well."""
    office.load("persons", "stages")
    with office.warehouse.sql() as sql:
        sql.execute_sql("CREATE SCHEMA pipedrive_data_staging")
        for name in ("persons", "persons__emails"):
            sql.execute_sql(f"CREATE TABLE pipedrive_data_staging.{name} AS FROM {name}")
    assert ["persons", "persons__emails"] == staged(office)

    with pytest.MonkeyPatch.context() as patched:
        # Before anything else: the load itself may fail.
        patched.setattr(cleanup, "clean_up", lambda _: None)
        office.load("stages")
    assert [] == staged(office)


def test_a_failure_to_drop_hides_no_other(office, monkeypatch, caplog):
    monkeypatch.setattr(readable, "rebuild", fail)
    monkeypatch.setattr("pipedrive_assets.warehouse.cleanup.drop_staged", lambda _: 1 / 0)
    office.warehouse.close()
    with pytest.raises(WarehouseError, match="The disk is full"):
        office.load("stages")
    assert "WARNING" in {record.levelname for record in caplog.records}
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.slow
def test_tables_of_others_in_the_staging_schema_stay(office):
    office.load("stages")
    with office.warehouse.sql() as sql:
        sql.execute_sql("CREATE SCHEMA pipedrive_data_staging")
        sql.execute_sql("CREATE TABLE pipedrive_data_staging.my_notes (deals VARCHAR)")
    office.load("users")
    assert ["my_notes"] == staged(office)


# Purged rows


@pytest.fixture
def purging(tmp_path, make_office):
    """An office whose warehouse has a read copy, with rows that are going to be deleted."""
    office = make_office(deals=4)
    office.warehouse.close()
    office.warehouse = Warehouse(
        DuckDbFile(tmp_path / "warehouse.duckdb", read_copy=tmp_path / "copy.duckdb"),
        "pipedrive_data",
    )
    person = office.world.add(
        "persons", name=SECRET, emails=[{"value": "zq@x.example", "primary": True}]
    )
    deal = office.world.ids("deals")[0]
    note = office.world.add("notes", content=f"Call {SECRET} " * 20, deal_id=deal)
    for _ in range(2):
        office.load("persons", "notes", "deals", "deals_flow", purge_deleted=True)
        office.advance(minutes=10)
    office.world.edit("persons", person, job_title=f"the {SECRET}")
    office.load("persons", "notes", "deals", "deals_flow", purge_deleted=True)
    office.advance(minutes=10)
    office.world.purge("persons", person)
    office.world.purge("notes", note)
    yield office
    office.warehouse.close()


def copies(office):
    """The files of a warehouse in which the secret is found."""
    folder = office.warehouse.path.parent
    return sorted(
        path.name
        for path in folder.rglob("*.duckdb*")
        if path.is_file() and SECRET.encode() in path.read_bytes()
    )


@pytest.mark.slow
def test_no_byte_of_a_purged_row_stays_in_the_file_or_in_the_read_copy(purging):
    assert ["copy.duckdb", "warehouse.duckdb"] == copies(purging)

    purging.reconcile("persons", "notes", purge_deleted=True)

    assert [] == copies(purging)
    assert [(0,)] == purging.query("SELECT count(*) FROM _pipedrive_purged")
    purging.load("deals", "deals_flow", purge_deleted=True)
    assert [] == copies(purging)
    assert purging.query("SELECT event_key FROM deals_flow")


@pytest.mark.slow
def test_the_file_is_written_anew_only_where_rows_were_purged(purging, monkeypatch):
    purging.reconcile("persons", "notes", purge_deleted=True)
    monkeypatch.setattr(Warehouse, "rewrite", lambda *_: pytest.fail("rewritten"))

    purging.reconcile("persons", "notes", purge_deleted=True)
    purging.load("persons", "notes", purge_deleted=True)


@pytest.mark.slow
def test_after_a_failure_the_next_load_writes_the_file_anew(purging, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(DuckDbFile, "rewrite", fail)
        with pytest.raises(WarehouseError, match="The disk is full"):
            purging.reconcile("persons", "notes", purge_deleted=True)
    assert "warehouse.duckdb" in copies(purging)

    purging.load("stages")

    assert [] == copies(purging)


@pytest.mark.slow
def test_purged_rows_go_from_the_file_although_another_table_fails(purging):
    purging.sandbox.inject(faults.server_error("v1/notes").always())
    with pytest.raises(LoadFailed):
        purging.reconcile("persons", "notes", purge_deleted=True)
    purging.sandbox.clear_faults()
    assert b"zq@x.example" not in purging.warehouse.path.read_bytes()
