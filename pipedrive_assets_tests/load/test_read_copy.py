"""The read copy: whole, renewed after good runs only, and never in anybody's way."""

import duckdb
import pytest

from pipedrive_assets.errors import LoadFailed, WarehouseError
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets_tests.truth import account_rows, differences


@pytest.fixture
def copied(office, tmp_path):
    """The office, with a warehouse that has a read copy, and the copy's path."""
    copy = tmp_path / "bi" / "copy.duckdb"
    office.warehouse.close()
    office.warehouse = Warehouse(office.warehouse.path, "pipedrive_data", read_copy=copy)
    return office, copy


def titles(connection):
    return connection.execute("SELECT title FROM pipedrive_data.deals WHERE id = 1").fetchall()


@pytest.mark.slow
def test_a_reader_stays_connected_and_the_next_one_sees_the_new_rows(copied):
    office, copy = copied
    office.load("deals")
    reader = duckdb.connect(str(copy), read_only=True)
    before = titles(reader)
    office.world.edit("deals", 1, title="Anew")

    office.load("deals")

    assert before == titles(reader)
    reader.close()  # within a process DuckDB shares what is open
    with duckdb.connect(str(copy), read_only=True) as another:
        assert [("Anew",)] == titles(another)
    assert ["copy.duckdb"] == [path.name for path in copy.parent.iterdir()]


@pytest.mark.slow
def test_the_copy_equals_the_account_views_included(copied):
    office, copy = copied
    tables = ("deals", "persons", "deals_flow", "stages")
    office.load(*tables)

    for name in tables:
        rows = account_rows(office.sandbox, BY_NAME[name])
        assert [] == differences(str(copy), "pipedrive_data", BY_NAME[name], rows)
    with duckdb.connect(str(copy), read_only=True) as connection:
        count = "SELECT count(*) FROM pipedrive_data.{}"
        assert (
            connection.execute(count.format("deals_readable")).fetchall()
            == connection.execute(count.format("deals")).fetchall()
        )


@pytest.mark.slow
def test_a_failed_run_leaves_the_copy_as_it_was(copied):
    office, copy = copied
    office.load("deals", "stages")
    before = copy.stat().st_ino
    office.world.edit("deals", 1, title="Anew")
    office.sandbox.inject(faults.refused("api/v2/pipelines", 403).always())

    with pytest.raises(LoadFailed):
        office.load("deals", "pipelines")

    assert before == copy.stat().st_ino


@pytest.mark.slow
def test_what_a_program_left_in_the_copys_log_does_not_get_into_the_new_copy(copied):
    office, copy = copied
    office.load("stages")
    copy.with_name("copy.duckdb.wal").write_bytes(b"of another file")
    copy.with_name(".copy.duckdb.99999.part").write_bytes(b"of a run that was killed")

    office.load("stages")

    assert ["copy.duckdb"] == [path.name for path in copy.parent.iterdir()]


def test_a_copy_that_cannot_be_written_is_told_before_anything_is_asked(office, tmp_path):
    (tmp_path / "file").write_text("")
    copy = tmp_path / "file" / "copy.duckdb"
    office.warehouse.close()
    office.warehouse = Warehouse(office.warehouse.path, "pipedrive_data", read_copy=copy)

    with pytest.raises(WarehouseError, match="PIPEDRIVE_READ_COPY"):
        office.load("stages")

    assert [] == office.sandbox.log
