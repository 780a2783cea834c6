"""`include_fields` is all or nothing: refused names leave their columns as they are."""

import json

import pytest

from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import Refusal, refusal_reply
from pipedrive_assets.sandbox.faults import Fault
from pipedrive_assets_tests.load.test_load import visible_differences

WITH_FIELDS = ("deals", "persons", "organizations", "activities")


def names_refused(path, *names):
    """400 for calls that ask for one of these fields (none given: for any)."""

    def act(_sandbox, call, serve):
        asked = dict(call.params).get("include_fields", "").split(",")
        if any(each in names if names else each for each in asked):
            return refusal_reply(Refusal(400, "include_fields is not valid"), v1=False)
        return serve()

    return Fault(on=path, act=act).always()


def paths(table):
    return [endpoint.path for endpoint in BY_NAME[table].endpoints]


def refuse(office, table, *names):
    office.sandbox.inject(*(names_refused(path, *names) for path in paths(table)))


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("table", WITH_FIELDS)
@pytest.mark.parametrize("only_uncertain", [True, False])
def test_refused_fields_cost_no_row_and_are_complete_after_one_healthy_run(
    office, table, only_uncertain
):
    names = BY_NAME[table].uncertain_fields[:1] if only_uncertain else ()
    if only_uncertain and not names:
        pytest.skip("all of its fields are known to be used")
    refuse(office, table, *names)

    first = office.load(table)[table]
    office.advance(minutes=20)
    second = office.load(table)[table]
    office.sandbox.clear_faults()

    healed = office.load(table)[table]

    omitted = names or BY_NAME[table].include_fields
    for report in (first, second):
        assert all(name in report.warnings[0] for name in omitted)
    assert () == healed.warnings
    assert [] == office.differences(table)


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("table", WITH_FIELDS)
def test_refused_fields_never_overwrite_what_is_held(office, table):
    names = ", ".join(name for name in BY_NAME[table].include_fields if name != "attendees")
    wanted = f"SELECT id, {names or 'subject'} FROM {table} ORDER BY id"
    items = "SELECT count(*), max(email) FROM activities__attendees"
    office.load(table)
    before = office.query(wanted), table == "activities" and office.query(items)
    refuse(office, table)
    key = office.world.ids(table)[0]
    office.world.edit(table, key, **{"activities": {"note": "New"}}.get(table, {"owner_id": 3}))
    office.advance(seconds=1)

    report = office.load(table, full=True)[table]

    assert before == (office.query(wanted), table == "activities" and office.query(items))
    # A list's items are written again, with the same values: a null counts in their fingerprint.
    assert table == "activities" or 1 == report.written.loaded
    office.sandbox.clear_faults()
    office.load(table)
    assert [] == visible_differences(office, table)


@pytest.mark.slow
def test_fields_refused_in_the_middle_of_a_load_lose_no_row(office):
    asked = names_refused("api/v2/deals").at(3, times=None)
    office.sandbox.inject(asked)
    office.load("deals", page_rows=5)
    office.sandbox.clear_faults()

    office.load("deals")

    assert [] == office.differences("deals")


@pytest.mark.slow
def test_fields_refused_in_a_load_that_was_killed_are_completed_too(office):
    refuse(office, "persons")
    office.sandbox.inject(faults.server_error("api/v2/persons").at(6, times=None))
    with pytest.raises(LoadFailed):
        office.load("persons", page_rows=5)
    office.sandbox.clear_faults()

    office.load("persons")

    assert [] == office.differences("persons")


def test_a_refusal_that_names_nothing_and_persists_fails_as_before(office):
    office.sandbox.inject(faults.refused("api/v2/deals", 400))

    with pytest.raises(LoadFailed) as failed:
        office.load("deals")
    assert 400 == failed.value.failures["deals"].status

    assert 3 == len(office.sandbox.calls("api/v2/deals"))


@pytest.mark.slow
def test_a_list_refused_whatever_it_is_asked_takes_no_field_with_it(office):
    office.sandbox.inject(faults.refused("api/v2/deals/archived", 400))

    (warning,) = office.load("deals")["deals"].warnings

    assert "include_fields" not in warning
    office.sandbox.clear_faults()
    office.load("deals")
    assert [] == office.differences("deals")


@pytest.mark.slow
def test_a_counter_that_is_refused_spares_no_deal_its_children(office):
    office.load("deals", "deals_products")
    ((deal,),) = office.query("SELECT min(id) FROM deals WHERE products_count = 0")
    refuse(office, "deals")
    office.advance(minutes=10)
    office.world.add_product(deal, office.world.ids("products")[0])

    office.load("deals", "deals_products")

    assert office.query(f"SELECT 1 FROM deals_products WHERE deal_id = {deal}")


@pytest.mark.slow
def test_a_row_asked_for_by_its_id_is_asked_for_without_refused_fields(office):
    office.load("persons")
    key = office.world.ids("persons")[3]

    def hidden(genuine):
        body = json.loads(genuine.body)
        body["data"] = [row for row in body["data"] if row["id"] != key]
        return faults.json_reply(genuine.status, body, genuine.headers)

    held = office.query(f"SELECT activities_count FROM persons WHERE id = {key}")
    office.sandbox.inject(faults.changed("api/v2/persons", hidden).always())
    refuse(office, "persons")
    office.sandbox.inject(names_refused(f"api/v2/persons/{key}"))

    report = office.reconcile("persons")["persons"]

    assert 0 == report.written.marked_deleted
    assert held == office.query(f"SELECT activities_count FROM persons WHERE id = {key}")
