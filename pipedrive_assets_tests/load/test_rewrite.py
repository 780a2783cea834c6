"""Rewriting the file keeps every row, and what the file was, however it is called."""

import os
import stat
from types import SimpleNamespace

import duckdb
import pytest

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.load import purge_person
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.duckdb import file
from pipedrive_assets_tests.conftest import NOON

NAMES = ("temp", "system", "main", "crm.v2", "two words", 'a "quoted" one', "fresh_copy", "memory")


def rows(office):
    return {
        name: office.query(f"SELECT count(*) FROM {name}")
        for (name,) in office.query(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'pipedrive_data'"
        )
    }


def person_of(office):
    return office.world.add("persons", name="Zebulon Quatermass")


@pytest.fixture
def named(office):
    def make(path):
        office.warehouse.close()
        office.warehouse = Warehouse(path, "pipedrive_data")
        return office

    return make


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("name", NAMES)
def test_purging_a_person_takes_one_row_whatever_the_file_is_called(named, tmp_path, name):
    office = named(tmp_path / f"{name}.duckdb")
    person = person_of(office)
    office.load("persons", "stages")
    before = rows(office)

    purge_person(office.warehouse, person, NOON)

    after = rows(office)
    ((persons,),) = before["persons"]
    assert [(persons - 1,)] == after["persons"]
    for table in ("stages", "_pipedrive_coverage", "_pipedrive_account", "_dlt_version"):
        assert before[table] == after[table] != [(0,)]
    assert b"Quatermass" not in office.warehouse.path.read_bytes()
    office.load("persons")


@pytest.mark.slow
def test_permissions_and_links_stay(named, tmp_path):
    real = tmp_path / "elsewhere" / "real.duckdb"
    real.parent.mkdir()
    link = tmp_path / "warehouse.duckdb"
    link.symlink_to(real)
    office = named(link)
    person = person_of(office)
    office.load("persons")
    real.chmod(0o640)

    purge_person(office.warehouse, person, NOON)

    assert link.is_symlink()
    assert 0o640 == stat.S_IMODE(real.stat().st_mode)
    assert ["real.duckdb"] == [path.name for path in real.parent.iterdir()]
    assert b"Quatermass" not in real.read_bytes()


def test_a_file_of_an_earlier_version_gets_smaller_blocks(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    backend = file.DuckDbFile(path)
    sizes = [block_bytes(path)]
    warehouse = Warehouse(backend, "pipedrive_data")
    with warehouse.sql() as sql:
        backend.rewrite(sql, warehouse.close)

    assert [262_144, file.BLOCK_BYTES] == [*sizes, block_bytes(path)]


def block_bytes(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute("SELECT block_size FROM pragma_database_size()").fetchone()[0]


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_the_owner_stays(named, tmp_path):
    office = named(tmp_path / "warehouse.duckdb")
    person = person_of(office)
    office.load("persons")
    os.chown(office.warehouse.path, 12345, 54321)

    purge_person(office.warehouse, person, NOON)

    found = office.warehouse.path.stat()
    assert (12345, 54321) == (found.st_uid, found.st_gid)


@pytest.mark.slow
def test_a_copy_that_lacks_rows_does_not_take_the_files_place(named, tmp_path, monkeypatch):
    office = named(tmp_path / "warehouse.duckdb")
    person = person_of(office)
    office.load("persons")
    before = rows(office)["persons"]

    class Forgetful:
        """A connection that copies the tables without their rows."""

        def __init__(self, *arguments, **named):
            self.real = duckdb.connect(*arguments, **named)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.real.close()

        def execute(self, statement, *values):
            if statement.startswith("COPY FROM DATABASE"):
                statement += " (SCHEMA)"
            return self.real.execute(statement, *values)

    broken = SimpleNamespace(connect=Forgetful, Error=duckdb.Error)
    monkeypatch.setattr(file, "duckdb", broken)
    with pytest.raises(WarehouseError, match="persons"):
        purge_person(office.warehouse, person, NOON)
    monkeypatch.undo()

    ((persons,),) = before
    assert [(persons - 1,)] == rows(office)["persons"]
    assert [] == [path for path in tmp_path.iterdir() if path.suffix == ".fresh"]


@pytest.mark.slow
def test_the_read_copy_keeps_its_permissions_and_its_link(named, tmp_path):
    real = tmp_path / "bi" / "real.duckdb"
    real.parent.mkdir()
    link = tmp_path / "copy.duckdb"
    link.symlink_to(real)
    office = named(tmp_path / "warehouse.duckdb")
    office.warehouse.close()
    office.warehouse = Warehouse(tmp_path / "warehouse.duckdb", "pipedrive_data", read_copy=link)
    office.load("stages")
    real.chmod(0o644)

    office.load("stages")

    assert link.is_symlink()
    assert 0o644 == stat.S_IMODE(real.stat().st_mode)
