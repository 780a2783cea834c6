"""New, renamed and removed fields: what is reported, and what the schema policies do."""

import json
import re
from dataclasses import replace

import pytest

from pipedrive_assets.load import LoadRequest, load
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.windows import Window
from pipedrive_assets_tests.truth import opened

NEW = "brand_new"
INNER = "inner"


@pytest.fixture
def organizations(make_office):
    office = make_office(deals=4)
    load_with(office, "evolve")
    return office


def load_with(office, policy, **how):
    """Load the organizations with a schema policy, and return what has changed."""
    office.advance(hours=1)
    entity = replace(BY_NAME["organizations"], schema_policy=policy)
    request = LoadRequest(entities=(entity,), window=Window(start=office.midnight), **how)
    (report,) = load(office.connection, office.warehouse, request)
    return report.schema_changes


def columns(office):
    with opened(office.database) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'pipedrive_data' AND table_name LIKE 'organizations%' "
            "AND table_name NOT LIKE '%live' AND table_name NOT LIKE '%readable'"
        ).fetchall()
    return {tuple(row) for row in rows}


def some(office):
    return next(iter(office.world.tables["organizations"].alive))


def add_field(office):
    key = some(office)
    code = office.world.add_field("organizations", "Fleet size", "double")
    office.world.edit("organizations", key, custom_fields={code: 12})
    return key, code


def with_new_keys(reply):
    """A page whose rows have keys that no document lists, one of them within an object."""
    body = json.loads(reply.body)
    for row in body["data"]:
        row[NEW] = "x"
        row["address"] = {**(row.get("address") or {}), INNER: "y"}
    return replace(reply, body=json.dumps(body).encode())


@pytest.mark.slow
def test_new_renamed_and_removed_custom_fields_are_reported_once(organizations):
    assert load_with(organizations, "evolve") == ()
    _, code = add_field(organizations)
    (new,) = load_with(organizations, "evolve")
    organizations.world.rename_field("organizations", code, "Fleet")
    (renamed,) = load_with(organizations, "evolve")
    organizations.world.remove_field("organizations", code)
    (removed,) = load_with(organizations, "evolve")

    assert "'Fleet size'" in new
    assert "fleet_size" in new
    assert re.search("'Fleet size'.*'Fleet'", renamed)
    assert "'Fleet'" in removed
    assert load_with(organizations, "evolve") == ()


@pytest.mark.slow
def test_a_change_that_a_failed_load_did_not_report_is_reported_by_the_next(organizations):
    add_field(organizations)
    organizations.sandbox.inject(faults.server_error("api/v2/organizations").at(1, times=None))
    with pytest.raises(Exception, match="organizations"):
        load_with(organizations, "evolve")
    organizations.sandbox.clear_faults()

    (change,) = load_with(organizations, "evolve")

    assert "'Fleet size'" in change


@pytest.mark.slow
def test_a_new_key_of_pipedrives_own_is_a_column_and_reported(organizations):
    organizations.sandbox.inject(faults.changed("api/v2/organizations", with_new_keys).always())

    changes = load_with(organizations, "alert", full=True)

    assert {NEW in change or INNER in change for change in changes} == {True}
    assert len(changes) == 2
    assert ("organizations", NEW) in columns(organizations)


def test_a_frozen_table_gets_no_column_and_keeps_the_values_of_custom_fields(organizations):
    before = columns(organizations)
    key, code = add_field(organizations)
    organizations.sandbox.inject(faults.changed("api/v2/organizations", with_new_keys).always())

    changes = load_with(organizations, "freeze", full=True)

    # The list of a known field's options exists only after the first row that has one.
    new = {(name, column) for name, column in columns(organizations) - before if "__" not in name}
    assert new == set()
    assert len(changes) == 3
    ((kept,),) = organizations.query(f"SELECT custom_fields FROM organizations WHERE id = {key}")
    assert code in kept
    assert load_with(organizations, "freeze") == ()


@pytest.mark.slow
def test_a_table_that_is_no_longer_frozen_is_read_again_with_all_its_fields(organizations):
    key, _ = add_field(organizations)
    organizations.sandbox.inject(faults.changed("api/v2/organizations", with_new_keys).always())
    load_with(organizations, "freeze", full=True)

    load_with(organizations, "evolve")

    rows = organizations.query(f"SELECT id, fleet_size, {NEW}, address__{INNER} FROM organizations")
    assert {row[2:] for row in rows} == {("x", "y")}
    assert dict(row[:2] for row in rows)[key] == 12
