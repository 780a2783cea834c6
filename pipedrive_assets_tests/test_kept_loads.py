"""A load is copied only where running it again would give the same."""

import pytest

from pipedrive_assets.sandbox import faults
from pipedrive_assets_tests import kept_loads
from pipedrive_assets_tests.load.test_layout import execute

TABLES = ("stages", "deals")
ROWS = "SELECT id, title, update_time FROM deals ORDER BY id"


@pytest.fixture
def store(monkeypatch):
    """A store of its own, for the loads of one test."""
    own = kept_loads.Backend(allowed=True)
    monkeypatch.setattr(kept_loads, "STORE", own)
    yield own
    own.close()


@pytest.fixture
def loaded(store, make_office):
    """An office whose load is kept."""
    office = make_office(deals=3)
    return office, office.load(*TABLES)


@pytest.mark.slow
def test_the_same_load_of_the_same_account_is_copied(store, loaded, make_office):
    first, ran = loaded
    second = make_office(deals=3)

    copied = second.load(*TABLES)

    assert 1 == store.hits
    assert first.query(ROWS) == second.query(ROWS)
    assert first.sandbox.tokens_spent == second.sandbox.tokens_spent
    assert first.sandbox.allowance.spent_total == second.sandbox.allowance.spent_total
    assert {str(second.warehouse.path)} == {report.warehouse for report in copied.values()}
    assert [each.written for each in ran.values()] == [each.written for each in copied.values()]
    second.advance(hours=1)
    second.world.edit("deals", 1, title="Moved")
    second.load(*TABLES)
    assert 1 == store.hits
    assert [] == second.differences(*TABLES)
    assert [(1, "Moved")] == second.query("SELECT id, title FROM deals WHERE id = 1")


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize(
    "change",
    [
        lambda office: office.world.edit("deals", 1, title="Moved"),
        lambda office: office.advance(minutes=1),
        lambda office: office.sandbox.inject(faults.server_error("api/v2/deals")),
        lambda office: setattr(office.sandbox, "api_token", "another"),
        lambda office: setattr(office.sandbox, "is_revoked", False) or office.load("stages"),
    ],
    ids=["edit", "time", "fault", "token", "earlier load"],
)
def test_whatever_differs_makes_a_load_run(store, loaded, make_office, change):
    office = make_office(deals=3)
    change(office)

    office.load(*TABLES)

    assert 0 == store.hits
    assert [] == office.differences(*TABLES)


@pytest.mark.slow
def test_a_warehouse_that_was_changed_by_hand_is_loaded_into(store, loaded, make_office):
    office = make_office(deals=3)
    office.load(*TABLES)
    execute(office, "DELETE FROM stages")
    office.load(*TABLES)

    assert 1 == store.hits
    assert [] == office.differences(*TABLES)


@pytest.mark.slow
def test_the_copies_that_were_not_used_for_longest_go_first(
    store, loaded, make_office, monkeypatch
):
    monkeypatch.setattr(kept_loads, "MOST_BYTES", 1)
    store.allowed = True
    make_office(deals=2).load("stages")

    assert {} == store.kept
    assert [] == list(store.folder.iterdir())


@pytest.mark.slow
def test_from_the_first_patch_on_every_load_runs(store, loaded, make_office, monkeypatch):
    make_office(deals=3).load(*TABLES)
    monkeypatch.setenv("ANY", "thing")

    make_office(deals=3).load(*TABLES)

    assert 1 == store.hits
