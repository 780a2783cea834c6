"""Leads that became deals keep their row, with the reason and the deal's id."""

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipedrive_assets.dlt_source.hints import plain_hints
from pipedrive_assets.load import LoadRequest, load
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.sandbox.company import events_rare
from pipedrive_assets.singer.schema import schema_of
from pipedrive_assets.singer.stream import FURTHER
from pipedrive_assets.windows import Window

DOCUMENT = (Path(__file__).parents[2] / "docs" / "derived.md").read_text("utf-8")


def convert(office, *, may_come_back=False):
    """A lead becomes a deal; returns the ids of both."""
    office.advance(minutes=5)
    world = office.world
    lead = next(
        key
        for key in world.tables["leads"].alive
        if not world.row("leads", key)["is_archived"] and ("leads", key) not in world.hidden
    )
    row = world.row("leads", lead)
    leave = world.hide if may_come_back else world.delete
    leave("leads", lead)
    deal = world.add("deals", title=row["title"], source_lead_id=lead, owner_id=row["owner_id"])
    office.advance(minutes=5)
    return lead, deal


def mark_of(office, lead):
    (row,) = office.query(
        f"SELECT _deleted_reason, converted_deal_id, _deleted_at FROM leads WHERE id = '{lead}'"
    )
    return row


@pytest.mark.slow
def test_a_lead_is_converted_as_soon_as_its_deal_is_loaded(office):
    office.load("leads", "deals")
    lead, deal = convert(office)
    office.sandbox.log.clear()

    office.load("deals")

    assert ("converted", deal, office.sandbox.now) == mark_of(office, lead)
    assert [] == office.sandbox.calls(f"leads/{lead}")
    assert [] == office.sandbox.calls("leads")
    assert [(0,)] == office.query(f"SELECT count(*) FROM leads_live WHERE id = '{lead}'")
    ((others,),) = office.query("SELECT count(*) FROM leads WHERE _deleted_at IS NOT NULL")
    assert 1 == others


@pytest.mark.slow
def test_a_load_of_leads_marks_what_is_converted_too(office):
    office.load("leads", "deals")
    lead, deal = convert(office)
    office.load("deals")
    with office.warehouse.sql() as sql:
        sql.execute_sql(
            "UPDATE leads SET _deleted_at = NULL, _deleted_reason = NULL, converted_deal_id = NULL"
        )

    report = office.load("leads")["leads"]

    assert ("converted", deal) == mark_of(office, lead)[:2]
    assert 1 == report.written.marked_deleted


@pytest.mark.slow
def test_a_lead_that_is_listed_beside_its_deal_is_not_converted(office):
    lead, _ = convert(office, may_come_back=True)
    office.world.show("leads", lead)
    office.load("deals")

    office.load("leads")

    assert (None, None, None) == mark_of(office, lead)


@pytest.mark.slow
def test_a_reconciliation_takes_a_converted_lead_for_no_loss_and_asks_nothing(office):
    office.load("leads", "deals")
    for _ in range(4):
        lead, deal = convert(office)
    office.load("deals")
    with office.warehouse.sql() as sql:
        sql.execute_sql(
            "UPDATE leads SET _deleted_at = NULL, _deleted_reason = NULL, converted_deal_id = NULL"
        )
        sql.execute_sql(
            "UPDATE deals SET _deleted_at = update_time WHERE source_lead_id IS NOT NULL"
        )
    office.sandbox.log.clear()

    report = office.reconcile("leads", max_share=0.0)["leads"]

    assert 4 == report.written.marked_deleted
    assert ("converted", deal, office.sandbox.now) == mark_of(office, lead)
    assert [] == office.sandbox.calls(f"leads/{lead}")


@pytest.mark.slow
def test_a_lead_marked_for_another_reason_is_converted_once_its_deal_is_known(office):
    office.load("leads", "deals")
    lead, deal = convert(office)
    office.reconcile("leads")
    before = mark_of(office, lead)

    office.load("deals")

    assert ("deleted", None) == before[:2]
    assert ("converted", deal, before[2]) == mark_of(office, lead)


@pytest.mark.slow
def test_a_lead_that_comes_back_loses_the_mark_and_keeps_it_off(office):
    office.load("leads", "deals")
    lead, _ = convert(office, may_come_back=True)
    office.load("leads", "deals")
    marked = mark_of(office, lead)[0]
    office.advance(minutes=5)
    office.world.show("leads", lead)

    seen = []
    office.reconcile("leads")
    seen.append(mark_of(office, lead))
    for again in (office.load, office.load, office.reconcile):
        office.advance(minutes=5)
        again("leads", "deals")
        seen.append(mark_of(office, lead))

    assert "converted" == marked
    assert [(None, None, None)] * 4 == seen


@pytest.mark.slow
def test_a_lead_that_comes_back_and_goes_again_is_converted_again(office):
    office.load("leads", "deals")
    lead, deal = convert(office, may_come_back=True)
    office.load("leads", "deals")
    office.advance(minutes=5)
    office.world.show("leads", lead)
    office.reconcile("leads")
    back = mark_of(office, lead)
    office.world.delete("leads", lead)

    office.reconcile("leads")

    assert (None, None, None) == back
    assert ("converted", deal) == mark_of(office, lead)[:2]


@pytest.mark.slow
def test_converted_leads_are_kept_where_deleted_rows_are_purged(office):
    office.load("leads", "deals", purge_deleted=True)
    lead, deal = convert(office)
    gone = office.world.ids("leads")[0]
    office.world.delete("leads", gone)
    office.load("leads", "deals", purge_deleted=True)
    office.reconcile("leads", "deals", purge_deleted=True)

    assert [("converted", deal)] == office.query(
        "SELECT _deleted_reason, converted_deal_id FROM leads WHERE _deleted_at IS NOT NULL"
    )
    assert [] == office.query(f"SELECT 1 FROM leads WHERE id = '{gone}'")
    assert mark_of(office, lead)


@pytest.mark.slow
def test_a_deal_that_was_deleted_does_not_convert_a_lead_that_may_be_listed(office):
    office.load("leads", "deals")
    lead, deal = convert(office, may_come_back=True)
    office.world.delete("deals", deal)
    office.world.show("leads", lead)
    office.advance(minutes=5)

    office.load("deals")

    assert (None, None, None) == mark_of(office, lead)


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("column", ["deals.source_lead_id", "leads.converted_deal_id"])
def test_nothing_is_converted_where_a_column_it_needs_is_excluded(make_office, column):
    office = make_office(deals=10)
    table, _, name = column.partition(".")
    entities = tuple(
        replace(BY_NAME[each], excluded=frozenset({name}) if each == table else frozenset())
        for each in ("leads", "deals")
    )
    request = LoadRequest(entities=entities, window=Window(start=office.midnight))
    load(office.connection, office.warehouse, request)
    convert(office)

    reports = load(office.connection, office.warehouse, request)

    assert [None, None] == [report.error for report in reports]
    assert [(0,)] == office.query("SELECT count(*) FROM leads WHERE _deleted_at IS NOT NULL")


@pytest.mark.slow
def test_a_warehouse_of_an_earlier_version_gets_the_column(office):
    office.load("leads", "deals")
    lead, deal = convert(office)
    with office.warehouse.sql() as sql:
        for view in ("leads_live", "leads_readable"):
            sql.execute_sql(f"DROP VIEW {view}")
        sql.execute_sql("ALTER TABLE leads DROP COLUMN converted_deal_id")
        sql.execute_sql("DELETE FROM _dlt_version WHERE schema_name = 'pipedrive_leads'")
    office.warehouse.forget("pipedrive_leads")

    office.load("deals")
    office.load("leads")

    assert ("converted", deal) == mark_of(office, lead)[:2]


@pytest.mark.slow
def test_the_company_converts_leads(make_office):
    office = make_office(deals=30)
    office.load("leads", "deals")
    rng = random.Random(3)
    office.world.sizes["leads"] = 40
    for _ in range(10):
        events_rare.new_lead(office.world, rng)
    office.advance(days=2)
    office.load("leads", "deals")
    for _ in range(20):
        office.advance(minutes=1)
        events_rare.convert_lead(office.world, rng)
    office.advance(hours=1)
    office.load("leads", "deals")

    sources = {
        row["source_lead_id"]
        for row in (office.world.row("deals", key) for key in office.world.ids("deals"))
        if row["source_lead_id"]
    }
    assert 0 < len(sources)
    assert {(key,) for key in sources} == set(
        office.query("SELECT id FROM leads WHERE _deleted_reason = 'converted'")
    )
    assert office.query(
        "SELECT count(*) FROM leads JOIN deals ON deals.source_lead_id = leads.id"
    ) == office.query("SELECT count(*) FROM leads WHERE _deleted_reason = 'converted'")


@pytest.mark.slow
def test_the_documented_query_counts_every_conversion(office):
    early, _ = convert(office)
    office.load("leads", "deals")
    convert(office)
    _, won = convert(office)
    office.world.edit("deals", won, status="won")
    office.advance(minutes=5)
    office.load("leads", "deals")
    section = DOCUMENT.partition("## Next and last activity")[2].partition("## deal_stage_history")[
        0
    ]
    queries = re.findall(r"^```sql\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)

    found = [office.query(query) for query in queries]

    ((leads,),) = office.query("SELECT count(*) FROM leads")
    assert [] == office.query(f"SELECT 1 FROM leads WHERE id = '{early}'")
    months = found[1]
    assert leads + 1 == sum(row[1] for row in months)
    assert 3 == sum(row[2] for row in months)
    assert 1 == sum(row[4] for row in months)
    assert [round(100 * row[2] / row[1], 1) for row in months] == [float(row[3]) for row in months]
    assert {row[0] for row in found[0]} <= set(office.world.tables["deals"].alive)


def test_only_a_warehouse_has_the_column():
    stream = next(each for each in FURTHER if each.table == "leads")

    assert "converted_deal_id" in columns_of("leads").columns
    assert "converted_deal_id" not in plain_hints(BY_NAME["leads"])["columns"]
    assert "converted_deal_id" not in schema_of(stream, None, {})["properties"]
