"""A history is read again when an activity, note or file of its deal changes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipedrive_assets.api import Caps
from pipedrive_assets.load.report import LoadRequest
from pipedrive_assets.load.stale_parents import parents_to_read
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.singer.stage_changes import change_events
from pipedrive_assets.windows import Window

TABLES = ("deals", "deals_flow", "activities", "notes", "files")


@pytest.fixture
def settled(make_office):
    """An account whose histories are held, read well after every change."""
    office = make_office(deals=12)
    office.load(*TABLES)
    office.world.instant += timedelta(minutes=10)
    office.load(*TABLES)
    office.world.instant += timedelta(minutes=10)
    office.sandbox.log.clear()
    return office


def deal_of(office, table):
    """A deal that has such a record, and the record's id."""
    return office.query(
        f"SELECT deal_id, id FROM {table} WHERE deal_id IN (SELECT id FROM deals "
        "WHERE _deleted_at IS NULL) AND _deleted_at IS NULL ORDER BY id LIMIT 1"
    )[0]


def untouched(office, deal):
    """Take back what a change of a record did to its deal's update_time."""
    ((moment,),) = office.query(f"SELECT update_time FROM deals WHERE id = {deal}")
    text = moment.astimezone(office.sandbox.now.tzinfo).strftime("%Y-%m-%dT%H:%M:%SZ")
    office.world.touch("deals", deal, text)


def flows(office):
    return sorted({int(call.path.split("/")[-2]) for call in office.sandbox.calls("/flow")})


CHANGES = {
    "activities": {"subject": "Edited"},
    "notes": {"content": "Edited"},
    "files": {"description": "Edited"},
}


EVENT = {"activities": "activity", "notes": "note", "files": "file"}


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("table", CHANGES)
def test_an_edited_record_is_shown_in_its_deals_history(settled, table):
    deal, key = deal_of(settled, table)
    settled.world.edit(table, key, **CHANGES[table])
    untouched(settled, deal)

    settled.load(*TABLES)
    settled.world.instant += timedelta(minutes=10)
    settled.load(*TABLES)

    assert [deal] == flows(settled)
    assert [] == settled.differences("deals_flow")
    settled.sandbox.log.clear()
    settled.load(*TABLES)
    assert [] == flows(settled)


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("table", CHANGES)
def test_a_record_that_moves_to_another_deal_leaves_the_history_of_the_first(settled, table):
    deal, key = deal_of(settled, table)
    other = next(each for each in settled.world.ids("deals") if each != deal)
    settled.world.edit(table, key, deal_id=other)
    for each in (deal, other):
        untouched(settled, each)

    settled.load(*TABLES)

    assert {deal, other} == set(flows(settled))
    assert [] == settled.differences("deals_flow")


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("purge_deleted", [False, True])
@pytest.mark.parametrize("table", CHANGES)
def test_a_deleted_record_leaves_the_history_of_its_deal(settled, table, purge_deleted):
    deal, key = deal_of(settled, table)
    settled.world.purge(table, key)
    untouched(settled, deal)
    settled.reconcile(table, purge_deleted=purge_deleted)

    settled.load(*TABLES, purge_deleted=purge_deleted)

    assert deal in flows(settled)
    event = f"{EVENT[table]}:{key}"
    assert [] == settled.query(f"SELECT * FROM deals_flow WHERE event_key = '{event}'")


@pytest.mark.slow
def test_a_record_with_a_change_time_in_the_future_is_not_read_for_again_and_again(settled):
    _, key = deal_of(settled, "notes")
    settled.world.touch("notes", key, "2031-01-01T00:00:00Z")
    settled.load(*TABLES)
    settled.sandbox.log.clear()

    settled.load(*TABLES)

    assert [] == flows(settled)


@pytest.mark.slow
def test_changes_are_found_with_some_of_the_tables_only_and_in_a_later_run(settled):
    deal, key = deal_of(settled, "notes")
    settled.world.edit("notes", key, content="Edited")
    untouched(settled, deal)
    settled.load("notes")

    settled.load("deals", "deals_flow")

    assert [deal] == flows(settled)
    assert [] == settled.differences("deals_flow")


@pytest.mark.slow
def test_a_cap_leaves_the_deal_to_the_next_run(settled):
    deals = settled.query(
        "SELECT DISTINCT n.deal_id, n.id FROM notes n JOIN deals d ON d.id = n.deal_id "
        "WHERE d._deleted_at IS NULL ORDER BY n.id LIMIT 3"
    )
    for deal, key in deals:
        settled.world.edit("notes", key, content="Edited")
        untouched(settled, deal)

    report = settled.load(*TABLES, caps=Caps(per_run=50))["deals_flow"]
    again = settled.load(*TABLES)["deals_flow"]

    assert len({deal for deal, _ in deals}) - 1 == report.waiting.count
    assert again.waiting is None
    assert [] == settled.differences("deals_flow")


@pytest.mark.slow
def test_where_only_field_changes_are_kept_no_record_matters(settled):
    deal, key = deal_of(settled, "notes")
    settled.world.edit("notes", key, content="Edited")
    untouched(settled, deal)
    settled.load("notes")
    request = LoadRequest(entities=(), window=Window(start=settled.midnight))

    with settled.warehouse.sql() as sql:
        whole, changes = (
            parents_to_read(sql, entity, request, settled.sandbox.now)
            for entity in (BY_NAME["deals_flow"], change_events(BY_NAME["deals_flow"]))
        )

    assert ([deal], []) == ([parent.id for parent in whole], changes)


@pytest.mark.slow
def test_a_warehouse_without_the_records_columns_reads_by_the_deals_alone(make_office, monkeypatch):
    office = make_office(deals=6)
    excluded = replace(BY_NAME["notes"], excluded=frozenset({"deal_id"}))
    monkeypatch.setattr(
        "pipedrive_assets_tests.conftest.chosen",
        lambda names: tuple(excluded if name == "notes" else BY_NAME[name] for name in names),
    )
    office.load("deals", "deals_flow", "notes")

    report = office.load("deals", "deals_flow", "notes")["deals_flow"]

    assert report.error is None
