"""The daily schedule, by the runs it requests."""

import re
from datetime import date, datetime, timedelta, timezone

import dagster as dg
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.orchestration.automation.schedule import daily_tick
from pipedrive_assets.orchestration.automation.target import Target
from pipedrive_assets.orchestration.derived import READS
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES
from pipedrive_assets_tests.facts import mentions
from pipedrive_assets_tests.orchestration.simulation import Plant

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
FEW = tuple(BY_NAME[name] for name in ("deals", "persons", "files", "stages", "deals_flow"))
MINE = Target(warehouse="/w/warehouse.duckdb:pipedrive_data", sandbox=False, entities=FEW)
SLOWLY = timedelta(minutes=60)


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "x" * 40)
    return Settings.from_env()


def scheduled(settings, instance, moment):
    definitions = build(settings)
    schedule = definitions.resolve_schedule_def("pipedrive_daily_schedule")
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=moment,
        repository_def=definitions.get_repository_def(),
    )
    return schedule.evaluate_tick(context)


def loaded(target=MINE, names=None, **how):
    """All tables were loaded for the first time at noon of the 10th."""
    plant = Plant(target=target, now=NOON, **how)
    plant.by_hand(*(names or [entity.name for entity in target.entities]))
    plant.until(NOON + timedelta(minutes=30))
    return plant


def spans(plant):
    return [
        (f"{request.first:%d}", f"{request.last:%d}", len(request.tables))
        for request in plant.asked_by("daily")
    ]


@pytest.mark.slow
def test_it_closes_the_newest_day_that_has_ended(settings, tmp_path):
    plant = loaded(Target.of(settings), instance=dg.DagsterInstance.local_temp(str(tmp_path)))

    tick = scheduled(settings, plant.instance, datetime(2026, 3, 11, 2, 15, tzinfo=timezone.utc))

    (request,) = tick.run_requests
    assert ("2026-03-10", "2026-03-10...2026-03-10") == (request.partition_key, request.run_key)
    assert {entity.name for entity in DEFAULT_ENTITIES} | set(READS) == {
        key.to_user_string() for key in request.asset_selection
    }


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("hour", [0, 2, 23])
def test_its_hour_moves_the_tick_and_not_the_day(hour):
    plant = loaded()

    plant.until(NOON + timedelta(days=3), SLOWLY, daily_at=hour)

    asked = plant.asked_by("daily")
    assert {timedelta(days=1)} == {request.moment.date() - request.last for request in asked}
    assert {request.first for request in asked} == {request.last for request in asked}


def test_tables_without_a_first_load_are_left_out():
    plant = loaded(names=["deals", "stages"])

    (request,) = daily_tick(plant.instance, MINE, date(2026, 3, 10), plant.now)

    assert {"deals", "stages"} == {key.to_user_string() for key in request.asset_selection}


def test_on_a_new_account_it_starts_nothing_and_names_the_price(settings, tmp_path):
    tick = scheduled(settings, dg.DagsterInstance.local_temp(str(tmp_path)), NOON)

    assert [] == tick.run_requests
    assert "Never loaded" in tick.skip_message


def test_a_day_before_the_baselines_is_never_asked_for():
    plant = loaded()

    assert isinstance(daily_tick(plant.instance, MINE, date(2026, 3, 9), plant.now), dg.SkipReason)


def test_a_day_before_the_first_partition_is_never_asked_for():
    plant = loaded()

    tick = daily_tick(plant.instance, MINE, date(2025, 12, 31), plant.now)

    assert re.match(mentions("2025-12-31", "partition"), tick.skip_message)


@pytest.mark.slow
def test_after_an_outage_all_missed_days_are_one_run():
    plant = loaded()
    plant.until(NOON + timedelta(days=2), SLOWLY)

    plant.until(NOON + timedelta(days=8), SLOWLY, on=False)
    plant.until(NOON + timedelta(days=10), SLOWLY)

    assert [("10", "10", 5), ("11", "11", 5), ("12", "18", 5), ("19", "19", 5)] == spans(plant)
    (request,) = [one for one in plant.asked_by("daily") if one.first < one.last]
    assert "dagster/partition" not in request.run.tags


@pytest.mark.slow
def test_the_days_of_a_failed_run_are_asked_for_with_the_next():
    plant = loaded()
    plant.failing = frozenset({"*"})
    plant.until(NOON + timedelta(days=2), SLOWLY)

    plant.failing = frozenset()
    plant.until(NOON + timedelta(days=4), SLOWLY)

    assert [("10", "10", 5), ("10", "11", 5), ("10", "12", 5), ("13", "13", 5)] == spans(plant)


@pytest.mark.slow
def test_a_table_that_keeps_failing_does_not_make_the_others_read_its_days_again():
    plant = loaded()
    plant.failing = frozenset({"files"})

    plant.until(NOON + timedelta(days=3), SLOWLY)

    assert [
        ("10", "10", 5),
        ("10", "11", 1),
        ("11", "11", 4),
        ("10", "12", 1),
        ("12", "12", 4),
    ] == (spans(plant))


@pytest.mark.slow
def test_a_day_that_a_person_closed_is_not_asked_for_again():
    plant = loaded()
    plant.now = NOON + timedelta(days=1, hours=-11)
    plant.by_hand(*[entity.name for entity in FEW], day=date(2026, 3, 10))
    plant.until(NOON + timedelta(days=2), SLOWLY)

    assert [("11", "11", 5)] == spans(plant)


def test_ticks_that_come_in_a_row_after_an_outage_do_not_pile_up():
    plant = loaded()
    plant.now = NOON + timedelta(days=6)

    for day in range(10, 16):
        tick = daily_tick(plant.instance, MINE, date(2026, 3, day), plant.now)
        for request in [] if isinstance(tick, dg.SkipReason) else tick:
            plant.launch(request)

    assert 1 == len(plant.asked_by("daily"))


@pytest.mark.slow
def test_a_new_dagster_instance_asks_for_one_day_only():
    plant = loaded()
    plant.held = dict.fromkeys((entity.name for entity in FEW), NOON)
    plant.instance = dg.DagsterInstance.ephemeral()
    plant.by_hand(*plant.held)

    plant.until(NOON + timedelta(days=2), SLOWLY)

    assert [("10", "10", 5), ("11", "11", 5)] == spans(plant)


def test_it_waits_for_the_budgets_reset():
    plant = loaded()
    plant.failing, plant.reset_at = frozenset({"deals"}), NOON + timedelta(days=1)
    plant.until(NOON + timedelta(hours=2), SLOWLY)

    spent = daily_tick(plant.instance, MINE, date(2026, 3, 10), plant.now)

    assert "2026-03-11 12:00 UTC" in spent.skip_message
