"""Reconciliation: what no window shows is found, and nothing is marked that is not gone."""

from datetime import timedelta

import pytest

from pipedrive_assets.api import Caps
from pipedrive_assets.errors import (
    ConfigurationError,
    ImplausibleLoss,
    LoadFailed,
    ScopeMissing,
    TransientApiError,
)
from pipedrive_assets.extract.plan import Watermark
from pipedrive_assets.load.reconciliation.run import Reconciliation, children_to_read_again
from pipedrive_assets.registry import BY_NAME, ENTITIES, Kind
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import gateway_reply, json_reply
from pipedrive_assets.warehouse import ledger
from pipedrive_assets.warehouse.statements import transaction

WINDOWED = tuple(entity.name for entity in ENTITIES if entity.kind is Kind.WINDOWED)


def mark_of(office, table, key):
    literal = f"'{key}'" if isinstance(key, str) else key
    rows = office.query(f"SELECT _deleted_reason, _deleted_at FROM {table} WHERE id = {literal}")
    return rows[0] if rows else None


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("table", WINDOWED)
def test_a_row_deleted_behind_our_back_is_marked_with_reason_and_time(office, table):
    office.load(table)
    key = office.world.ids(table)[3]
    office.world.purge(table, key)
    office.advance(minutes=10)

    report = office.reconcile(table)[table]

    assert ("deleted", office.sandbox.now) == mark_of(office, table, key)
    assert 1 == report.written.marked_deleted
    assert [] == office.differences(table)


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("table", WINDOWED)
def test_a_row_that_left_the_view_is_marked_and_loses_the_mark_when_it_comes_back(office, table):
    office.load(table)
    key = office.world.ids(table)[2]
    office.world.hide(table, key)
    office.reconcile(table)
    away = mark_of(office, table, key)[0]
    office.world.show(table, key)

    office.reconcile(table)

    assert "out_of_view" == away
    assert (None, None) == mark_of(office, table, key)
    assert [] == office.differences(table)


@pytest.mark.slow
def test_a_row_that_comes_back_with_a_change_loses_its_mark_by_a_window(office):
    office.load("persons")
    office.world.hide("persons", 5)
    office.reconcile("persons")
    office.advance(minutes=10)
    office.world.show("persons", 5)
    office.world.edit("persons", 5, name="Back Again")

    office.load("persons")

    assert (None, None) == mark_of(office, "persons", 5)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["persons", "organizations"])
def test_a_merged_row_is_marked_and_what_it_owned_is_the_winners(office, table):
    office.load(table, "deals", "activities")
    loser = office.world.ids(table)[-1]
    office.world.merge(table, loser, 5)
    office.load(table, "deals", "activities")

    office.reconcile(table, "deals", "activities")

    assert "deleted" == mark_of(office, table, loser)[0]
    assert [] == office.differences(table, "deals", "activities")


@pytest.mark.slow
def test_a_merge_is_called_so_where_pipedrive_tells(office):
    office.load("persons")
    office.world.merge("persons", 12, 5)
    told = {"success": True, "data": {"id": 12, "merge_what_id": 5}}
    office.sandbox.inject(faults.reply("api/v2/persons/12", json_reply(200, told)).always())

    office.reconcile("persons")

    assert "merged" == mark_of(office, "persons", 12)[0]


@pytest.mark.slow
def test_deals_deleted_longer_ago_than_they_are_listed_are_found_with_their_children(make_office):
    office = make_office(deals=12)
    tables = ("deals", "deals_participants", "deals_flow", "deals_products")
    office.load(*tables)
    alive = "SELECT min(deal_id) FROM deals_products WHERE _deleted_at IS NULL"
    ((key,),) = office.query(alive)
    office.world.delete("deals", key)
    office.advance(days=40)

    office.reconcile("deals")

    assert "deleted" == mark_of(office, "deals", key)[0]
    for child in tables[1:]:
        marks = f"SELECT DISTINCT _deleted_reason FROM {child} WHERE deal_id = {key}"
        assert [("deleted",)] == office.query(marks)
        others = f"SELECT count(*) FROM {child} WHERE deal_id <> {key} AND _deleted_at IS NOT NULL"
        gone = {k for (k,) in office.query("SELECT id FROM deals WHERE _deleted_at IS NOT NULL")}
        ((marked,),) = office.query(f"{others} AND deal_id NOT IN ({','.join(map(str, gone))})")
        assert 0 == marked


@pytest.mark.slow
def test_a_deal_seen_as_deleted_by_a_window_takes_its_children_along_and_back(make_office):
    office = make_office(deals=12)
    tables = ("deals", "deals_participants")
    office.load(*tables)
    alive = "SELECT min(deal_id) FROM deals_participants WHERE _deleted_at IS NULL"
    ((key,),) = office.query(alive)
    office.advance(minutes=10)
    before = dict(office.world.row("deals", key))
    office.world.delete("deals", key)
    office.load(*tables)
    reasons = f"SELECT DISTINCT _deleted_reason FROM deals_participants WHERE deal_id = {key}"
    away = (mark_of(office, "deals", key)[0], office.query(reasons))
    office.advance(minutes=10)
    office.world.row("deals", key).update(before)
    office.world.edit("deals", key, title="Restored")

    office.load(*tables)

    assert ("deleted", [("deleted",)]) == away
    assert [(None,)] == office.query(reasons)


@pytest.mark.slow
def test_rows_that_no_window_can_show_are_loaded(office):
    office.load(*WINDOWED)
    for table in ("deals", "persons", "activities"):
        office.world.hide(table, office.world.ids(table)[1])
    office.reconcile("deals", "persons", "activities")
    office.advance(days=2)
    office.world.add("persons", name="Never Edited", update_time=None)
    office.world.row("organizations", 3)["name"] = "Changed without a date"
    for table in ("deals", "persons", "activities"):
        office.world.show(table, office.world.ids(table)[1])
    office.world.tables["organizations"].touch()

    office.reconcile()

    assert [] == office.differences(*WINDOWED)


@pytest.mark.slow
def test_a_counter_is_as_of_its_rows_own_change_until_a_reconciliation(office):
    office.load("deals")

    def counted():
        return office.query("SELECT notes_count FROM deals WHERE id = 5")[0][0]

    before = counted()
    office.world.add("notes", deal_id=5)
    office.advance(minutes=10)
    office.load("deals")
    assert before == counted()

    office.reconcile("deals")
    assert before + 1 == counted()


@pytest.mark.slow
def test_a_limited_history_stays_limited(office):
    since = office.sandbox.now - timedelta(days=10)
    office.load("deals", since=since)
    before = office.query("SELECT count(*) FROM deals")

    office.reconcile("deals", since=since)

    assert before == office.query("SELECT count(*) FROM deals")


@pytest.mark.slow
def test_an_undisturbed_account_is_reconciled_without_a_write(office):
    office.load(*WINDOWED)
    office.advance(seconds=1)

    reports = office.reconcile()

    assert dict.fromkeys(WINDOWED, (0, 0)) == {
        name: (report.written.loaded, report.written.marked_deleted)
        for name, report in reports.items()
    }


@pytest.mark.slow
def test_an_incomplete_walk_marks_nothing(office):
    office.load("persons", "notes")
    for table in ("persons", "notes"):
        office.world.purge(table, office.world.ids(table)[2])
    office.sandbox.inject(
        faults.server_error("api/v2/persons").at(2, times=None),
        faults.truncated("v1/notes").at(2, times=None),
    )

    with pytest.raises(LoadFailed) as failed:
        office.reconcile("persons", "notes", page_rows=5)

    assert all(isinstance(each, TransientApiError) for each in failed.value.failures.values())
    assert {"persons", "notes"} == failed.value.failures.keys()
    for table in ("persons", "notes"):
        assert [(0,)] == office.query(f"SELECT count(_deleted_at) FROM {table}")


def test_an_implausible_loss_marks_nothing_and_says_how_to_go_on(office):
    office.load("persons")
    ids = office.world.ids("persons")
    for key in ids[: len(ids) // 2]:
        office.world.hide("persons", key)

    with pytest.raises(LoadFailed, match="reconcile persons --accept-loss") as failed:
        office.reconcile("persons")

    assert ImplausibleLoss is type(failed.value.failures["persons"])
    assert [(0,)] == office.query("SELECT count(_deleted_at) FROM persons")
    office.reconcile("persons", accept_loss=True)
    assert [] == office.differences("persons")


@pytest.mark.slow
def test_a_small_table_may_lose_all_its_rows(office):
    office.load("leads")
    for key in office.world.ids("leads")[9:]:
        office.world.purge("leads", key)
    office.reconcile("leads", accept_loss=True)
    for key in office.world.ids("leads"):
        office.world.purge("leads", key)

    office.reconcile("leads", max_share=0.0)

    assert [] == office.differences("leads")


@pytest.mark.slow
def test_a_row_that_the_list_leaves_out_but_pipedrive_still_has_is_not_marked(office):
    office.load("persons")

    def leave_out(reply):
        body = reply.json()
        body["data"] = [row for row in body["data"] if row["id"] != 7]
        return json_reply(200, body)

    office.sandbox.inject(faults.changed("api/v2/persons", leave_out).always())

    office.reconcile("persons")

    assert (None, None) == mark_of(office, "persons", 7)


@pytest.mark.slow
def test_more_missing_rows_than_are_asked_for_are_marked_without_a_reason(office, monkeypatch):
    monkeypatch.setattr("pipedrive_assets.load.reconciliation.run.CONFIRMED_ROWS", 2)
    office.load("persons")
    for key in (4, 5, 6):
        office.world.purge("persons", key)

    office.reconcile("persons")

    reasons = office.query("SELECT _deleted_reason FROM persons WHERE id IN (4, 5, 6) ORDER BY id")
    assert [("deleted",), ("deleted",), ("vanished",)] == reasons


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_killed_reconciliation_goes_on_where_it_stood(make_office, monkeypatch, killed_after):
    office = make_office(deals=40)
    office.load("persons", page_rows=500)
    office.world.purge("persons", 3)
    whole, committed, listed = Reconciliation.commit, [], []

    def kill(work, chunk):
        if len(committed) == killed_after:
            raise KeyboardInterrupt
        committed.append({row["id"] for _, row in chunk.rows})
        whole(work, chunk)

    def go_on(work, chunk):
        listed.append({row["id"] for _, row in chunk.rows})
        whole(work, chunk)

    monkeypatch.setattr(Reconciliation, "commit", kill)
    with pytest.raises(KeyboardInterrupt):
        office.reconcile("persons", page_rows=2)
    monkeypatch.setattr(Reconciliation, "commit", go_on)

    office.reconcile("persons", page_rows=2)

    # The two walks overlap where they meet.
    assert len(set.union(*committed) & set.union(*listed)) <= 4
    assert set(office.world.ids("persons")) == set.union(*committed, *listed)
    assert [] == office.differences("persons")
    assert [] == office.query("SELECT * FROM _pipedrive_seen")


def test_a_table_that_was_never_loaded_is_skipped(office):
    report = office.reconcile("persons")["persons"]

    assert report.skipped
    assert 0 == report.stats.requests


def test_tables_that_are_read_whole_need_no_reconciliation(office):
    with pytest.raises(ConfigurationError, match="stages"):
        office.reconcile("stages")


# Children that change without their deal


def untouched_participant(office):
    """A deal that gets a participant without a word."""
    alive = "SELECT min(deal_id) FROM deals_participants WHERE _deleted_at IS NULL"
    ((deal,),) = office.query(alive)
    taken = {row["person_id"] for row in office.world.tables["participants"].where("deal_id", deal)}
    person = next(key for key in office.world.ids("persons") if key not in taken)
    office.world.add_participant(deal, person, touch=False)
    return deal


@pytest.mark.slow
def test_children_that_changed_without_their_deal_are_found_within_the_days_set(make_office):
    office = make_office(deals=20)
    tables = ("deals", "deals_participants", "deals_products", "deals_installments")
    office.load(*tables)
    untouched_participant(office)
    line = office.world.ids("deal_products")[0]
    office.world.row("deal_products", line)["comments"] = "changed without a word"
    office.world.tables["deal_products"].touch()
    office.reconcile("deals")

    for _ in range(4):
        office.world.instant += timedelta(days=1)
        office.load(*tables, recheck_days=4)

    found = office.differences("deals_participants", "deals_products")
    assert [] == [each for each in found if ".person:" not in each]


@pytest.mark.slow
def test_what_drifts_is_found_within_the_days_set(make_office):
    office = make_office(deals=8)
    tables = ("products", "products_variations", "notes", "note_comments")
    office.load(*tables)
    changed = {"products_variations": "variations", "note_comments": "comments"}
    for table in changed.values():
        row = office.world.row(table, office.world.ids(table)[0])
        row["name" if table == "variations" else "content"] = "changed without a word"
        office.world.tables[table].touch()
    assert 2 == len(office.differences(*changed))

    for _ in range(4):
        office.world.instant += timedelta(days=1)
        office.load(*tables, recheck_days=4)

    assert [] == office.differences(*changed)


def swapped_participant(office):
    """A deal of which one participant took another's place: no counter shows it."""
    deal = untouched_participant(office)
    taken = office.world.tables["participants"].where("deal_id", deal)[0]["person_id"]
    office.world.remove_participant(deal, taken, touch=False)
    return deal


def participants(office):
    """What is wrong with the participants held, their persons' counters aside."""
    found = office.differences("deals_participants")
    return [each for each in found if ".person:" not in each]


@pytest.mark.slow
def test_a_swap_of_participants_that_no_counter_shows_is_found_within_the_days_set(make_office):
    office = make_office(deals=20)
    tables = ("deals", "deals_participants")
    office.load(*tables)
    swapped_participant(office)
    office.reconcile("deals")
    assert [] != participants(office)

    calls = []
    for _ in range(4):
        office.world.instant += timedelta(days=1)
        calls.append(office.load(*tables, recheck_days=4)["deals_participants"].stats.requests)

    assert [] == participants(office)
    assert max(calls) < sum(calls)


@pytest.mark.slow
def test_a_reconciliation_reads_all_children_again_where_that_is_asked_for(make_office):
    office = make_office(deals=20)
    tables = ("deals", "deals_participants", "deals_products", "deals_flow")
    office.load(*tables)
    swapped_participant(office)
    again = children_to_read_again((BY_NAME["deals"],), [BY_NAME[name] for name in tables])

    reports = office.reconcile("deals", children=again)

    assert ["deals_participants", "deals_products"] == [entity.name for entity in again]
    assert {"deals", *(entity.name for entity in again)} == set(reports)
    assert [] == participants(office)


@pytest.mark.slow
def test_children_that_a_cap_keeps_from_a_reconciliation_are_read_by_later_loads(make_office):
    office = make_office(deals=20)
    tables = ("deals", "deals_participants")
    office.load(*tables)
    office.world.instant += timedelta(minutes=10)
    office.load(*tables)
    office.world.instant += timedelta(minutes=10)
    swapped_participant(office)
    again = (BY_NAME["deals_participants"],)

    waiting = office.reconcile("deals", children=again, caps=Caps(per_run=10))[again[0].name]
    later = office.load(*tables)[again[0].name]

    assert waiting.waiting.count == later.stats.requests > 10
    assert [] == participants(office)


@pytest.mark.slow
def test_children_whose_first_load_is_not_finished_are_skipped(make_office):
    office = make_office(deals=5)
    office.load("deals")

    reports = office.reconcile("deals", children=(BY_NAME["deals_participants"],))

    assert reports["deals_participants"].skipped
    assert 0 == reports["deals_participants"].stats.requests


@pytest.mark.slow
def test_a_recheck_takes_what_the_caps_leave_and_nothing_waits_for_it(make_office):
    office = make_office(deals=20)
    tables = ("deals", "deals_participants", "deals_flow")
    office.load(*tables)
    office.world.instant += timedelta(minutes=10)
    office.load(*tables)
    office.world.instant += timedelta(days=1)
    deal = office.world.ids("deals")[0]
    office.world.edit("deals", deal, title="Edited")

    reports = office.load(*tables, recheck_days=1, caps=Caps(per_run=80))

    assert {10 * 4, 40} == {reports[each].stats.tokens for each in tables[1:]}
    assert [None, None] == [reports[each].waiting for each in tables[1:]]
    held = "SELECT count(*) FROM _pipedrive_children WHERE entity = 'deals_participants' AND"
    left = office.query(f"{held} read_at < TIMESTAMPTZ '{office.midnight.isoformat()}'")
    office.load(*tables, recheck_days=1, caps=Caps(per_run=80))
    assert left > office.query(f"{held} read_at < TIMESTAMPTZ '{office.midnight.isoformat()}'")


@pytest.mark.slow
def test_histories_are_read_again_in_their_turn_where_the_setting_says_so(make_office):
    office = make_office(deals=8)
    office.load("deals", "deals_flow")
    key, row = next(iter(office.world.tables["notes"].rows.items()))
    deal = office.query("SELECT min(id) FROM deals WHERE _deleted_at IS NULL")[0][0]
    office.world.edit("notes", key, deal_id=deal)
    office.world.tables["deals"].touch()

    office.world.instant += timedelta(days=2)
    office.load("deals", "deals_flow", recheck_flow_days=2)

    assert row["deal_id"] == deal
    assert [] == office.differences("deals_flow")
    assert 0 == office.load("deals", "deals_flow", recheck_flow_days=2)["deals_flow"].stats.requests


@pytest.mark.slow
def test_rechecks_are_spread_over_the_days_and_made_up_for(make_office):
    office = make_office(deals=40)
    office.load("deals", "deals_products")
    asked = []
    for days in (1, 1, 3, 1):
        office.world.instant += timedelta(days=days)
        office.load("deals", "deals_products", recheck_days=5)
        office.sandbox.log.clear()
        report = office.load("deals", "deals_products", recheck_days=5)["deals_products"]
        asked.append(report.what)

    assert ["children of 0 deals"] * 4 == asked
    days = "SELECT count(DISTINCT read_at) FROM _pipedrive_children WHERE entity = 'deals_products'"
    assert [(4,)] == office.query(days)


@pytest.mark.slow
def test_the_history_of_an_unchanged_deal_is_not_read_again(make_office):
    office = make_office(deals=10)
    office.load("deals", "deals_flow")
    office.world.instant += timedelta(days=1)
    office.load("deals", "deals_flow")
    office.world.instant += timedelta(days=60)

    report = office.load("deals", "deals_flow", recheck_days=1)["deals_flow"]

    assert 0 == report.stats.requests


@pytest.mark.slow
def test_a_full_load_reads_every_deals_children_again(make_office):
    office = make_office(deals=10)
    office.load("deals", "deals_participants")
    untouched_participant(office)

    office.load("deals", "deals_participants", full=True)

    found = office.differences("deals_participants")
    assert [] == [each for each in found if ".person:" not in each]


@pytest.mark.slow
def test_a_full_load_of_children_that_was_stopped_is_finished_by_the_next_run(make_office):
    office = make_office(deals=30)
    office.load("deals", "deals_flow")
    office.world.instant += timedelta(minutes=10)
    office.load("deals", "deals_flow")
    office.sandbox.inject(faults.spent("v1/deals/*/flow").at(12, times=None))
    with pytest.raises(LoadFailed):
        office.load("deals", "deals_flow", full=True)
    office.sandbox.clear_faults()
    office.world.instant += timedelta(minutes=10)
    office.sandbox.log.clear()

    office.load("deals", "deals_flow")

    ((deals,),) = office.query("SELECT count(*) FROM deals")
    assert 10 < len(office.sandbox.calls("/flow")) <= deals - 11
    assert 0 == office.load("deals", "deals_flow")["deals_flow"].stats.requests


# The ledger under fire


@pytest.mark.slow
def test_a_kill_between_two_statements_does_not_forget_what_is_held(office):
    office.load("persons")
    before = office.query("SELECT * FROM _pipedrive_coverage")
    with office.warehouse.sql() as sql:
        ask = sql.execute_sql

        def die(statement, *values):
            if statement.startswith("INSERT INTO"):
                raise KeyboardInterrupt
            return ask(statement, *values)

        sql.execute_sql = die
        with pytest.raises(KeyboardInterrupt), transaction(sql):
            ledger.record_watermark(sql, BY_NAME["persons"], Watermark(), office.sandbox.now)
        del sql.execute_sql

    assert before == office.query("SELECT * FROM _pipedrive_coverage")


@pytest.mark.slow
def test_rows_that_another_run_loads_behind_a_killed_walk_are_not_taken_for_gone(
    make_office, monkeypatch
):
    monkeypatch.setattr("pipedrive_assets.load.reconciliation.run.CONFIRMED_ROWS", 1)
    office = make_office(deals=40)
    for key in (2, 3, 4):
        office.world.hide("persons", key)
    office.load("persons")
    whole, commits = Reconciliation.commit, []

    def kill(work, chunk):
        if commits:
            raise KeyboardInterrupt
        commits.append(work)
        whole(work, chunk)

    monkeypatch.setattr(Reconciliation, "commit", kill)
    with pytest.raises(KeyboardInterrupt):
        office.reconcile("persons", page_rows=2)
    monkeypatch.setattr(Reconciliation, "commit", whole)
    office.advance(minutes=10)
    for key in (2, 3, 4):
        office.world.show("persons", key)
        office.world.edit("persons", key, name="Visible again")
    office.load("persons")

    office.reconcile("persons", page_rows=2)

    assert [] == office.query("SELECT * FROM persons WHERE _deleted_at IS NOT NULL AND id < 5")
    assert [] == office.differences("persons")


@pytest.mark.slow
def test_a_resumed_reconciliation_says_so_and_an_old_one_begins_anew(office):
    office.load("persons", page_rows=5)
    begun = office.sandbox.now.strftime("%Y-%m-%dT%H:%M")
    for hours in (0, 2):
        office.sandbox.inject(faults.server_error("api/v2/persons").at(3, times=None))
        with pytest.raises(LoadFailed):
            office.reconcile("persons", page_rows=5)
        office.sandbox.clear_faults()
        office.advance(hours=hours)

        report = office.reconcile("persons")["persons"]

        assert (hours == 0) == (begun in report.what)


def test_a_scope_that_is_missing_for_one_look_up_marks_no_row_and_fails_the_table(office):
    """A row that is listed is answered, so only the text says that this 403 proves nothing."""
    office.load("persons")
    key = office.world.ids("persons")[3]
    office.world.purge("persons", key)
    office.sandbox.inject(
        faults.reply("api/v2/persons/*", gateway_reply(403, "Scope and URL mismatch"))
    )
    with pytest.raises(LoadFailed) as caught:
        office.reconcile("persons")

    assert isinstance(caught.value.failures["persons"], ScopeMissing)
    assert (None, None) == mark_of(office, "persons", key)
