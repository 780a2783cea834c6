"""Rows are in the warehouse only: not in logs, exceptions or files that a failure leaves behind."""

import logging
from pathlib import Path

import duckdb
import pytest

from pipedrive_assets.errors import InternalError, LoadFailed, WarehouseError
from pipedrive_assets.extract.unexpected import foreseen, only_foreseen
from pipedrive_assets.warehouse.dlt.settings import dlt_settings
from pipedrive_assets.warehouse.duckdb import write
from pipedrive_assets_tests.row_content import everything_of, files_with, logged

__all__ = ["logged"]

SECRET = "Zebulon Quatermass"


def refuse(*_, **__):
    """Fail as DuckDB does: the message quotes the row."""
    raise duckdb.ConversionException(f'Could not convert string "{SECRET}" to INT64')


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["_store_schema", "_delete_previous", "changed_rows", "_record_load"]
)
def test_a_row_that_the_database_refuses_is_quoted_nowhere(office, monkeypatch, logged, name):
    office.load("persons")
    office.world.add("persons", name=SECRET)
    office.advance(minutes=5)
    logged.text = ""
    with monkeypatch.context() as patched:
        patched.setattr(write, name, refuse)
        with pytest.raises(LoadFailed) as caught:
            office.load("persons")

    (error,) = caught.value.failures.values()
    assert "ConversionException" in str(error)
    assert SECRET not in logged.text + everything_of(caught.value) + everything_of(error)
    assert [] == files_with(SECRET, Path(office.warehouse._work.name))
    office.load("persons")
    assert [] == office.differences("persons")


@pytest.mark.slow
def test_a_run_that_is_interrupted_leaves_no_package_behind(office, monkeypatch):
    office.load("persons")
    office.world.add("persons", name=SECRET)
    office.advance(minutes=5)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(write, "_record_load", interrupt)
        with pytest.raises(KeyboardInterrupt):
            office.load("persons")

    assert [] == files_with(SECRET, Path(office.warehouse._work.name))


def test_a_load_leaves_no_row_in_its_working_folder(office):
    office.world.add("persons", name=SECRET)
    office.load("persons")

    assert [(1,)] == office.query(f"SELECT count(*) FROM persons WHERE name = '{SECRET}'")
    assert [] == files_with(SECRET, Path(office.warehouse._work.name))


def test_a_statement_that_fails_is_quoted_nowhere(office, logged):
    with pytest.raises(WarehouseError) as caught, office.warehouse.sql() as sql:
        sql.execute_sql(f"SELECT CAST('{SECRET}' AS INTEGER)")

    assert SECRET not in logged.text + everything_of(caught.value)


def test_an_error_of_ours_refers_to_no_other():
    def explain_with_cause():
        try:
            refuse()
        except duckdb.Error as error:
            raise WarehouseError("It could not be used.") from error

    with pytest.raises(WarehouseError) as caught, only_foreseen("loading"):
        explain_with_cause()
    assert SECRET not in everything_of(caught.value)
    with pytest.raises(InternalError) as bug, only_foreseen("loading"):
        refuse()
    assert SECRET not in everything_of(bug.value)
    with pytest.raises(WarehouseError) as chained:
        explain_with_cause()
    assert chained.value.__cause__
    assert SECRET not in everything_of(foreseen(chained.value, "loading"))


def test_dlts_log_is_left_alone_outside_of_our_work(logged):
    theirs = logging.getLogger("dlt")
    with dlt_settings():
        theirs.error("Job failed with %s", SECRET)
        theirs.info("Job completed")
    inside, logged.text = logged.text, ""
    theirs.error("Job failed with %s", SECRET)

    assert "dlt logged a problem in test_row_content.py, line" in inside
    assert "Job completed" in inside
    assert SECRET not in inside
    assert SECRET in logged.text
