"""Loading end to end: whatever happened in the account, the warehouse shows it.

`DERIVED` columns are counters and dates that Pipedrive moves without moving `update_time`; no
window can show them, so they are compared only where the row itself was read again.
"""

import json
import os
import re
import threading
from datetime import timedelta

import pytest

from pipedrive_assets.errors import (
    BudgetExhausted,
    DataError,
    Forbidden,
    InternalError,
    LoadFailed,
    ParentNotLoaded,
    WarehouseError,
    WrongAccountError,
)
from pipedrive_assets.extract.child_scans import CHILD_THREADS, FAILURES
from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.load import merge
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES, ENTITIES, Kind
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets_tests.facts import raises

EDITED = {"deals": "title", "leads": "title", "notes": "content", "files": "description"}
"""A column that an edit changes."""

CRM = ("deals", "persons", "organizations", "activities", "products", "leads", "notes", "files")
OFFSET = ("leads", "notes", "files")
NAMES = {"deal_name", "person_name", "org_name", "product_name", "lead_name", "project_name"}
"""What notes and files say of other rows, and do not count as their own change."""
DERIVED = (
    {"person", "deal__title", "organization__name", "person__name"}
    | NAMES
    | {
        name
        for entity in ENTITIES
        for key, value in entity.params
        if key == "include_fields"
        for name in value.split(",")
    }
)


def visible_differences(office, *names):
    """Differences that windows can show: no derived columns, no rows deleted behind our back."""
    return [
        difference
        for difference in office.differences(*names)
        if not difference.endswith("is not in the account")
        and (re.search(r"\.(\w+):", difference) or [None, None])[1] not in DERIVED
    ]


def test_the_first_load_brings_every_row_with_every_value(whole):
    office, reports = whole

    assert [] == office.differences()
    assert {entity.name for entity in ENTITIES} == set(reports)


@pytest.mark.slow
def test_a_week_without_a_run_leaves_no_gap(office):
    office.load(*CRM)
    office.advance(days=7)

    office.load(*CRM)

    assert [] == visible_differences(office, *CRM)


def test_loading_again_with_nothing_changed_writes_nothing(office):
    office.load("deals", "stages", "deals_participants")
    office.advance(minutes=10)
    before = office.query("SELECT * FROM deals ORDER BY id")

    again = office.load("deals", "stages", "deals_participants")

    assert dict.fromkeys(again, 0) == {
        name: report.written.loaded for name, report in again.items()
    }
    assert before == office.query("SELECT * FROM deals ORDER BY id")


def test_a_change_brings_exactly_that_row_in_few_requests(office):
    office.load("deals")
    office.advance(minutes=30)
    office.load("deals")
    office.world.edit("deals", 7, title="Rechristened")
    office.sandbox.log.clear()

    report = office.load("deals")["deals"]

    assert 1 == report.written.loaded
    assert len(office.sandbox.calls("api/v2/deals")) <= 3
    assert [("Rechristened",)] == office.query("SELECT title FROM deals WHERE id = 7")


@pytest.mark.slow
def test_an_undisturbed_account_costs_one_page_a_list(office):
    office.load("pipelines", "products", *OFFSET)

    reports = office.load("pipelines", "products", *OFFSET, newest=False)

    definitions = 10
    assert {
        "pipelines": 5,
        "products": 10 + definitions,
        "leads": 20 + 40 + definitions,
        "notes": 20,
        "files": 20,
    } == {name: report.stats.tokens for name, report in reports.items()}


@pytest.mark.slow
def test_leads_that_go_to_the_archive_and_come_back_are_followed(office):
    office.load("leads")
    office.advance(minutes=10)
    away, back = (
        next(
            key for key in office.world.ids("leads") if row(office, key)["is_archived"] is archived
        )
        for archived in (False, True)
    )
    office.world.archive("leads", away)
    office.world.unarchive("leads", back)

    office.load("leads")

    assert [] == office.differences("leads")
    assert {(away, True), (back, False)} == set(
        office.query(f"SELECT id, is_archived FROM leads WHERE id IN ('{away}', '{back}')")
    )


def row(office, key):
    return office.world.row("leads", key)


@pytest.mark.slow
def test_archived_and_deleted_deals_are_told_apart(office):
    office.world.archive("deals", 3)
    office.world.delete("deals", 4)

    office.load("deals")

    assert [(3, True, False, False), (4, False, True, True)] == office.query(
        "SELECT id, is_archived, is_deleted, _deleted_at IS NOT NULL FROM deals "
        "WHERE id IN (3, 4) ORDER BY id"
    )


@pytest.mark.slow
def test_rows_without_a_change_date_are_loaded_the_first_time_and_when_new(office):
    for person in office.world.ids("persons"):
        if office.world.row("persons", person)["update_time"] is None:
            office.world.touch("persons", person, "2026-01-05T08:00:00Z")
    office.load("persons")
    new = office.world.add("persons", name="Quiet Newcomer", update_time=None)
    office.advance(days=2)
    office.world.add("persons", name="Dated")
    office.load("persons", day=office.midnight - timedelta(days=1), newest=False)

    office.load("persons")

    assert [] == visible_differences(office, "persons")
    assert [("Quiet Newcomer",)] == office.query(f"SELECT name FROM persons WHERE id = {new}")


@pytest.mark.samples(2)
@pytest.mark.parametrize(
    ("table", "page"),
    [("deals", 1), ("deals", 2), ("products", 2), ("leads", 2), ("notes", 1), ("files", 2)],
)
def test_a_row_edited_while_its_list_is_walked_is_not_lost(make_office, table, page):
    office = make_office(deals=24)
    ids = office.world.ids(table)
    column = EDITED.get(table, "name")
    edited = []

    def edit_early_and_late():
        edited.append(page)
        office.advance(seconds=1)
        for key in (ids[0], ids[len(ids) // 2], ids[-1]):
            office.world.edit(table, key, **{column: f"edited at page {page}"})

    office.sandbox.inject(faults.after(BY_NAME[table].path, edit_early_and_late).at(page))
    office.load(table, page_rows=4)
    assert [page] == edited

    office.load(table, page_rows=4)

    assert [] == visible_differences(office, table)


@pytest.mark.slow
def test_a_deal_that_changes_lists_while_they_are_walked_is_not_lost(make_office):
    office = make_office(deals=20)
    office.world.archive("deals", 9)
    office.sandbox.inject(
        faults.after("api/v2/deals", lambda: office.world.archive("deals", 8)).at(1),
        faults.after("api/v2/deals/archived", lambda: office.world.unarchive("deals", 9)).at(1),
    )

    office.load("deals", page_rows=3)

    assert [] == visible_differences(office, "deals")


@pytest.mark.slow
def test_two_edits_within_one_second_both_count(office):
    office.load("deals")
    office.world.edit("deals", 7, title="first")
    office.load("deals")
    office.world.edit("deals", 7, title="second")

    office.load("deals")

    assert [("second",)] == office.query("SELECT title FROM deals WHERE id = 7")


@pytest.mark.slow
def test_a_past_day_can_be_loaded_after_newer_ones_and_changes_nothing_newer(office):
    tables = ("deals", "products", *OFFSET)
    office.load(*tables)
    office.advance(days=3)
    office.load(*tables)
    before = office.query("SELECT * FROM deals ORDER BY id")
    day = office.midnight - timedelta(days=2)

    reports = office.load(*tables, day=day)

    assert before == office.query("SELECT * FROM deals ORDER BY id")
    assert [] == visible_differences(office, *tables)
    assert dict.fromkeys(tables, 0) == {
        name: report.written.loaded for name, report in reports.items()
    }
    for table in tables:
        within = f"update_time >= '{day}' AND update_time < '{day + timedelta(days=1)}'"
        ((changed,),) = office.query(f"SELECT count(*) FROM {table} WHERE {within}")
        assert changed >= reports[table].written.read


@pytest.mark.slow
def test_an_old_row_never_replaces_a_newer_one(office):
    office.load("stages", "deals")
    stored = office.query("SELECT title, update_time FROM deals WHERE id = 7")
    stale = dict(office.world.row("deals", 7), title="stale", update_time="2020-01-01T00:00:00Z")
    written = merge.Written()

    with office.warehouse.exclusive():
        merge.commit_rows(office.warehouse, BY_NAME["deals"], [stale], written)

    assert stored == office.query("SELECT title, update_time FROM deals WHERE id = 7")
    assert 0 == written.loaded


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("how", ["reconcile", "full", "read whole"])
@pytest.mark.parametrize("table", ["deals", "persons", "files"])
def test_a_complete_walk_repairs_a_row_with_a_change_time_in_the_future(office, table, how):
    office.load(table)
    key = office.world.ids(table)[4]
    wrong = dict(office.world.row(table, key), update_time="2031-01-01T00:00:00Z")
    with office.warehouse.exclusive():
        merge.commit_rows(office.warehouse, BY_NAME[table], [wrong], merge.Written())
    frozen = f"SELECT count(*) FROM {table} WHERE update_time > '2030-01-01'"
    assert [(1,)] == office.query(frozen)
    office.advance(minutes=10)
    office.load(table)
    assert [(1,)] == office.query(frozen)

    if how == "reconcile":
        office.reconcile(table)
    else:
        if how == "read whole":
            with office.warehouse.sql() as sql:
                sql.execute_sql("DELETE FROM _pipedrive_coverage WHERE entity = %s", table)
        office.load(table, full=how == "full")

    assert [(0,)] == office.query(frozen)
    assert [] == office.differences(table)


@pytest.mark.slow
def test_a_complete_walk_replaces_the_lists_of_a_row_too(office):
    office.load("persons")
    key = office.world.ids("persons")[4]
    strange = [{"value": "wrong@example.com", "primary": True, "label": "work"}]
    wrong = dict(office.world.row("persons", key), update_time="2031-01-01T00:00:00Z")
    with office.warehouse.exclusive():
        rows = [dict(wrong, emails=strange)]
        merge.commit_rows(office.warehouse, BY_NAME["persons"], rows, merge.Written())
    held = "SELECT count(*) FROM persons__emails WHERE value = 'wrong@example.com'"
    assert [(1,)] == office.query(held)

    office.load("persons", full=True)

    assert [(0,)] == office.query(held)
    assert [] == office.differences("persons")


@pytest.mark.slow
def test_of_two_readings_in_one_complete_walk_the_later_counts(office):
    office.load("stages", "deals")
    row = office.world.row("deals", 7)
    first = dict(row, title="read first", update_time="2031-01-01T00:00:00Z")
    last = dict(row, title="read last", update_time="2026-03-01T00:00:00Z")

    for pages in ([[first, last]], [[first], [last]]):
        with office.warehouse.exclusive():
            for rows in pages:
                merge.commit_rows(
                    office.warehouse, BY_NAME["deals"], rows, merge.Written(), complete=True
                )
        assert [("read last",)] == office.query("SELECT title FROM deals WHERE id = 7")


@pytest.mark.slow
def test_a_change_that_became_visible_late_is_found_when_its_day_is_closed(office):
    office.load("deals", "persons")
    hidden = office.midnight + timedelta(hours=1)
    for table in ("deals", "persons"):
        office.world.edit(table, 3, **{"title" if table == "deals" else "name": "Seen late"})
        office.world.row(table, 3)["update_time"] = hidden.strftime("%Y-%m-%dT%H:%M:%SZ")
        office.world.tables[table].touch()
    day = office.midnight
    office.world.instant = day + timedelta(days=1, minutes=30)

    office.load("deals", "persons", day=day)

    assert [("Seen late",)] == office.query("SELECT title FROM deals WHERE id = 3")
    assert [("Seen late",)] == office.query("SELECT name FROM persons WHERE id = 3")


@pytest.mark.slow
def test_history_can_be_limited(office):
    since = office.sandbox.now - timedelta(days=10)

    office.load("deals", since=since)

    assert [(since,)] < office.query("SELECT min(update_time) FROM deals")


def test_a_snapshot_row_that_is_no_longer_listed_is_marked_and_may_come_back(office):
    office.load("stages")
    gone = dict(office.world.row("stages", office.world.ids("stages")[-1]))
    office.world.purge("stages", gone["id"])
    first = office.load("stages")["stages"].written.marked_deleted
    marked = office.query(f"SELECT _deleted_at IS NOT NULL FROM stages WHERE id = {gone['id']}")
    office.world.tables["stages"].put(gone["id"], gone)

    office.load("stages")

    assert (1, [(True,)]) == (first, marked)
    assert [(None,)] == office.query(f"SELECT _deleted_at FROM stages WHERE id = {gone['id']}")


@pytest.mark.parametrize("text", ["2020-10-14T11:30:36.551Z", "12:30"])
def test_text_is_stored_as_it_was_written_even_when_it_looks_like_something_else(office, text):
    """One row a file: that is when DuckDB would take the text for a time."""
    stage = dict(office.world.row("stages", office.world.ids("stages")[0]), id=4711, name=text)
    with office.warehouse.exclusive():
        merge.commit_rows(office.warehouse, BY_NAME["stages"], [stage], merge.Written())

    assert [(text,)] == office.query("SELECT name FROM stages WHERE id = 4711")


@pytest.mark.slow
def test_an_account_without_rows_has_its_tables_all_the_same(make_office):
    office = make_office()
    for key in office.world.ids("products"):
        office.world.purge("products", key)

    office.load("products")

    assert [] == office.query("SELECT id, name, update_time, custom_fields FROM products")
    assert [("TIMESTAMP WITH TIME ZONE",)] == office.query(
        "SELECT data_type FROM information_schema.columns "
        "WHERE table_schema = 'pipedrive_data' AND table_name = 'products' "
        "AND column_name = 'update_time'"
    )


# Children


def test_children_are_read_again_only_for_deals_that_changed(office):
    office.load("deals", "deals_participants", "deals_flow")
    office.advance(minutes=10)
    office.load("deals", "deals_participants", "deals_flow")
    office.advance(minutes=10)
    office.world.edit("deals", 7, title="Moved")

    reports = office.load("deals", "deals_participants", "deals_flow")

    assert 1 == reports["deals_flow"].stats.requests
    assert [] == visible_differences(office, "deals_flow", "deals_participants")


@pytest.mark.slow
def test_a_deal_that_loses_its_last_participant_loses_its_rows(office):
    deal = next(
        key for key in office.world.ids("deals") if office.world.row("deals", key)["person_id"]
    )
    office.load("deals", "deals_participants")
    for (person,) in office.query(
        f"SELECT person_id FROM deals_participants WHERE deal_id = {deal}"
    ):
        office.world.remove_participant(deal, person)
    office.advance(seconds=1)
    office.world.edit("deals", deal, person_id=None)

    office.load("deals", "deals_participants")

    assert [] == office.query(f"SELECT * FROM deals_participants WHERE deal_id = {deal}")


@pytest.mark.slow
def test_deals_whose_own_counter_is_zero_are_not_asked_for_participants(office):
    reports = office.load("deals", "deals_participants")
    ((with_participants,),) = office.query(
        "SELECT count(*) FROM deals WHERE participants_count > 0"
    )

    assert with_participants == reports["deals_participants"].stats.requests


@pytest.mark.slow
def test_a_deal_that_vanished_between_list_and_child_call_is_skipped(office):
    office.sandbox.inject(faults.refused("v1/deals/7/flow", 404).always())

    office.load("deals", "deals_flow")

    assert [] == office.query("SELECT * FROM deals_flow WHERE deal_id = 7")
    assert [] != office.query("SELECT * FROM deals_flow WHERE deal_id = 8")


@pytest.mark.slow
def test_deals_deleted_together_are_skipped_and_not_asked_again(office):
    office.load("deals", "deals_flow")
    office.advance(minutes=10)
    office.load("deals", "deals_flow")
    gone = [1, 2, 3, 4, 5, 6]
    for deal in gone:
        office.world.delete("deals", deal)
        office.sandbox.inject(faults.refused(f"v1/deals/{deal}/flow", 404))
    first = office.load("deals", "deals_flow")["deals_flow"]
    office.advance(minutes=10)
    office.load("deals", "deals_flow")
    office.sandbox.log.clear()

    office.load("deals_flow")

    assert [] != office.query("SELECT * FROM deals_flow WHERE deal_id = 1")
    assert 0 == first.unread
    assert [] == [line for line in office.sandbox.calls("/flow") if line.status == 404]


@pytest.mark.slow
def test_an_endpoint_that_refuses_every_deal_is_a_failure_and_is_not_asked_for_all(office):
    office.sandbox.inject(faults.refused("v1/deals/*/flow", 403).always())

    with pytest.raises(LoadFailed) as failed:
        office.load("deals", "deals_flow")

    assert {"deals_flow": Forbidden} == {
        name: type(error) for name, error in failed.value.failures.items()
    }
    assert len(office.sandbox.calls("/flow")) < 25


@pytest.mark.slow
def test_one_deal_that_fails_for_good_hinders_no_other(office):
    office.sandbox.inject(
        faults.null_body("v1/deals/7/flow").always(), faults.refused("v1/deals/8/flow", 403)
    )
    with pytest.raises(LoadFailed, match="v1/deals/7/flow") as failed:
        office.load("deals", "deals_flow")
    held = {deal for (deal,) in office.query("SELECT DISTINCT deal_id FROM deals_flow")}
    office.sandbox.clear_faults()
    office.sandbox.log.clear()

    office.load("deals_flow")

    assert 5 == failed.value.exit_code
    assert {1, 2, 3, 4, 5, 6, 9} <= held
    assert [] == office.differences("deals_flow")
    asked = {line.path for line in office.sandbox.calls("/flow")}
    assert {"/v1/deals/7/flow", "/v1/deals/8/flow"} <= asked
    assert {f"/v1/deals/{deal}/flow" for deal in held}.isdisjoint(asked)


@pytest.mark.slow
def test_an_endpoint_that_fails_for_every_deal_is_left_alone_soon(office):
    office.sandbox.inject(faults.server_error("v1/deals/*/flow").always())

    with pytest.raises(LoadFailed):
        office.load("deals", "deals_flow")

    assert len({line.path for line in office.sandbox.calls("/flow")}) == FAILURES


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("odd", [{}, {"id": {"a": 1}}])
@pytest.mark.parametrize("table", ["persons", "stages"])
def test_a_row_that_nothing_identifies_fails_its_table_with_a_sentence(office, table, odd):
    path = BY_NAME[table].path

    def spoil(_sandbox, _call, serve):
        body = serve().json()
        body["data"][3] = {**body["data"][3], **odd} if odd else {}
        return json_reply(200, body)

    office.sandbox.inject(faults.Fault(on=path, act=spoil).always())
    with pytest.raises(LoadFailed, match=path) as failed:
        office.load("pipelines", table)

    assert {table: DataError} == {name: type(each) for name, each in failed.value.failures.items()}
    assert [] == office.differences("pipelines")
    office.sandbox.clear_faults()
    office.load(table)
    assert [] == office.differences(table)


@pytest.mark.slow
@pytest.mark.parametrize("odd", [[1], "x"])
def test_custom_fields_that_are_no_object_are_kept(office, odd):
    def spoil(_sandbox, _call, serve):
        body = serve().json()
        body["data"][3]["custom_fields"] = odd
        return json_reply(200, body)

    office.sandbox.inject(faults.Fault(on="api/v2/persons", act=spoil).always())
    office.load("persons")

    kept = office.query("SELECT custom_fields FROM persons WHERE custom_fields IS NOT NULL")
    assert odd in json.loads(kept[0][0]).values()


def test_trouble_that_nobody_foresaw_costs_no_other_table(office, monkeypatch):
    whole = TableLoad.commit

    def stumble(table, chunk):
        if table.entity.name == "stages":
            raise ZeroDivisionError
        whole(table, chunk)

    monkeypatch.setattr(TableLoad, "commit", stumble)
    with pytest.raises(LoadFailed, match="ZeroDivisionError") as failed:
        office.load("pipelines", "stages", "users")

    assert {"stages": InternalError} == {
        name: type(error) for name, error in failed.value.failures.items()
    }
    assert [] == office.differences("pipelines", "users")


BULK = ("deals_products", "deals_installments")


@pytest.mark.slow
def test_children_of_a_hundred_deals_are_asked_for_in_one_call(office):
    reports = office.load("deals", *BULK)

    assert {1} == {reports[name].stats.requests for name in BULK}
    assert [] == office.differences("deals", *BULK)


@pytest.mark.slow
def test_product_lines_and_installments_that_are_taken_off_a_deal_leave_their_tables(office):
    office.load("deals", *BULK)
    office.advance(days=6)
    ((deal,),) = office.query("SELECT deal_id FROM deals_installments ORDER BY deal_id LIMIT 1")
    lines = office.query(f"SELECT id FROM deals_products WHERE deal_id = {deal} ORDER BY id")
    for (line,) in lines:
        office.world.remove_product(line)
    ((other, line),) = office.query(
        f"SELECT deal_id, id FROM deals_products WHERE deal_id != {deal} ORDER BY 1, 2 LIMIT 1"
    )
    office.world.remove_product(line)

    office.load("deals", *BULK)

    assert [] == visible_differences(office, *BULK)
    assert [] == office.query(f"SELECT id FROM deals_products WHERE deal_id = {deal}")
    assert [] == office.query(f"SELECT id FROM deals_installments WHERE deal_id = {deal}")
    assert [] == office.query(
        f"SELECT id FROM deals_products WHERE deal_id = {other} AND id = {line}"
    )


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_deal_that_spoils_a_call_of_many_is_found_by_halves(make_office, status):
    office = make_office(deals=40)
    spoiled = {6, 21}

    def spoil(sandbox, call, serve):
        asked = {int(each) for each in dict(call.params)["deal_ids"].split(",")}
        return json_reply(status, {"success": False}) if asked & spoiled else serve()

    office.sandbox.inject(faults.Fault(on="api/v2/deals/products", act=spoil).always())
    office.load("deals", "deals_products")

    held = {deal for (deal,) in office.query("SELECT DISTINCT deal_id FROM deals_products")}
    rows = office.world.tables["deal_products"].rows.values()
    assert {row["deal_id"] for row in rows} - spoiled == held
    assert len(office.sandbox.calls("deals/products")) < 25


@pytest.mark.slow
def test_a_full_page_without_a_next_one_is_asked_for_again_with_half_the_deals(office):
    office.load("deals", "deals_installments", page_rows=3)

    assert 1 < len(office.sandbox.calls("deals/installments"))
    assert [] == office.differences("deals_installments")


def test_children_without_their_parents_table_say_what_to_load_first(office):
    with raises(LoadFailed, "deals_flow", "deals ") as failed:
        office.load("deals_flow")

    assert ParentNotLoaded is type(failed.value.failures["deals_flow"])


# Trouble


@pytest.mark.slow
def test_one_tables_failure_leaves_the_others_loaded(office):
    office.sandbox.inject(faults.refused("api/v2/pipelines", 403).always())

    with pytest.raises(LoadFailed) as failed:
        office.load("stages", "users", "pipelines")

    assert ["pipelines"] == list(failed.value.failures)
    assert [] == office.differences("stages", "users")


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("status", [402, 404])
def test_a_refused_table_that_an_account_may_lack_is_skipped_and_keeps_its_rows(office, status):
    tables = ("leads", "deals_products", "stages", "deals")
    office.load(*tables)
    before = office.query("SELECT count(*) FROM leads")
    office.advance(days=1)
    office.world.edit("deals", 7, title="Changed")
    office.sandbox.inject(
        faults.refused("v1/leads", status, "Not in your plan").always(),
        faults.refused("api/v2/deals/products", status, "Not in your plan").always(),
    )

    reports = office.load(*tables)

    assert "Not in your plan" in reports["leads"].skipped
    assert None is reports["stages"].skipped
    assert before == office.query("SELECT count(*) FROM leads")
    assert "Not in your plan" in reports["deals_products"].skipped


def test_what_is_read_for_a_table_that_is_refused_is_skipped_with_it(office):
    office.sandbox.inject(faults.refused("api/v2/projects*", 402, "Not in your plan").always())

    reports = office.load("projects", "project_changelog", "stages")

    assert "Not in your plan" in reports["projects"].skipped
    assert reports["projects"].skipped == reports["project_changelog"].skipped


def test_when_everything_is_refused_nothing_is_skipped(office):
    office.sandbox.inject(*(faults.refused(f"{path}*", 404) for path in ("v1/lead", "api/v2/")))

    with pytest.raises(LoadFailed) as failed:
        office.load("leads", "lead_labels", "products")

    assert {"leads", "lead_labels", "products"} == set(failed.value.failures)


@pytest.mark.slow
@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_first_load_killed_between_commits_goes_on_where_it_stood(
    make_office, monkeypatch, killed_after
):
    office = make_office(deals=40)
    whole, committed, read = TableLoad.commit, [], []

    def kill(table, chunk):
        if len(committed) == killed_after:
            raise KeyboardInterrupt
        committed.append({row["id"] for _, row in chunk.rows})
        whole(table, chunk)

    def go_on(table, chunk):
        if chunk.scan:
            read.append({row["id"] for _, row in chunk.rows})
        whole(table, chunk)

    monkeypatch.setattr(TableLoad, "commit", kill)
    with pytest.raises(KeyboardInterrupt):
        office.load("persons", page_rows=2)
    monkeypatch.setattr(TableLoad, "commit", go_on)

    office.load("persons", page_rows=2)

    assert [] == visible_differences(office, "persons")
    # The two walks overlap where they meet.
    assert len(set.union(*committed) & set.union(*read)) <= 4


@pytest.mark.slow
def test_an_expired_page_marker_restarts_the_walk(make_office):
    office = make_office(deals=12)
    office.sandbox.inject(faults.expired_marker("api/v2/persons").at(3))

    office.load("persons", page_rows=4)

    assert [] == office.differences("persons")


@pytest.mark.slow
def test_what_was_read_before_the_budget_ended_is_kept_and_not_paid_twice(make_office):
    office = make_office(deals=40)
    office.sandbox.inject(faults.spent("v1/deals/*/flow").at(20, times=None))
    with pytest.raises(LoadFailed) as failed:
        office.load("deals", "deals_flow")
    kept = {deal for (deal,) in office.query("SELECT DISTINCT deal_id FROM deals_flow")}
    refused = [line for line in office.sandbox.calls("/flow") if line.status == 429]
    office.sandbox.clear_faults()
    office.sandbox.log.clear()

    office.load("deals", "deals_flow")

    assert isinstance(failed.value.failures["deals_flow"], BudgetExhausted)
    assert 19 <= len(kept)
    assert CHILD_THREADS >= len(refused)
    again = {int(line.path.split("/")[-2]) for line in office.sandbox.calls("/flow")}
    assert set() == again & kept
    assert [] == visible_differences(office, "deals_flow")


def test_another_accounts_token_is_refused_before_anything_is_written(office):
    office.load("stages")
    before = office.query("SELECT * FROM _pipedrive_coverage")
    reply = {"success": True, "data": {"company_id": 4711, "company_name": "Other Ltd"}}
    office.sandbox.inject(faults.reply("v1/users/me", json_reply(200, reply)).always())

    with pytest.raises(WrongAccountError, match="4711"):
        office.load("stages", "users")

    assert before == office.query("SELECT * FROM _pipedrive_coverage")


@pytest.mark.slow
def test_two_loads_at_once_leave_one_of_everything(make_office):
    office = make_office(deals=15)
    failures = []

    def run():
        try:
            office.load("deals", "stages", "deals_participants")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failures
    assert [] == office.differences("deals", "stages", "deals_participants")


def test_a_lock_that_is_not_let_go_says_who_holds_it(office):
    office.load("stages")
    waiting = type(office.warehouse)(office.warehouse.path, "pipedrive_data", lock_seconds=0.1)
    said = []

    def wait():
        with pytest.raises(WarehouseError) as refused, waiting.exclusive():
            pass
        said.append(str(refused.value))

    with office.warehouse.exclusive():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()

    assert "process" in said[0]
    assert str(os.getpid()) in said[0]


def test_the_api_token_is_nowhere_in_the_warehouse_or_its_folder(make_office):
    office = make_office(deals=10)
    office.sandbox.api_token = "t0ps3cret-0123456789"

    office.load("deals", "stages", "users")

    found = [
        path
        for path in office.warehouse.path.parent.rglob("*")
        if path.is_file() and b"t0ps3cret-0123456789" in path.read_bytes()
    ]
    assert [] == found


@pytest.mark.slow
def test_the_first_load_of_a_thousand_deals_costs_little_more_than_it_must(make_office):
    office = make_office(deals=1000)
    chosen = [e for e in DEFAULT_ENTITIES if e.name not in {"deals_flow", "deals_participants"}]

    reports = office.load(*(entity.name for entity in chosen))

    floor = 2 + 5 * 10
    for entity in chosen:
        for endpoint in () if entity.parent or entity.shape in OWN_SHAPES else entity.endpoints:
            where = (
                f"WHERE is_archived = {endpoint != entity.endpoints[0]}" if entity.archived else ""
            )
            ((rows,),) = office.query(f"SELECT count(*) FROM {entity.name} {where}")
            floor += max(1, -(-rows // entity.page_rows)) * endpoint.tokens_per_page
    ((sold,),) = office.query("SELECT count(*) FROM deals WHERE products_count > 0")
    floor += 2 * -(-sold // 100) * 10
    assert set(reports) == {entity.name for entity in chosen}
    assert office.sandbox.tokens_spent <= 1.1 * floor


@pytest.mark.slow
def test_what_the_sensor_asks_for_costs_little_when_nothing_has_changed(office):
    watched = [
        e.name for e in DEFAULT_ENTITIES if e.kind is not Kind.SNAPSHOT and e.supports_updated_since
    ]
    office.load(*watched)
    office.advance(minutes=10)
    office.load(*watched, newest=False)
    office.sandbox.log.clear()

    reports = office.load(*watched, newest=False)

    entities = [BY_NAME[name] for name in watched if not BY_NAME[name].parent]
    lists = sum(endpoint.tokens_per_page for entity in entities for endpoint in entity.endpoints)
    account, definitions = 2, 10 * len({entity.fields for entity in entities if entity.fields})
    assert account + lists + definitions == office.sandbox.tokens_spent
    assert {"leads": 2, "notes": 1, "deals_products": 0} == {
        name: reports[name].stats.requests for name in ("leads", "notes", "deals_products")
    }


def without_rows(warehouse, _entity, _rows, _custom, then):
    with warehouse.sql() as sql:
        then(sql, "1")


@pytest.mark.slow
@pytest.mark.parametrize("tables", [("stages",), ("deals", "deals_participants")])
def test_rows_that_do_not_arrive_in_the_table_are_a_failure(office, monkeypatch, tables):
    """Whatever sends them elsewhere: an empty table is never complete."""
    *before, name = tables
    if before:
        office.load(*before)
    with monkeypatch.context() as patched:
        patched.setattr(merge, "load_rows", without_rows)
        with raises(LoadFailed, f"rows of {name}", "pipedrive_data") as failed:
            office.load(name)
        assert [name] == [*failed.value.failures]

    assert [] == office.query(
        f"SELECT 1 FROM _pipedrive_coverage WHERE entity = '{name}' AND complete_until IS NOT NULL"
    )
    office.load(name)
    assert [] == office.differences(name)
