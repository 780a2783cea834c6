"""A token that may not read some tables: they are skipped, and everything else is there."""

import json

import pytest

from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply

OF_ADMINS = ("filters", "users", "currencies", "activity_types", "notes", "files")


@pytest.mark.slow
@pytest.mark.parametrize("status", [402, 403])
def test_tables_that_this_user_may_not_read_are_skipped_and_views_show_ids(office, status):
    office.sandbox.inject(*(faults.refused(BY_NAME[name].path, status) for name in OF_ADMINS))

    reports = office.load("deals", "stages", *OF_ADMINS)

    assert {*OF_ADMINS} == {name for name, report in reports.items() if report.skipped}
    assert [(True,)] == office.query(
        "SELECT bool_and(owner_name = CAST(owner_id AS VARCHAR)) FROM deals_readable"
    )
    office.sandbox.clear_faults()
    office.load("deals", "stages", *OF_ADMINS)
    assert [] == office.differences("deals", "stages", *OF_ADMINS)


@pytest.mark.slow
def test_rows_held_stay_while_their_table_is_refused(office):
    office.load("users", "stages")
    office.sandbox.inject(faults.refused("v1/users", 403))

    report = office.load("users", "stages")["users"]

    assert report.skipped
    assert [] == office.differences("users")


def test_a_table_that_only_this_user_may_not_read_is_skipped_by_itself_too(office):
    office.sandbox.inject(faults.refused("v1/users", 403, "No rights"))

    assert office.load("users")["users"].skipped.startswith("No rights")


@pytest.mark.parametrize("status", [404, 410, 415])
def test_other_refusals_of_these_tables_are_failures(office, status):
    office.sandbox.inject(faults.refused("v1/users", status))

    with pytest.raises(LoadFailed) as failed:
        office.load("users", "stages")
    assert {"users": status} == {
        name: error.status for name, error in failed.value.failures.items()
    }


def test_an_account_that_refuses_everything_is_a_failure(office):
    office.sandbox.inject(*(faults.refused(BY_NAME[name].path, 402) for name in OF_ADMINS))

    with pytest.raises(LoadFailed):
        office.load(*OF_ADMINS)


def paged_by_offset(path, size):
    """The list in pages of v1, though it is declared without."""
    whole = {}

    def act(_sandbox, call, serve):
        asked = dict(call.params)
        start, _ = int(asked.pop("start", 0)), asked.pop("limit", None)
        body = whole.get(tuple(asked.items())) or json.loads(serve().body)
        whole[tuple(asked.items())] = body
        key = next(iter(body["data"])) if isinstance(body["data"], dict) else None
        rows = body["data"][key] if key else body["data"]
        more = start + size < len(rows)
        paging = {"start": start, "limit": size, "more_items_in_collection": more}
        some = rows[start : start + size]
        page = {"data": {key: some} if key else some, "additional_data": {"pagination": paging}}
        return json_reply(200, {**body, **page}, {})

    return faults.Fault(on=path, act=act).always()


@pytest.mark.parametrize("table", ["users", "currencies", "filters"])
def test_a_list_without_pages_is_followed_where_its_reply_has_some(office, table):
    path = BY_NAME[table].path
    office.sandbox.inject(paged_by_offset(path, 1))

    office.load(table)

    assert any(dict(call.params).get("start") for call in office.sandbox.calls(path))
    office.sandbox.clear_faults()
    assert [] == office.differences(table)


def test_goals_are_followed_too(office):
    first, *others = office.world.ids("goals")
    for key in others:
        office.world.tables["goals"].rows[key]["type"] = office.world.row("goals", first)["type"]
        office.world.tables["goals"].rows[key]["is_active"] = True
    office.sandbox.inject(paged_by_offset("v1/goals/find", 1))

    office.load("goals")

    assert others
    assert [(len(others) + 1,)] == office.query("SELECT count(*) FROM goals")
