"""Warehouses laid out otherwise are mended by themselves."""

import gzip
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.errors import PipedriveError, WarehouseError
from pipedrive_assets.load import migrate
from pipedrive_assets.registry import ENTITIES
from pipedrive_assets.views import readable
from pipedrive_assets.warehouse import Warehouse, ledger
from pipedrive_assets.warehouse.ledger import LAYOUT

LAYOUT_1 = Path(__file__).parent / "warehouses" / "layout_1.duckdb.gz"
"""Made by the last version of layout 1: pipelines, persons, deals and their participants of a
small sandbox."""


def execute(office, *statements):
    with duckdb.connect(str(office.warehouse.path)) as connection:
        connection.execute("SET schema = 'pipedrive_data'")
        for statement in statements:
            connection.execute(statement)


@pytest.mark.slow
def test_a_warehouse_of_layout_1_is_loaded_into_without_reading_it_all_again(make_office):
    office = make_office(deals=3, seed=1)
    tables = ("pipelines", "persons", "deals", "deals_participants")
    office.warehouse.path.parent.mkdir(parents=True, exist_ok=True)
    office.warehouse.path.write_bytes(gzip.decompress(LAYOUT_1.read_bytes()))
    office.advance(hours=3)
    office.world.delete("persons", 4)

    reports = office.load(*tables)
    office.reconcile("persons", "deals")

    assert "complete history" not in {report.what for report in reports.values()}
    assert [(LAYOUT,)] == office.query("SELECT layout FROM _pipedrive_account")
    assert [("deleted",)] == office.query("SELECT _deleted_reason FROM persons WHERE id = 4")
    assert [] == [each for each in office.differences(*tables) if ".person:" not in each]


def old_keys(office):
    """Give a warehouse the keys of layout 2: a hash of each event."""
    execute(
        office,
        "UPDATE deals_flow SET event_key = md5(event::VARCHAR || deal_id), _row_hash = 1",
        "UPDATE _pipedrive_account SET layout = 2",
    )


@pytest.mark.slow
def test_events_of_layout_2_get_their_keys_in_place_and_no_history_is_read_again(office):
    office.load("deals", "deals_flow")
    office.world.instant += timedelta(minutes=10)
    office.load("deals", "deals_flow")
    before = office.query("SELECT deal_id, event_key FROM deals_flow ORDER BY ALL")
    old_keys(office)
    execute(
        office,
        "INSERT INTO deals_flow (SELECT * REPLACE ('old' AS event_key, 'old' AS _dlt_id, "
        "'0.1' AS _dlt_load_id) FROM deals_flow LIMIT 1)",
    )

    report = office.load("deals", "deals_flow")["deals_flow"]

    assert 0 == report.stats.requests
    assert before == office.query("SELECT deal_id, event_key FROM deals_flow ORDER BY ALL")
    deal = office.query("SELECT min(deal_id) FROM deals_flow")[0][0]
    office.world.edit("deals", deal, title="Renamed")
    office.load("deals", "deals_flow")
    assert [] == office.differences("deals", "deals_flow")


@pytest.mark.slow
def test_different_events_of_one_id_are_kept_and_their_deal_is_read_again(office):
    office.load("deals", "deals_flow")
    office.world.instant += timedelta(minutes=10)
    office.load("deals", "deals_flow")
    old_keys(office)
    execute(
        office,
        "INSERT INTO deals_flow (SELECT * REPLACE ('old' AS event_key, 'old' AS _dlt_id, "
        "timestamp - INTERVAL '1 day' AS timestamp) FROM deals_flow LIMIT 1)",
    )

    with office.warehouse.sql() as sql:
        migrate.migrate_tables(sql, ())
    held = office.query("SELECT count(*) FROM deals_flow WHERE event_key = 'old'")
    report = office.load("deals", "deals_flow")["deals_flow"]

    assert [(1,)] == held
    assert 1 == report.stats.requests
    assert [] == office.differences("deals", "deals_flow")


@pytest.mark.slow
def test_events_without_the_columns_of_their_identity_keep_their_keys(office):
    office.load("deals", "deals_flow")
    old_keys(office)
    with office.warehouse.sql() as sql:
        readable.drop(sql)
    execute(office, "ALTER TABLE deals_flow DROP COLUMN event_id")
    before = office.query("SELECT event_key FROM deals_flow ORDER BY ALL")

    with office.warehouse.sql() as sql:
        migrate.migrate_tables(sql, ())

    assert before == office.query("SELECT event_key FROM deals_flow ORDER BY ALL")


@pytest.mark.slow
def test_a_warehouse_of_a_later_version_is_not_touched(office):
    office.load("stages")
    execute(office, f"UPDATE _pipedrive_account SET layout = {LAYOUT + 1}")

    with pytest.raises(WarehouseError, match=rf"\b{LAYOUT + 1}\b"):
        office.load("stages")


@pytest.mark.slow
def test_a_column_whose_type_has_changed_is_converted_and_its_table_read_whole(office):
    office.load("persons", "stages", "deals", "deals_participants")
    execute(
        office,
        *(
            f"DROP VIEW {name}"
            for (name,) in office.query(
                "SELECT view_name FROM duckdb_views() WHERE schema_name = 'pipedrive_data'"
            )
        ),
        "ALTER TABLE persons ALTER COLUMN owner_id TYPE VARCHAR",
        "ALTER TABLE persons__emails ALTER COLUMN \"primary\" TYPE VARCHAR USING 'yes'",
        "ALTER TABLE deals_participants ALTER COLUMN person_id TYPE VARCHAR USING 'unknown'",
        "ALTER TABLE _pipedrive_coverage DROP COLUMN updated_at",
    )

    reports = office.load("persons", "stages", "deals", "deals_participants")

    assert "complete history" == reports["persons"].what
    assert "complete history" != reports["deals"].what
    assert [] == office.differences("persons", "stages", "deals", "deals_participants")


def settings(tmp_path, columns):
    return Settings.from_env({"PIPEDRIVE_EXCLUDE_COLUMNS": columns}, root=tmp_path)


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("same_process", [True, False])
def test_an_excluded_column_is_in_no_table_and_no_file(
    make_office, tmp_path, monkeypatch, same_process
):
    office = make_office(deals=8)
    office.world.add("notes", content="words of long ago", person_id=3)
    office.load("persons", "notes", "custom_fields_mapping", "fields")
    assert b"words of long ago" in office.warehouse.path.read_bytes()
    custom = office.query(
        "SELECT normalized_name FROM custom_fields_mapping "
        "WHERE endpoint = 'person' AND field_type = 'varchar' LIMIT 1"
    )[0][0]
    without = settings(
        tmp_path, f"persons.phones,notes.content,persons.{custom},persons.postal_address__country"
    )
    monkeypatch.setattr("pipedrive_assets_tests.conftest.chosen", without.named)
    if not same_process:
        office.warehouse.close()
        office.warehouse = Warehouse(office.warehouse.path, office.warehouse.dataset)
    office.world.edit("persons", 3, name="Edited")
    office.world.edit("notes", office.world.ids("notes")[0], content="secret words")

    office.load("persons", "notes")

    assert b"words of long ago" not in office.warehouse.path.read_bytes()
    tables = {name for (name,) in office.query("SELECT table_name FROM duckdb_tables()")}
    assert "persons__emails" in tables
    assert "persons__phones" not in tables
    for table, gone in (
        ("persons", {custom, "postal_address__country"}),
        ("notes", {"content"}),
    ):
        held = office.query(f"SELECT column_name FROM (DESCRIBE {table})")
        assert set() == gone & {name for (name,) in held}
    assert [("Edited",)] == office.query("SELECT name FROM persons WHERE id = 3")
    assert [] != office.query("SELECT * FROM persons_live")


@pytest.mark.parametrize("columns", ["persons.phnoes", "notes.contents"])
def test_a_column_that_does_not_exist_is_named(office, tmp_path, monkeypatch, columns):
    without = settings(tmp_path, columns)
    monkeypatch.setattr("pipedrive_assets_tests.conftest.chosen", without.named)

    with pytest.raises(PipedriveError, match=columns.partition(".")[2]):
        office.load(columns.partition(".")[0])


@pytest.mark.slow
def test_deleted_rows_are_purged_where_the_setting_says_so(make_office):
    office = make_office(deals=12)
    tables = ("deals", "persons", "deals_participants", "stages")
    office.load(*tables, purge_deleted=True)
    deal = next(key for (key,) in office.query("SELECT DISTINCT deal_id FROM deals_participants"))
    office.advance(minutes=10)
    office.world.delete("deals", deal)
    office.world.delete("persons", office.world.ids("persons")[-1])

    once = office.load(*tables, purge_deleted=True)
    office.load(*tables, purge_deleted=True, full=True)
    again = [
        office.load(*tables, purge_deleted=True),
        office.load(*tables, purge_deleted=True, full=True),
        office.reconcile("deals", "persons", purge_deleted=True),
    ]

    assert 1 == once["deals"].written.loaded
    assert [] == [
        (name, report.what, report.written.loaded)
        for reports in again
        for name, report in reports.items()
        if report.written.loaded
    ]
    for table in tables:
        assert [(0,)] == office.query(f"SELECT count(_deleted_at) FROM {table}")
    assert [] == office.query(f"SELECT * FROM deals_participants WHERE deal_id = {deal}")
    assert [] == office.query(
        "SELECT * FROM persons__emails WHERE _dlt_parent_id NOT IN (SELECT _dlt_id FROM persons)"
    )


@pytest.mark.slow
def test_every_table_has_the_types_of_its_column_file_so_that_none_is_converted_in_vain(whole):
    office, _ = whole

    with office.warehouse.sql() as sql:
        held = ledger.all_columns(sql)
        assert [] == [
            change
            for entity in ENTITIES
            for change in migrate._wanted_types(entity)
            if migrate._differs(held, *change)
        ]
        assert [] == migrate.migrate_tables(sql, ENTITIES)
