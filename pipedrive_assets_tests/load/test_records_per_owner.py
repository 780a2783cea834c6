"""Settings of roles and contents of permission sets: a record per row of a small table."""

from dataclasses import replace

import pytest

from pipedrive_assets.api.paging import read_page
from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults

TABLES = ("role_settings", "permission_set_contents")


def reassign(office):
    """Give a user another role, on which the settings and contents of the sandbox depend."""
    user = next(row for row in office.world.tables["users"].rows.values() if row["role_id"] == 1)
    office.world.edit("users", user["id"], role_id=2)


def rows(office):
    return [
        office.query("SELECT role_id, deal_default_visibility FROM role_settings ORDER BY 1"),
        office.query("SELECT id FROM permission_set_contents WHERE _deleted_at IS NULL ORDER BY 1"),
        office.query("SELECT value FROM permission_set_contents__contents ORDER BY 1"),
    ]


@pytest.mark.slow
def test_each_load_reads_the_record_of_each_role_and_permission_set(make_office):
    office = make_office(deals=3)
    office.load(*TABLES)
    first = rows(office)
    reassign(office)

    office.load(*TABLES)

    assert [] == office.differences(*TABLES)
    assert first != rows(office)
    for path, cost in (("/settings", 20), ("v1/permissionSets/", 2)):
        assert {cost} == {line.tokens for line in office.sandbox.calls(path)}


@pytest.mark.slow
@pytest.mark.parametrize("body", [b'{"success":true,"data":null}', b'{"success":true,"data":[]}'])
def test_an_empty_record_fails_its_table_and_deletes_nothing(make_office, body):
    office = make_office(deals=3)
    office.load(*TABLES)
    held = rows(office)
    for path in ("v1/roles/2/settings", "v1/permissionSets/*-*"):
        office.sandbox.inject(
            faults.changed(path, lambda reply: replace(reply, body=body)).always()
        )

    with pytest.raises(LoadFailed, match="role_settings"):
        office.load(*TABLES)

    assert held == rows(office)


@pytest.mark.slow
def test_a_refused_record_fails_a_table_that_was_loaded_and_keeps_its_rows(make_office):
    office = make_office(deals=3)
    office.load(*TABLES)
    held = rows(office)
    office.sandbox.inject(faults.refused("v1/roles/2/settings", 403).always())
    office.sandbox.inject(faults.refused("v1/permissionSets/*-*", 403).always())
    reassign(office)

    with pytest.raises(LoadFailed):
        office.load(*TABLES)

    assert held == rows(office)


@pytest.mark.parametrize("data", [{"a": 1}, [{"a": 1}]])
def test_a_record_can_come_in_a_list(data):
    body = {"success": True, "data": data}

    assert [{"a": 1}] == read_page(body, paging="record", marker=None, page_rows=500).rows


def test_only_rows_without_an_owner_get_its_id():
    assert BY_NAME["role_settings"].lacks_owner
    assert not BY_NAME["permission_set_contents"].lacks_owner
    assert not BY_NAME["phases"].lacks_owner
