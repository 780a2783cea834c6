"""Children that are refused, come back empty or belong to nobody: nothing counts as read too soon.

Every fault lasts for one run (or more), and one healthy run afterwards equals the account.
"""

from collections import Counter
from dataclasses import replace

import pytest

from pipedrive_assets.errors import (
    DataError,
    Forbidden,
    LoadFailed,
    PipedriveBadRequestError,
    PipedriveNotFoundError,
    PipedrivePaymentRequiredError,
)
from pipedrive_assets.extract.child_scans import CHILD_THREADS, REFUSALS
from pipedrive_assets.load import LoadRequest, load
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets.windows import Window
from pipedrive_assets_tests.load.test_layout import execute

FLOW, PARTICIPANTS, PRODUCTS = "deals_flow", "deals_participants", "deals_products"
EMPTY = [
    (FLOW, None),
    (PARTICIPANTS, []),
    (PRODUCTS, []),
    ("deals_installments", []),
    ("deals_discounts", []),
    ("deals_participants_changelog", None),
]
"""Children of each kind: with a counter of their own, of something else, without one; in bulk."""


def run(office, *names, **how):
    """The reports of a load; where the load failed, its failures by table."""
    try:
        return office.load(*names, **how)
    except LoadFailed as failed:
        return failed.failures


def held(office, table):
    """Parents that the ledger counts as read."""
    return {
        parent
        for (parent,) in office.query(
            "SELECT parent_id FROM _pipedrive_children "
            f"WHERE entity = '{table}' AND read_at IS NOT NULL"
        )
    }


def nothing(on, data):
    return faults.reply(on, json_reply(200, {"success": True, "data": data})).always()


def calls(office, text):
    return [line for line in office.sandbox.calls(text) if "/archived" not in line.path]


# Refusals


@pytest.fixture
def office(make_office):
    return make_office(deals=12)


@pytest.mark.slow
@pytest.mark.samples(3)
@pytest.mark.parametrize(
    ("table", "status", "nth"),
    [
        *((FLOW, status, 5) for status in (400, 402, 403, 404, 415)),
        *((FLOW, status, 1) for status in (403, 404)),
        *((PARTICIPANTS, status, 5) for status in (405, 410, 422)),
    ],
)
def test_everything_below_deals_is_refused_from_the_nth_call_on(make_office, table, status, nth):
    office = make_office(deals=42)
    office.load("deals")
    office.sandbox.inject(
        faults.refused(f"v1/deals/*/{table.removeprefix('deals_')}", status).at(nth, times=None),
        faults.refused("api/v2/deals/*", status),
    )

    failure = run(office, table)[table]

    assert status == failure.status
    assert len(office.query(f"SELECT DISTINCT deal_id FROM {table}") if nth > 1 else ()) < nth
    assert len(calls(office, "deals/")) <= nth + 2 * (REFUSALS + 2 * CHILD_THREADS)
    office.sandbox.clear_faults()

    assert 0 == run(office, table)[table].unread
    assert [] == office.differences(table)
    assert {*office.world.ids("deals")} <= held(office, table)


def test_a_402_of_a_single_record_concerns_the_account_and_stops_the_table(office):
    office.load("deals")
    office.sandbox.inject(
        faults.refused("v1/deals/*/flow", 402), faults.refused("api/v2/deals/*", 402)
    )

    failure = run(office, FLOW)[FLOW]

    assert isinstance(failure, PipedrivePaymentRequiredError)
    assert 2 == len(calls(office, "deals/"))


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize(("status", "record"), [(400, None), (403, 415), (405, 400)])
def test_a_refusal_of_one_deal_is_that_deals_in_every_run(office, status, record):
    office.load("deals")
    office.sandbox.inject(faults.refused("v1/deals/7/participants", status))
    if record:
        office.sandbox.inject(faults.refused("api/v2/deals/7", record))

    first = run(office, PARTICIPANTS)[PARTICIPANTS]
    second = run(office, PARTICIPANTS)[PARTICIPANTS]

    assert [1, 1] == [first.unread, second.unread]
    assert f"Pipedrive answered {status} to GET /v1/deals/7/participants" in second.unread_reason
    assert 7 not in held(office, PARTICIPANTS)
    assert None is first.complete_until is second.complete_until
    office.sandbox.clear_faults()

    last = run(office, PARTICIPANTS)[PARTICIPANTS]

    assert 0 == last.unread
    assert None is not last.complete_until
    assert [] == office.differences(PARTICIPANTS)


@pytest.mark.slow
def test_complete_until_stays_where_it_was_while_a_deal_is_unread(office):
    before = office.load("deals", FLOW)[FLOW].complete_until
    office.advance(hours=2)
    office.world.edit("deals", 7, title="Moved")
    office.world.edit("deals", 8, title="Moved")
    office.sandbox.inject(faults.refused("v1/deals/7/flow", 403))

    report = office.load("deals", FLOW)[FLOW]

    assert before == report.complete_until
    assert 1 == report.unread
    office.sandbox.clear_faults()
    assert before < office.load("deals", FLOW)[FLOW].complete_until


@pytest.mark.slow
def test_many_deals_refused_in_a_row_hinder_no_other_while_one_read_before_is_answered(office):
    office.load("deals")
    refused = range(3, 10)
    office.sandbox.inject(*(faults.refused(f"v1/deals/{deal}/flow", 403) for deal in refused))

    reports = [run(office, FLOW)[FLOW] for _ in range(2)]

    assert [7, 7] == [report.unread for report in reports]
    assert {*refused} == {*office.world.ids("deals")} - held(office, FLOW)


@pytest.mark.slow
def test_a_closed_endpoint_fails_although_only_one_deal_is_left_to_be_read(office):
    office.load("deals", FLOW)
    office.advance(hours=1)
    office.load("deals", FLOW)
    office.advance(hours=1)
    office.world.edit("deals", 7, title="Moved")
    office.sandbox.inject(faults.refused("v1/deals/*/flow", 403))

    failures = run(office, "deals", FLOW)

    assert isinstance(failures[FLOW], Forbidden)


@pytest.mark.slow
def test_an_endpoint_for_many_deals_that_closes_in_mid_run_is_left_alone_soon(make_office):
    office = make_office(deals=400)
    office.load("deals")
    office.sandbox.inject(faults.refused("api/v2/deals/products", 400).at(2, times=None))

    failure = run(office, PRODUCTS)[PRODUCTS]

    assert isinstance(failure, PipedriveBadRequestError)
    assert len(calls(office, "deals/products")) <= 2 + REFUSALS + CHILD_THREADS
    office.sandbox.clear_faults()
    office.load(PRODUCTS)
    office.load(PRODUCTS)
    assert [] == office.differences(PRODUCTS)


@pytest.mark.slow
def test_a_record_that_fails_for_good_says_nothing_about_its_deal(office):
    office.load("deals")
    office.sandbox.inject(
        faults.refused("v1/deals/7/flow", 403), faults.server_error("api/v2/deals/7").always()
    )

    failure = run(office, FLOW)[FLOW]

    assert 503 == failure.status
    assert {7} == {*office.world.ids("deals")} - held(office, FLOW)


# Parents that are not found


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize(("status", "runs"), [(404, 1), (410, 3)])
def test_a_deal_that_is_not_found_for_an_hour_is_read_afterwards(office, status, runs):
    office.load("deals")
    office.sandbox.inject(
        faults.refused("v1/deals/7/*", status), faults.refused("api/v2/deals/7", status)
    )

    reports = [run(office, FLOW)[FLOW] for _ in range(runs)]

    assert {0} == {report.unread for report in reports}
    assert 7 not in held(office, FLOW)
    office.sandbox.clear_faults()
    office.load(FLOW)
    assert [] == office.differences(FLOW)


@pytest.mark.slow
def test_a_deal_that_stays_missing_costs_one_record_a_run_until_it_is_marked(office):
    office.load("deals")
    office.world.purge("deals", 7)
    office.load(FLOW)
    office.sandbox.log.clear()

    office.load(FLOW)

    assert ["/api/v2/deals/7"] == [line.path for line in calls(office, "deals")]
    office.reconcile("deals")
    office.load(FLOW)
    office.sandbox.log.clear()
    office.load(FLOW)
    assert [] == calls(office, "deals")


@pytest.mark.slow
def test_a_deleted_deal_whose_children_were_refused_is_asked_once_more(office):
    office.load("deals", FLOW)
    office.advance(hours=1)
    office.world.edit("deals", 7, title="Last words")
    office.world.delete("deals", 7)
    office.sandbox.inject(faults.refused("v1/deals/7/flow", 403))
    office.load("deals", FLOW)
    office.sandbox.clear_faults()

    office.load("deals", FLOW)

    assert [] == [each for each in office.differences(FLOW) if "(7," in each]


@pytest.mark.slow
def test_a_record_that_shows_another_deal_is_not_the_one_that_was_asked_for(office):
    office.load("deals")
    merged = faults.changed(
        "api/v2/deals/7",
        lambda genuine: json_reply(
            200, {"success": True, "data": {**genuine.json()["data"], "id": 8}}
        ),
    )
    office.sandbox.inject(faults.refused("v1/deals/7/flow", 403), merged.always())

    report = office.load(FLOW)[FLOW]

    assert 0 == report.unread
    assert 7 not in held(office, FLOW)


# Empty replies


@pytest.mark.slow
@pytest.mark.samples(3)
@pytest.mark.parametrize(("table", "data"), EMPTY)
def test_empty_replies_in_one_run_take_nothing_away_and_hide_nothing(office, table, data):
    entity = BY_NAME[table]
    path = entity.path if entity.bulk else entity.path.format(id="*")
    office.load("deals", table)
    office.load("deals", table)
    before = office.query(f"SELECT count(*) FROM {table}")
    office.advance(hours=1)
    for deal in office.world.ids("deals"):
        office.world.edit("deals", deal, title="Moved")
    office.sandbox.inject(nothing(path, data))

    run(office, "deals", table)

    assert before == office.query(f"SELECT count(*) FROM {table}")
    office.sandbox.clear_faults()
    run(office, "deals", table)
    assert [] == office.differences(table)


@pytest.mark.slow
@pytest.mark.parametrize("changed", [2, 12], ids=["a few deals", "all deals"])
@pytest.mark.parametrize(
    ("table", "data"),
    [(FLOW, []), (PARTICIPANTS, None), (PRODUCTS, []), ("deals_changelog", [])],
)
def test_empty_replies_in_two_runs_remove_no_rows_that_something_contradicts(
    office, table, data, changed
):
    entity = BY_NAME[table]
    path = entity.path if entity.bulk else entity.path.format(id="*")
    office.load("deals", table)
    office.load("deals", table)
    filled = office.query(
        f"SELECT DISTINCT deal_id FROM {table} WHERE deal_id IN (SELECT id FROM deals_live)"
    )
    before = office.query(f"SELECT count(*) FROM {table}")
    office.advance(hours=1)
    for (deal,) in filled[:changed]:
        office.world.edit("deals", deal, title="Moved")
    office.sandbox.inject(nothing(path, data))

    complete_until = run(office, "deals", table)[table].complete_until
    outcome = run(office, "deals", table)[table]

    assert before == office.query(f"SELECT count(*) FROM {table}")
    assert "in two runs, although" in str(getattr(outcome, "unread_sentence", outcome))
    assert (
        complete_until
        == office.query(f"SELECT complete_until FROM _pipedrive_coverage WHERE entity = '{table}'")[
            0
        ][0]
    )
    office.sandbox.clear_faults()
    run(office, "deals", table)
    assert [] == office.differences(table)


def test_a_table_fails_as_soon_as_a_control_deal_is_empty_too(make_office):
    office = make_office(deals=40)
    office.load("deals", "deals_changelog")
    office.load("deals", "deals_changelog")
    office.advance(hours=1)
    deals = list(office.world.ids("deals"))[:20]
    for deal in deals:
        office.world.edit("deals", deal, title="Moved")
    office.sandbox.inject(nothing("v1/deals/*/changelog", []))
    run(office, "deals", "deals_changelog")
    office.sandbox.log.clear()

    failure = run(office, "deals_changelog")["deals_changelog"]

    assert isinstance(failure, DataError)
    requested = Counter(line.path for line in calls(office, "/changelog"))
    changed = {f"/v1/deals/{deal}/changelog" for deal in deals}
    assert [1] == [times for path, times in requested.items() if path not in changed]


@pytest.mark.parametrize("others", [0, 2], ids=["alone", "with others"])
def test_a_deleted_deal_with_an_empty_history_is_complete_and_keeps_its_rows(office, others):
    office.load("deals", FLOW)
    office.advance(hours=1)
    (deal,), *more = office.query("SELECT id FROM deals_live ORDER BY id LIMIT 3")
    office.world.delete("deals", deal)
    office.sandbox.inject(nothing(f"v1/deals/{deal}/flow", []))
    events = f"SELECT event_key FROM {FLOW} WHERE deal_id = {deal} ORDER BY 1"
    before = office.query(events)
    office.load("deals", FLOW)
    office.advance(hours=1)
    for (other,) in more[:others]:
        office.world.edit("deals", other, title="Moved")

    report = office.load("deals", FLOW)[FLOW]

    assert 0 == report.unread
    assert [] != before == office.query(events)
    office.sandbox.log.clear()
    office.advance(hours=1)
    office.load("deals", FLOW)
    assert [] == calls(office, f"deals/{deal}/flow")


@pytest.mark.parametrize("excluded", ["object", "event"])
def test_changes_of_a_history_are_known_if_a_column_of_events_is_excluded(office, excluded):
    flow = replace(BY_NAME[FLOW], excluded=frozenset({excluded}))
    entities = (BY_NAME["deals"], flow)
    request = LoadRequest(entities=entities, window=Window(start=office.midnight, end=None))
    load(office.connection, office.warehouse, request)
    office.advance(hours=1)
    for deal in office.world.ids("deals"):
        office.world.edit("deals", deal, title="Moved")
    office.sandbox.inject(nothing("v1/deals/7/flow", []))

    for _ in range(2):
        reports = load(office.connection, office.warehouse, request)

    assert 1 == reports[-1].unread
    assert [(0,)] < office.query(f"SELECT count(*) FROM {FLOW} WHERE deal_id = 7")


@pytest.mark.parametrize("blank", [{"data": None}, {"data": []}, {"object": None}])
def test_events_without_content_replace_no_loaded_ones(office, blank):
    def change(genuine):
        body = genuine.json()
        events = [{**event, **blank} for event in body["data"]]
        return json_reply(200, {**body, "data": events}, genuine.headers)

    office.load("deals", FLOW)
    office.advance(hours=1)
    for deal in office.world.ids("deals")[:3]:
        office.world.edit("deals", deal, title="Moved")
    office.sandbox.inject(faults.changed("v1/deals/*/flow", change).always())
    before = office.query(f"SELECT * FROM {FLOW} ORDER BY ALL")

    for _ in range(2):
        run(office, "deals", FLOW)
        assert before == office.query(f"SELECT * FROM {FLOW} ORDER BY ALL")

    assert 0 == office.load("deals", FLOW, accept_loss=True)[FLOW].unread
    assert before != office.query(f"SELECT * FROM {FLOW} ORDER BY ALL")
    office.sandbox.clear_faults()
    for deal in office.world.ids("deals")[:3]:
        office.world.edit("deals", deal, title="Moved again")
    office.advance(hours=1)
    office.load("deals", FLOW)
    assert [] == office.differences(FLOW)


@pytest.mark.slow
def test_participants_of_a_deal_that_all_left_are_removed_by_the_second_empty_reply(office):
    office.load("deals", PARTICIPANTS)
    deal, person = office.query(
        f"SELECT deal_id, min(person_id) FROM {PARTICIPANTS} GROUP BY 1 HAVING count(*) = 1 LIMIT 1"
    )[0]
    office.advance(hours=1)
    office.world.edit("deals", deal, title="Moved")
    office.load("deals")
    office.world.remove_participant(deal, person, touch=False)

    office.load(PARTICIPANTS)
    office.load(PARTICIPANTS)

    assert [] == office.differences(PARTICIPANTS)
    assert [] == office.query(f"SELECT * FROM {PARTICIPANTS} WHERE deal_id = {deal}")


@pytest.mark.parametrize("status", [200, 400, 403])
def test_empty_replies_remove_no_rows_if_the_deals_record_does_not_show_its_counter(office, status):
    office.load("deals", PARTICIPANTS)
    deal = office.query(f"SELECT min(deal_id) FROM {PARTICIPANTS}")[0][0]
    before = office.query(f"SELECT count(*) FROM {PARTICIPANTS}")
    office.advance(hours=1)
    office.world.edit("deals", deal, title="Moved")
    office.sandbox.inject(nothing(f"v1/deals/{deal}/participants", []))
    body = {"success": status == 200, "data": {"id": deal}, "error": "no"}
    office.sandbox.inject(faults.reply(f"api/v2/deals/{deal}", json_reply(status, body)).always())

    run(office, "deals", PARTICIPANTS)
    run(office, PARTICIPANTS)

    assert before == office.query(f"SELECT count(*) FROM {PARTICIPANTS}")
    office.sandbox.clear_faults()
    run(office, PARTICIPANTS)
    assert [] == office.differences(PARTICIPANTS)


@pytest.mark.parametrize("table", [PARTICIPANTS, FLOW])
def test_contradicted_empty_replies_can_be_accepted(office, table):
    office.load("deals", table)
    deal = office.query(f"SELECT min(deal_id) FROM {table}")[0][0]
    rows = f"SELECT count(*) FROM {table} WHERE deal_id = {deal}"
    office.advance(hours=1)
    office.world.edit("deals", deal, title="Moved")
    office.sandbox.inject(nothing(BY_NAME[table].path.format(id=deal), []))
    office.load("deals", table)
    assert 1 == office.load(table)[table].unread
    office.advance(hours=1)

    report = office.load("deals", table, accept_loss=True)[table]

    assert 0 == report.unread
    assert [(0,)] == office.query(rows)
    office.sandbox.log.clear()
    report = office.load("deals", table)[table]
    assert 0 == report.unread
    assert office.sandbox.now == report.complete_until
    assert [] == calls(office, f"deals/{deal}/")


@pytest.mark.slow
@pytest.mark.samples(3)
@pytest.mark.parametrize(("table", "data"), EMPTY)
def test_a_first_load_of_nothing_but_empty_replies_is_not_believed(office, table, data):
    entity = BY_NAME[table]
    path = entity.path if entity.bulk else entity.path.format(id="*")
    office.load("deals")
    office.sandbox.inject(nothing(path, data))
    run(office, table)
    office.sandbox.clear_faults()

    run(office, table)

    assert [] == office.differences(table)


@pytest.mark.parametrize(("is_whole", "requested"), [(False, 0), (True, 1)])
def test_deals_without_rows_are_requested_again_only_if_the_whole_reply_is_empty(
    office, is_whole, requested
):
    if is_whole:
        office.sandbox.inject(nothing("api/v2/deals/installments", []))
    office.load("deals", "deals_installments")
    office.sandbox.clear_faults()
    before = len(calls(office, "deals/installments"))

    office.load("deals", "deals_installments")

    assert requested == len(calls(office, "deals/installments")) - before
    assert [] == office.differences("deals_installments")


def test_one_empty_reply_is_asked_for_again_at_once_where_rows_are_expected(office):
    office.load("deals")
    deal = office.query("SELECT id FROM deals WHERE participants_count > 0 LIMIT 1")[0][0]
    office.sandbox.inject(nothing(f"v1/deals/{deal}/participants", None).at(1, times=1))

    report = office.load(PARTICIPANTS)[PARTICIPANTS]

    assert [] == office.differences(PARTICIPANTS)
    assert None is not report.complete_until
    assert deal in held(office, PARTICIPANTS)


@pytest.mark.slow
def test_a_suspicious_empty_reply_leaves_complete_until_where_it_was(office):
    before = office.load("deals", FLOW)[FLOW].complete_until
    office.advance(hours=1)
    office.world.edit("deals", 7, title="Moved")
    office.sandbox.inject(nothing("v1/deals/7/flow", None))

    report = office.load("deals", FLOW)[FLOW]

    assert before == report.complete_until
    assert 0 == report.unread
    assert 7 not in held(office, FLOW)


@pytest.mark.slow
def test_children_that_are_gone_leave_with_the_second_run_that_does_not_see_them(office):
    table = "deals_discounts"
    office.load("deals", table)
    deal = office.query(f"SELECT min(deal_id) FROM {table}")[0][0]
    office.advance(hours=1)
    office.world.edit("deals", deal, title="Moved")
    office.sandbox.inject(nothing(f"api/v2/deals/{deal}/discounts", []))
    count = f"SELECT count(*) FROM {table} WHERE deal_id = {deal}"

    office.load("deals", table)
    first = office.query(count)
    office.advance(minutes=10)
    office.load("deals", table)

    assert [(0,)] < first
    assert [(0,)] == office.query(count)
    office.sandbox.log.clear()
    office.advance(minutes=10)
    office.load(table)
    assert [] == [line.path for line in calls(office, f"/{deal}/discounts")]


@pytest.mark.slow
def test_a_table_whose_parents_have_no_children_is_complete_one_run_later(office):
    table = "deals_installments"
    office.sandbox.inject(nothing("api/v2/deals/installments", []))
    office.load("deals", table)
    office.advance(hours=1)
    deal = office.query("SELECT id FROM deals WHERE products_count > 0 LIMIT 1")[0][0]
    before = office.load("deals", table)[table].complete_until
    office.advance(hours=1)
    office.world.edit("deals", deal, title="Moved")
    changed = office.sandbox.now
    office.advance(hours=1)

    first = office.load("deals", table)[table].complete_until
    second = office.load("deals", table)[table].complete_until

    assert before < first <= changed < second


# Rows of other parents


def strings(genuine):
    body = genuine.json()
    for row in body["data"]:
        row["deal_id"] = str(row["deal_id"])
    return json_reply(200, body)


@pytest.mark.slow
def test_a_deals_id_may_come_as_text(office):
    office.sandbox.inject(faults.changed("api/v2/deals/products", strings).always())

    office.load("deals", PRODUCTS)

    assert [] != office.query("SELECT * FROM deals_products")
    office.sandbox.clear_faults()
    assert [] == office.differences(PRODUCTS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stranger", "quoted"), [("4711", "4711"), (None, "null"), ({"id": 1}, "deal_id 1,")]
)
def test_a_row_of_a_deal_that_was_not_asked_for_is_an_error(office, stranger, quoted):
    office.load("deals", PRODUCTS)
    before = office.query("SELECT * FROM deals_products ORDER BY id")
    office.advance(hours=1)
    for deal in office.world.ids("deals"):
        office.world.edit("deals", deal, title="Moved")

    def spoil(genuine):
        body = genuine.json()
        body["data"][0]["deal_id"] = stranger
        return json_reply(200, body)

    office.sandbox.inject(faults.changed("api/v2/deals/products", spoil).always())

    failure = run(office, "deals", PRODUCTS)[PRODUCTS]

    assert isinstance(failure, DataError)
    for fact in (PRODUCTS, "deal_id", quoted, "loaded", "Run again"):
        assert fact in str(failure)
    assert before == office.query("SELECT * FROM deals_products ORDER BY id")
    office.sandbox.clear_faults()
    office.load(PRODUCTS)
    assert [] == office.differences(PRODUCTS)


# Warehouses of earlier versions


@pytest.mark.slow
def test_deals_that_an_earlier_version_recorded_as_read_without_rows_are_asked_again(office):
    office.load("deals", FLOW)
    office.advance(minutes=10)
    office.load("deals", FLOW)
    execute(
        office,
        "DELETE FROM deals_flow WHERE deal_id > 4",
        "UPDATE _pipedrive_account SET layout = 2",
    )

    office.load(FLOW)

    assert [] == office.differences(FLOW)


@pytest.mark.slow
def test_a_small_account_of_which_no_deal_is_found_is_not_recorded_as_read(make_office):
    office = make_office(deals=REFUSALS + 1)
    office.load("deals")
    office.sandbox.inject(
        faults.refused("v1/deals/*/flow", 404), faults.refused("api/v2/deals/*", 404)
    )

    failure = run(office, FLOW)[FLOW]

    assert isinstance(failure, PipedriveNotFoundError)
    assert set() == held(office, FLOW)
