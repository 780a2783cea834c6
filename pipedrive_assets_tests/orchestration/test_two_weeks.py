"""Two weeks of ticks, and all that happens in two weeks, judged by the runs asked for."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from pipedrive_assets.orchestration.automation.target import WAREHOUSE_TAG, Target
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets_tests.orchestration.simulation import Plant

START = datetime(2026, 2, 20, 9, tzinfo=timezone.utc)
TABLES = ("deals", "persons", "files", "stages", "deals_flow")
MINE = Target(
    warehouse="/w/warehouse.duckdb:pipedrive_data",
    sandbox=False,
    entities=tuple(BY_NAME[name] for name in TABLES),
)
OTHER = replace(MINE, warehouse="/w/other.duckdb:pipedrive_data")
STEP = timedelta(minutes=30)


def day(number, hour=9):
    return START + timedelta(days=number, hours=hour - 9)


def two_weeks():
    made = Plant(target=MINE, now=START, duration=timedelta(minutes=10))
    made.by_hand(*TABLES)
    made.until(day(2), STEP)
    made.until(day(3, hour=15), STEP, on=False)  # the machine is off over a midnight
    made.until(day(4, hour=1), STEP)
    made.failing = frozenset({"*"})  # the account refuses everything, over the daily tick
    made.until(day(4, hour=20), STEP)
    made.failing = frozenset({"persons"})  # one table fails
    made.until(day(6), STEP)
    made.failing, made.reset_at = frozenset({"deals_flow"}), day(7)  # the budget is spent
    made.until(day(7), STEP)
    made.failing, made.reset_at = frozenset(), None
    made.until(day(7, hour=12), STEP)
    made.settle()
    elsewhere = dict(made.held), made.target
    made.held, made.target = {}, OTHER  # another account takes the place of this one for a while
    made.until(day(7, hour=18), STEP)
    made.by_hand(*TABLES)
    made.until(day(8), STEP)
    made.settle()
    made.held, made.target = elsewhere
    made.until(day(9), STEP)
    made.until(day(14), STEP, on=False)  # a laptop sleeps the rest of the week
    made.until(day(15), STEP)
    return made


def runs_of_automation_never_overlap(plant):
    moments = [one.moment for one in plant.requests if one.by == "freshness"]

    assert all(later - earlier >= plant.duration for earlier, later in pairwise(moments))
    assert 100 <= len(moments) <= 24 * 10


def every_day_was_closed_by_runs_of_the_account(plant):
    closed = set()
    for request in plant.asked_by("daily"):
        if request.run.tags[WAREHOUSE_TAG] == MINE.tag:
            span = (request.last - request.first).days + 1
            days = [request.first + timedelta(days=number) for number in range(span)]
            closed |= {(table, one) for table in request.loaded for one in days}

    wanted = {START.date() + timedelta(days=number) for number in range(14)}
    assert set() == {(table, one) for table in TABLES for one in wanted} - closed


def no_day_before_the_baselines_was_asked_for(plant):
    assert START.date() == min(request.first for request in plant.asked_by("daily"))
    other = [r for r in plant.asked_by("daily") if r.run.tags[WAREHOUSE_TAG] == OTHER.tag]
    assert [day(7).date()] == [request.first for request in other]


def the_outages_were_made_good_in_one_run_each(plant):
    ranges = [
        (f"{request.first:%d}", f"{request.last:%d}")
        for request in plant.asked_by("daily")
        if request.first < request.last and len(request.tables) == len(TABLES)
    ]

    assert ("01", "06") == ranges[-1]


def the_open_day_was_the_day_of_the_tick(plant):
    assert all(request.last == request.moment.date() for request in plant.asked_by("freshness"))


def a_failing_account_was_asked_less_and_less(plant):
    refused = [r for r in plant.requests if day(4, 1) < r.moment < day(4, 20)]

    assert 4 <= len(refused) <= 11


def one_failing_table_cost_the_others_nothing(plant):
    during = [r for r in plant.asked_by("freshness") if day(5) < r.moment < day(6)]

    assert 15 <= len([r for r in during if "deals" in r.tables])
    assert len([r for r in during if "persons" in r.tables]) <= 6


def nothing_was_asked_for_until_the_budgets_reset(plant):
    during = [r for r in plant.asked_by("freshness") if day(6, 11) < r.moment < day(7)]

    assert [] == during


def another_account_was_not_loaded_before_a_person_had_done_so(plant):
    during = [r for r in plant.requests if day(7, 13) < r.moment < day(8)]

    assert "a person" == during[0].by
    assert any("Never loaded" in said for said in plant.skips)


def at_the_end_everything_is_as_fresh_as_it_has_to_be(plant):
    ages = {table: plant.now - plant.held[table] for table in TABLES}

    assert max(ages["deals"], ages["persons"], ages["deals_flow"]) <= timedelta(hours=1.5)
    assert max(ages.values()) <= timedelta(days=1, hours=12)


CHECKS = (
    runs_of_automation_never_overlap,
    every_day_was_closed_by_runs_of_the_account,
    no_day_before_the_baselines_was_asked_for,
    the_outages_were_made_good_in_one_run_each,
    the_open_day_was_the_day_of_the_tick,
    a_failing_account_was_asked_less_and_less,
    one_failing_table_cost_the_others_nothing,
    nothing_was_asked_for_until_the_budgets_reset,
    another_account_was_not_loaded_before_a_person_had_done_so,
    at_the_end_everything_is_as_fresh_as_it_has_to_be,
)


@pytest.mark.slow
def test_two_weeks_of_outages_failures_midnights_and_another_account():
    plant = two_weeks()
    for check in CHECKS:
        check(plant)
