"""A reconciliation marks only what the answers by id prove."""

import json

import pytest

from pipedrive_assets.errors import ImplausibleLoss, LoadFailed, TransientApiError
from pipedrive_assets.load.reconciliation.evidence import sample_evenly
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets_tests.facts import raises


def unlisted(path, keys):
    """The list without these rows; they still answer by id."""

    def change(genuine):
        body = json.loads(genuine.body)
        body["data"] = [row for row in body["data"] if row["id"] not in keys]
        return json_reply(genuine.status, body, genuine.headers)

    return faults.changed(path, change).always()


def reasons(office, table):
    rows = office.query(f"SELECT id, _deleted_reason FROM {table} WHERE _deleted_at IS NOT NULL")
    return dict(rows)


def alive_of(office, table):
    rows = office.query(f"SELECT id FROM {table} WHERE _deleted_at IS NULL ORDER BY id")
    return [key for (key,) in rows]


@pytest.fixture
def many(make_office):
    """Enough persons for a sample to be a part of those that are missing."""
    office = make_office(deals=60)
    office.load("persons")
    return office


@pytest.mark.slow
def test_a_list_that_lacks_rows_which_still_exist_marks_nothing(many, monkeypatch):
    monkeypatch.setattr("pipedrive_assets.load.reconciliation.run.CONFIRMED_ROWS", 20)
    before, keys = reasons(many, "persons"), set(alive_of(many, "persons")[3:33])
    many.sandbox.inject(unlisted("api/v2/persons", keys))

    with raises(LoadFailed, "20 of the 20", "reconcile persons --accept-loss") as failed:
        many.reconcile("persons", max_share=0.9)

    error = failed.value.failures["persons"]
    assert (ImplausibleLoss, 30) == (type(error), error.missing)
    with pytest.raises(LoadFailed):
        many.reconcile("persons", max_share=0.9)
    assert before == reasons(many, "persons")
    many.sandbox.clear_faults()
    many.reconcile("persons")
    assert [] == many.differences("persons")


@pytest.mark.slow
def test_rows_that_were_not_asked_for_stay_where_one_of_the_sample_exists(many, monkeypatch):
    monkeypatch.setattr("pipedrive_assets.load.reconciliation.run.CONFIRMED_ROWS", 10)
    keys = alive_of(many, "persons")[3:23]
    lives = keys[0]
    for key in keys[1:]:
        many.world.purge("persons", key)
    many.sandbox.inject(unlisted("api/v2/persons", {lives}))

    first = many.reconcile("persons", max_share=0.9)["persons"]
    marked = reasons(many, "persons").keys() & set(keys)
    many.sandbox.clear_faults()
    many.reconcile("persons", max_share=0.9)

    assert (9, 9) == (len(marked), first.written.marked_deleted)
    assert "10 rows" in first.warnings[0]
    assert [] == many.differences("persons")


@pytest.mark.slow
def test_a_loss_that_is_accepted_marks_rows_that_were_not_asked_for(many, monkeypatch):
    monkeypatch.setattr("pipedrive_assets.load.reconciliation.run.CONFIRMED_ROWS", 20)
    keys = set(alive_of(many, "persons")[3:33])
    many.sandbox.inject(unlisted("api/v2/persons", keys))

    first = many.reconcile("persons", accept_loss=True)["persons"].written.marked_deleted
    second = many.reconcile("persons", accept_loss=True)["persons"].written.marked_deleted

    assert (10, 20) == (first, second)
    found = reasons(many, "persons")
    assert {"vanished", "unlisted"} == {found[key] for key in keys}


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("status", [400, 402, 403, 404, 410, 415])
def test_an_endpoint_that_refuses_every_record_marks_nothing(office, status):
    office.load("persons")
    before, keys = reasons(office, "persons"), set(alive_of(office, "persons")[2:5])
    office.sandbox.inject(
        unlisted("api/v2/persons", keys), faults.refused("api/v2/persons/*", status, "Not now")
    )

    with pytest.raises(LoadFailed, match="Not now"):
        office.reconcile("persons")

    assert before == reasons(office, "persons")
    office.sandbox.clear_faults()
    office.reconcile("persons")
    assert [] == office.differences("persons")


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("status", [400, 415])
def test_a_refusal_that_says_nothing_of_the_row_does_not_mark_it(office, status):
    office.load("persons")
    before, (lost, gone) = reasons(office, "persons"), alive_of(office, "persons")[2:4]
    office.world.purge("persons", gone)
    office.sandbox.inject(
        unlisted("api/v2/persons", {lost}), faults.refused(f"api/v2/persons/{lost}", status)
    )

    report = office.reconcile("persons")["persons"]

    assert {**before, gone: "deleted"} == reasons(office, "persons")
    assert str(status) in report.warnings[0]


@pytest.mark.slow
def test_a_call_by_id_that_fails_marks_nothing(office):
    office.load("persons")
    before, keys = reasons(office, "persons"), alive_of(office, "persons")[2:5]
    for key in keys:
        office.world.purge("persons", key)
    office.sandbox.inject(faults.server_error(f"api/v2/persons/{keys[-1]}").always())

    with pytest.raises(LoadFailed) as failed:
        office.reconcile("persons")

    assert isinstance(failed.value.failures["persons"], TransientApiError)
    assert before == reasons(office, "persons")


@pytest.mark.slow
@pytest.mark.parametrize("refused", [False, True])
def test_an_empty_list_of_a_small_table_is_not_believed_by_itself(office, refused):
    office.load("leads")
    for key in office.world.ids("leads")[5:]:
        office.world.purge("leads", key)
    office.reconcile("leads", accept_loss=True)
    before, held = reasons(office, "leads"), alive_of(office, "leads")
    office.sandbox.inject(unlisted("v1/leads", set(held)), unlisted("v1/leads/archived", set(held)))
    if refused:
        office.sandbox.inject(*[faults.refused(f"v1/leads/{key}", 403) for key in held])

    for _ in range(2):
        with pytest.raises(LoadFailed) as failed:
            office.reconcile("leads")

    assert ImplausibleLoss is type(failed.value.failures["leads"])
    assert before == reasons(office, "leads")


# Rows that still answer by id


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize(
    ("table", "paths"), [("leads", ["v1/leads"]), ("persons", ["api/v2/persons"])]
)
def test_a_row_in_no_list_that_still_exists_is_unlisted_after_the_second_walk(office, table, paths):
    office.load(table)
    before, key = reasons(office, table), alive_of(office, table)[2]
    office.sandbox.inject(*[unlisted(path, {key}) for path in (*paths, f"{paths[0]}/archived")])

    office.reconcile(table)
    once = reasons(office, table)
    second = office.reconcile(table)[table]
    twice = reasons(office, table)
    third = office.reconcile(table)[table]
    office.sandbox.clear_faults()
    office.reconcile(table)

    assert (before, {**before, key: "unlisted"}) == (once, twice)
    assert (1, 0) == (second.written.marked_deleted, third.written.loaded)
    assert before == reasons(office, table)
    assert [] == office.differences(table)


@pytest.mark.slow
def test_an_unlisted_row_comes_back_with_the_first_window_that_shows_it(office):
    office.load("persons")
    key = alive_of(office, "persons")[2]
    office.sandbox.inject(unlisted("api/v2/persons", {key}))
    office.reconcile("persons")
    office.reconcile("persons")
    assert "unlisted" == reasons(office, "persons")[key]
    office.sandbox.clear_faults()
    office.advance(minutes=10)
    office.world.edit("persons", key, name="Listed again")

    office.load("persons")

    assert key not in reasons(office, "persons")


@pytest.mark.slow
def test_a_row_that_was_listed_in_between_is_not_unlisted(office):
    office.load("persons")
    before, key = reasons(office, "persons"), alive_of(office, "persons")[2]
    for _ in range(2):
        office.sandbox.inject(unlisted("api/v2/persons", {key}))
        office.reconcile("persons")
        office.sandbox.clear_faults()
        office.reconcile("persons")

    assert before == reasons(office, "persons")


def test_a_sample_is_spread_over_all_rows():
    assert [0, 25, 50, 75] == sample_evenly(range(100), 4)
    assert [1, 2] == sample_evenly([1, 2], 4)
