"""Objects of the user's in our schema stay, and objects of ours that were dropped come back."""

import logging
from dataclasses import replace

import pytest

from pipedrive_assets.errors import LoadFailed, WarehouseError
from pipedrive_assets.load import LoadRequest, load, purge_person
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.windows import Window
from pipedrive_assets_tests.conftest import NOON
from pipedrive_assets_tests.facts import raises


def run(office, *statements):
    with office.warehouse.sql() as sql:
        for statement in statements:
            sql.execute_sql(statement.format(data="pipedrive_data"))


def names(office, kind="VIEW"):
    return {
        name
        for (name,) in office.query(
            "SELECT table_name FROM information_schema.tables "
            f"WHERE table_schema = 'pipedrive_data' AND table_type = '{kind}'"
        )
    }


def excluding(office, column):
    """Load persons without a column, as PIPEDRIVE_EXCLUDE_COLUMNS asks."""
    entity = replace(BY_NAME["persons"], excluded=frozenset({column}))
    request = LoadRequest(entities=(entity,), window=Window(start=office.midnight))
    load(office.connection, office.warehouse, request)


MINE = "CREATE VIEW {data}.my_report AS SELECT count(*) AS n FROM {data}.persons"
MY_TABLE = "CREATE TABLE {data}.my_people AS SELECT 7 AS person_id, 'mine' AS note"


@pytest.mark.slow
def test_a_users_view_and_table_survive_a_purge_and_an_excluded_column(office):
    person = office.world.add("persons", name="Zebulon")
    office.load("persons")
    run(office, MINE, MY_TABLE)
    ((before,),) = office.query("SELECT n FROM my_report")

    purge_person(office.warehouse, person, NOON)
    excluding(office, "job_title")

    assert [(before - 1,)] == office.query("SELECT n FROM my_report")
    assert [(7, "mine")] == office.query("SELECT * FROM my_people")
    assert {"my_report", "persons_live"} <= names(office)


@pytest.mark.slow
def test_a_users_table_named_like_a_list_of_ours_is_left_alone(office):
    office.load("persons")
    run(office, "CREATE TABLE {data}.persons__mine AS SELECT 1 AS person_id")
    person = office.world.ids("persons")[0]

    purge_person(office.warehouse, person, NOON)
    office.load("persons", purge_deleted=True)

    assert [(1,)] == office.query("SELECT * FROM persons__mine")
    assert "persons__mine_live" not in names(office)


@pytest.mark.slow
def test_a_users_object_with_the_name_of_a_view_of_ours_is_named_and_stays(office, caplog):
    caplog.set_level(logging.WARNING)
    office.load("stages")
    run(office, "CREATE VIEW {data}.persons_live AS SELECT 1 AS mine")

    office.load("persons")

    assert [(1,)] == office.query("SELECT mine FROM persons_live")
    assert "persons_live" in caplog.text
    assert ["WARNING"] == [record.levelname for record in caplog.records]


@pytest.mark.slow
def test_a_users_index_on_a_column_to_be_dropped_is_named(office):
    office.load("persons")
    run(office, "CREATE INDEX my_index ON {data}.persons (job_title)")
    rows = office.query("SELECT count(*) FROM persons")

    with raises(WarehouseError, "my_index", "persons"):
        excluding(office, "job_title")

    assert rows == office.query("SELECT count(*) FROM persons")
    run(office, "DROP INDEX {data}.my_index")
    excluding(office, "job_title")


def test_a_users_table_with_the_name_of_a_table_to_be_loaded_is_refused(office):
    office.load("stages")
    run(office, "CREATE TABLE {data}.users AS SELECT 1 AS id, 'mine' AS name")

    with pytest.raises(WarehouseError, match=r"\busers\b"):
        office.load("users")

    assert [(1, "mine")] == office.query("SELECT * FROM users")


@pytest.mark.slow
def test_views_of_an_earlier_version_are_known_as_ours(office):
    office.load("persons", "stages")
    run(
        office,
        "DROP TABLE {data}._pipedrive_views",
        "DROP VIEW {data}.persons_readable",  # which those versions did not have
        "UPDATE {data}._pipedrive_account SET layout = 2",
        MINE,
    )

    office.load("persons")

    assert {"my_report", "persons_live", "stages_live"} <= names(office)
    listed = {name for (name,) in office.query("SELECT name FROM _pipedrive_views")}
    assert names(office) - listed == {"my_report"}


DROPS = {
    "a table": ("DROP TABLE {data}.persons", "DROP TABLE {data}.persons__emails"),
    "a list of a table": ("DROP TABLE {data}.persons__emails",),
    "a column": ("ALTER TABLE {data}.persons DROP COLUMN job_title",),
    "a column of a list": ("ALTER TABLE {data}.persons__emails DROP COLUMN label",),
}


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("what", DROPS)
def test_what_was_dropped_by_hand_is_named_and_a_full_load_restores_it(office, what):
    office.load("persons", "stages")
    run(office, *DROPS[what])

    with pytest.raises(LoadFailed) as failure:
        office.load("persons", "stages")
    with pytest.raises(LoadFailed):
        office.reconcile("persons")
    office.load("persons", full=True)

    error = failure.value.failures["persons"]
    assert isinstance(error, WarehouseError)
    assert "load --full persons" in str(error)
    assert ["persons"] == [*failure.value.failures]
    assert [] == office.differences("persons", "stages")
    assert 0 == office.load("persons")["persons"].written.loaded


@pytest.mark.slow
def test_a_child_table_dropped_by_hand_is_restored_by_a_full_load(office):
    office.load("deals", "deals_flow")
    run(office, "DROP TABLE {data}.deals_flow")

    with pytest.raises(LoadFailed, match="load --full deals_flow"):
        office.load("deals", "deals_flow")
    office.load("deals", "deals_flow", full=True)

    assert [] == office.differences("deals", "deals_flow")
