"""What a load will cost is told before it, from the warehouse alone."""

import re
from datetime import timedelta

import pytest

from pipedrive_assets.api import Caps
from pipedrive_assets.load import LoadRequest
from pipedrive_assets.load.tokens.estimate import account_note, estimate
from pipedrive_assets.load.tokens.explain import sentences
from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.windows import Window
from pipedrive_assets_tests.facts import mentions

TABLES = ("deals", "persons", "stages", "deals_flow", "deals_products", "projects")


def asked_for(office, *names, **how):
    return LoadRequest(
        entities=tuple(BY_NAME[name] for name in names),
        window=Window(start=office.midnight),
        **how,
    )


def estimates_of(office, *names, **how):
    with office.warehouse.sql() as sql:
        found = estimate(sql, asked_for(office, *names, **how), office.sandbox.now)
    return {one.entity.name: one for one in found}


def test_without_a_warehouse_the_least_is_told_and_what_cannot_be_known(office):
    found = {
        one.entity.name: one for one in estimate(None, asked_for(office, *TABLES), office.midnight)
    }

    assert [40, 20, 5, 0, 0, 40] == [found[name].tokens for name in TABLES]
    assert all(one.is_least for one in found.values())
    assert found["deals_flow"].why


@pytest.mark.slow
@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_no_table_takes_less_than_its_estimate(entity, office):
    request = asked_for(office, entity.name)
    (least,) = estimate(None, request, office.midnight)

    assert least.tokens >= 0
    assert least.why


@pytest.mark.slow
def test_an_estimate_is_what_the_load_then_takes(make_office):
    office = make_office(deals=12)
    office.load("deals", "persons", "stages")
    office.load("deals", "persons", "stages")
    told = estimates_of(office, *TABLES)

    reports = office.load(*TABLES)

    taken = {name: report.stats.tokens for name, report in reports.items()}
    assert taken == {name: told[name].tokens for name in TABLES}
    again = estimates_of(office, *TABLES)
    assert (0, 0) == (again["deals_flow"].tokens, again["deals_products"].tokens)
    assert again["deals_flow"].is_least


@pytest.mark.slow
def test_what_is_read_is_not_said_to_cost_nothing_and_one_run_is_not_several(make_office):
    office = make_office(deals=12)
    office.load("stages", "deals", "deals_flow")
    once = estimates_of(office, "stages", "deals_flow")
    office.load("stages")

    note, request = account_note(None, office.midnight), asked_for(office, "deals_flow")
    said = " ".join(sentences(list(once.values()), note, request))
    assert "at least 0 tokens" in said
    assert once["stages"].why != estimates_of(office, "stages")["stages"].why


@pytest.mark.slow
def test_a_full_load_is_told_by_the_rows_held(make_office):
    office = make_office(deals=12)
    office.load("deals")

    found = estimates_of(office, "deals", "deals_flow", full=True)["deals"]

    assert 40 == found.tokens
    assert found.why != estimates_of(office, "deals")["deals"].why


@pytest.mark.slow
def test_the_account_is_told_as_the_last_run_saw_it(make_office):
    office = make_office(deals=12)
    office.load("stages")

    with office.warehouse.sql() as sql:
        today = account_note(sql, office.sandbox.now)
        tomorrow = account_note(sql, office.sandbox.now + timedelta(days=1))

    assert (1_800_000, 1_799_993, 7) == (today.limit, today.left, today.today)
    assert (1_800_000, 1_800_000, 0) == (tomorrow.limit, tomorrow.left, tomorrow.today)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("caps", "expected"),
    [
        (Caps(), ("15,000", "4 days")),
        (Caps(per_day=100_000), ("within a day",)),
        (Caps(per_day=0), ("No cap",)),
        (Caps(per_day=20_000, per_run=100), ("2,400",)),
    ],
)
def test_the_days_of_a_first_history_are_told_at_the_cap(office, caps, expected):
    request = asked_for(office, "deals", "deals_flow", "deals_participants", caps=caps)
    found = estimate(None, request, office.midnight)

    said = " ".join(sentences(found, account_note(None, office.midnight), request))

    facts = (*expected, "1,000 deals", "deals_flow 40,000", "deals_participants 10,000", "30,000")
    assert re.match(mentions(*facts), said)
