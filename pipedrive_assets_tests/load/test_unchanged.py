"""What a load does not do again if nothing has changed, and does again if something has."""

import duckdb
import pytest

from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.sandbox import faults
from pipedrive_assets.views import readable

TABLES = ("deals", "persons", "stages", "deals_flow", "fields", "custom_fields_mapping")


MARKED = [("marker",)]


def run(office, statement):
    with duckdb.connect(str(office.warehouse.path)) as connection:
        connection.execute("SET schema = 'pipedrive_data'")
        connection.execute(statement)


def mark(office):
    """Replace a view by one that shows whether a load has created it again."""
    run(office, "CREATE OR REPLACE VIEW deals_readable AS SELECT 1 AS marker")


def columns(office, view):
    return office.query(
        "SELECT column_name FROM information_schema.columns "
        f"WHERE table_schema = 'pipedrive_data' AND table_name = '{view}'"
    )


@pytest.fixture
def loaded(make_office):
    office = make_office(deals=4)
    office.load(*TABLES)
    return office


@pytest.mark.slow
def test_a_load_without_changes_opens_the_file_once_and_keeps_the_views(loaded, monkeypatch):
    mark(loaded)
    opened, connect = [], duckdb.connect
    monkeypatch.setattr(
        duckdb, "connect", lambda *args, **how: opened.append(args) or connect(*args, **how)
    )

    loaded.load(*TABLES)
    monkeypatch.undo()

    assert len(opened) == 1
    assert columns(loaded, "deals_readable") == MARKED


@pytest.mark.slow
def test_a_view_that_someone_dropped_returns_with_the_next_load(loaded):
    before = columns(loaded, "deals_readable")
    run(loaded, "DROP VIEW deals_readable")

    loaded.load(*TABLES)

    assert columns(loaded, "deals_readable") == before


@pytest.mark.slow
def test_views_that_a_killed_load_did_not_create_are_created_by_the_next(loaded, monkeypatch):
    loaded.advance(hours=1)
    loaded.world.edit("deals", next(iter(loaded.world.tables["deals"].alive)), title="Renamed")
    mark(loaded)
    with monkeypatch.context() as patch:
        patch.setattr(readable, "refresh", _killed)
        with pytest.raises(KeyboardInterrupt):
            loaded.load(*TABLES)

    loaded.load(*TABLES)

    assert columns(loaded, "deals_readable") != MARKED


def _killed(sql):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_definitions_are_requested_before_any_table_and_once(loaded):
    began = len(loaded.sandbox.calls())

    loaded.load(*TABLES)

    paths = [each.path for each in loaded.sandbox.calls()[began:]]
    definitions = [path for path in paths if path.endswith("Fields")]
    assert len(definitions) == len(set(definitions)) == 5
    assert set(paths[1:6]) == set(definitions)


@pytest.mark.slow
def test_a_table_whose_definitions_fail_does_not_stop_the_others(loaded):
    loaded.sandbox.inject(faults.server_error("api/v2/dealFields").at(1, times=None))

    with pytest.raises(LoadFailed) as failed:
        loaded.load("deals", "persons", "stages")

    assert set(failed.value.failures) == {"deals"}
