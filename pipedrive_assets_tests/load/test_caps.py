"""Caps on histories and optional tables: what they hold back, and that it comes in the end."""

import logging
from datetime import timedelta
from functools import partial

import pytest

from pipedrive_assets.api import Caps
from pipedrive_assets.errors import BudgetExhausted, LoadFailed
from pipedrive_assets.extract.child_scans import CHILD_THREADS
from pipedrive_assets.load import LoadRequest, load_tables
from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.sandbox import Limits, faults
from pipedrive_assets.sandbox.limits import Quota
from pipedrive_assets.windows import Window

CAPPED = {entity.name for entity in ENTITIES if entity.capped}
SMALL = ("deals", "stages", "deals_flow", "deals_participants")


@pytest.fixture
def office(make_office):
    return still(make_office(deals=12))


def still(office):
    """An account in which time passes and nothing happens."""
    office.world.advance = partial(setattr, office.world, "instant")
    return office


def limit(office, **limits):
    office.sandbox.allowance = Quota(Limits(burst=1_000_000, **limits))


def tokens_of(office, *paths):
    return sum(line.tokens for path in paths for line in office.sandbox.calls(path))


def caps(per_run=None, per_day=None):
    return Caps(per_run=per_run, per_day=per_day)


def takes_all_of(tokens, office, loads=1):
    """Which table comes first is the threads' business: what is left is too little for the dearest
    call.
    """
    taken = tokens_of(office, "/flow", "/participants")
    return tokens - loads * BY_NAME["deals_flow"].tokens_per_page < taken <= tokens


def test_the_capped_tables_are_histories_participants_and_what_is_optional():
    optional = {entity.name for entity in ENTITIES if entity.optional}

    assert {"deals_flow", "deals_participants"} | optional == CAPPED


@pytest.mark.slow
def test_a_run_takes_its_cap_and_no_more_and_the_next_ones_go_on(office):
    first = office.load(*SMALL, caps=caps(per_run=200))["deals_flow"]

    assert takes_all_of(200, office)
    assert (None, None) == (first.error, first.complete_until)
    assert 0 < first.waiting.count
    assert first.waiting.resumes_at == office.sandbox.now + timedelta(hours=1)

    while any(report.waiting for report in office.load(*SMALL, caps=caps(per_run=400)).values()):
        pass
    assert [] == office.differences(*SMALL)


@pytest.mark.slow
def test_a_call_that_failed_is_reported_as_unread_though_the_cap_ends_the_load(office):
    office.load("deals")
    order = "ORDER BY update_time DESC NULLS LAST, id DESC LIMIT 1"
    ((newest,),) = office.query(f"SELECT id FROM deals {order}")
    office.sandbox.inject(faults.server_error(f"v1/deals/{newest}/flow").always())

    report = office.load("deals", "deals_flow", caps=caps(per_run=400))["deals_flow"]

    assert report.waiting
    assert (1, None) == (report.unread, report.complete_until)
    assert "503" in report.unread_reason
    office.sandbox.clear_faults()
    office.load("deals", "deals_flow")
    assert [] == office.differences("deals", "deals_flow")


@pytest.mark.slow
def test_what_is_read_for_a_list_that_waits_waits_with_it(office):
    held_back = office.load("stages", "mail_threads", "mail_messages", caps=caps(per_run=60))

    assert 1 == held_back["mail_messages"].waiting.count
    assert [] == office.sandbox.calls("mailThreads")
    office.load("stages", "mail_threads", "mail_messages")
    assert [] == office.differences("mail_threads", "mail_messages")


@pytest.mark.slow
def test_the_most_recent_changes_come_first(make_office):
    office = still(make_office(deals=60))
    office.load("deals", "deals_flow", caps=caps(per_run=160))

    read = office.query("SELECT parent_id FROM _pipedrive_children")
    # Requests that are sent at the same time compete for the last tokens.
    most_recent = office.query(
        "SELECT id FROM deals ORDER BY update_time DESC NULLS LAST, id DESC "
        f"LIMIT {4 + CHILD_THREADS}"
    )
    assert 4 == len(read)
    assert set(read) <= set(most_recent)


@pytest.mark.slow
def test_what_is_held_is_told_truly_while_older_changes_wait(office):
    office.load(*SMALL)
    before = office.sandbox.now
    office.advance(days=1)
    for deal in office.world.ids("deals")[:4]:
        office.world.edit("deals", deal, title="Moved")

    report = office.load(*SMALL, caps=caps(per_run=80))["deals_flow"]

    assert report.waiting
    assert before == report.complete_until
    assert office.sandbox.now == office.load(*SMALL)["deals_flow"].complete_until


@pytest.mark.slow
def test_a_cap_below_one_call_sends_none_and_says_that_it_will_never_end(office):
    report = office.load(*SMALL, caps=caps(per_day=9))["deals_flow"]

    assert [] == office.sandbox.calls("/flow")
    ((deals,),) = office.query("SELECT count(*) FROM deals")
    assert (deals, None) == (report.waiting.count, report.waiting.done_at)
    assert 0 == office.query("SELECT count(*) FROM deals_flow")[0][0]


@pytest.mark.slow
def test_a_full_load_that_a_cap_cuts_short_says_how_many_it_did_not_read_again(office):
    office.load("deals", "deals_flow")
    office.advance(hours=1)

    report = office.load("deals", "deals_flow", full=True, caps=caps(per_run=120))["deals_flow"]

    ((deals,),) = office.query("SELECT count(*) FROM deals")
    assert deals - 3 == report.waiting.count


@pytest.mark.slow
def test_nothing_is_held_back_without_a_cap(office):
    limit(office, daily_tokens=5_000)

    reports = office.load(*SMALL, caps=caps(per_day=0))

    assert not any(report.waiting for report in reports.values())
    assert [] == office.differences(*SMALL)


@pytest.mark.slow
def test_runs_of_one_day_share_its_cap_and_the_next_day_has_its_own(office):
    day = caps(per_day=300)
    office.load(*SMALL, caps=day)
    again = office.load(*SMALL, caps=day)["deals_flow"]

    assert takes_all_of(300, office)
    midnight = office.midnight + timedelta(days=1)
    assert midnight == again.waiting.resumes_at

    office.advance(days=1)
    office.load(*SMALL, caps=day)
    assert takes_all_of(600, office, loads=2)


@pytest.mark.slow
def test_a_killed_run_has_been_counted_up_to_its_last_commit(office):
    office.load("deals")
    request = LoadRequest(
        entities=(BY_NAME["deals_flow"], BY_NAME["persons"]),
        window=Window(start=office.midnight),
        caps=caps(per_day=5_000),
    )
    next(load_tables(office.connection, office.warehouse, request))  # and no further: killed here

    ((noted,),) = office.query(
        "SELECT sum(tokens) FROM _pipedrive_tokens WHERE entity IN ('deals_flow', 'persons')"
    )
    assert 0 < noted


@pytest.mark.slow
def test_tables_under_way_count_for_the_day_as_for_the_run(office):
    request = LoadRequest(
        entities=tuple(BY_NAME[name] for name in ("stages", "deals", "persons", "notes")),
        window=Window(start=office.midnight),
    )

    for report in load_tables(office.connection, office.warehouse, request):
        assert report.tokens.by_run <= report.tokens.today


@pytest.mark.slow
def test_half_of_a_told_limit_is_the_default_and_core_tables_stay_fresh(office):
    limit(office, daily_tokens=800)

    reports = office.load("deals", "persons", "deals_flow", "deals_participants")

    assert takes_all_of(400, office)
    assert [] == office.differences("deals", "persons")
    for _ in range(2):
        office.advance(hours=1)
        reports = office.load("deals", "persons", "deals_flow", "deals_participants")
    assert not any(report.error for report in reports.values())
    assert takes_all_of(400, office)


@pytest.mark.slow
def test_the_last_tenth_of_a_day_is_left_to_others_by_default(office):
    limit(office, daily_tokens=3_000)
    office.sandbox.allowance.begin(office.sandbox.now.date().isoformat())
    office.sandbox.allowance.spend(2_500)

    report = office.load(*SMALL)["deals_flow"]

    assert "300" in report.waiting.reason
    assert 2_700 - 40 < office.sandbox.allowance.spent_today <= 2_700


@pytest.mark.slow
def test_an_unknown_limit_means_15000_tokens_and_one_warning(office, caplog):
    limit(office, daily_headers=False)

    with caplog.at_level(logging.WARNING):
        reports = office.load(*SMALL)

    said = [record.message for record in caplog.records if "15,000" in record.message]
    assert 1 == len(said)
    assert "PIPEDRIVE_TOKENS_PER_DAY" in said[0]
    assert (None, None) == (reports["deals"].tokens.limit, reports["deals"].tokens.left)
    assert not reports["deals_flow"].waiting


@pytest.mark.slow
@pytest.mark.parametrize("told", [True, False])
def test_capped_tables_wait_for_the_others_where_tokens_are_scarce_or_not_told(office, told):
    limit(office, daily_tokens=15_000, daily_headers=told)
    names = ("deals", "persons", "notes", "files", "activities", "deals_products")

    office.load(*names, "deals_flow", "projects")

    capped = [
        index
        for index, line in enumerate(office.sandbox.log)
        if "/flow" in line.path or "project" in line.path
    ]
    others = [index for index in range(len(office.sandbox.log)) if index not in capped]
    assert max(others) < min(capped)


def test_a_list_whose_cap_is_reached_is_not_begun_and_waits(office):
    report = office.load("goals", "stages", caps=caps(per_day=150))["goals"]

    assert [] == office.sandbox.calls("goals")
    assert (None, 1) == (report.error, report.waiting.count)
    assert [] == office.differences("stages")


@pytest.mark.slow
def test_a_list_is_not_begun_again_where_the_cap_cut_it_short(office):
    for _ in range(3):
        office.load("projects", page_rows=1, caps=caps(per_day=60))

    assert 60 == tokens_of(office, "api/v2/project")


@pytest.mark.slow
@pytest.mark.parametrize("told", [True, False])
def test_a_load_bigger_than_a_day_ends_in_days_and_pays_nothing_twice(make_office, told):
    tables = ("deals", "persons", "deals_flow", "deals_participants")
    office = still(make_office(deals=20))
    office.load(*tables)
    total = office.sandbox.tokens_spent

    office = still(make_office(deals=20))
    limit(office, daily_tokens=500, daily_headers=told)
    days = days_to_complete(
        office, tables, refusals=CHILD_THREADS if told else 2 * CHILD_THREADS + 1
    )

    assert days <= -(-total // 500) + 1
    assert [] == office.differences(*tables)


def days_to_complete(office, tables, *, refusals):
    """Runs once a day, each until the account's budget is gone, up to the first that succeeds.

    At most `refusals` calls of a run are refused: where the account reports what is left, only
    those that were on the wire.
    """
    days = 1
    while failures := failures_of(office, tables):
        assert all(isinstance(error, BudgetExhausted) for error in failures.values())
        assert {office.midnight + timedelta(days=1)} == {
            error.reset_at for error in failures.values()
        }
        refused = [line for line in office.sandbox.log if line.status == 429]
        assert len(refused) <= days * refusals
        office.world.instant = office.midnight + timedelta(days=1)
        days += 1
    return days


def failures_of(office, tables):
    try:
        office.load(*tables, caps=caps(per_day=0))
    except LoadFailed as failed:
        return failed.failures
    return {}
