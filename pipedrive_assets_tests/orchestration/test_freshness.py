"""The sensor, by what it asks for at given moments."""

import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import dagster as dg
import pytest
import time_machine

from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.orchestration.automation.freshness import freshness_tick
from pipedrive_assets.orchestration.automation.runs import PROCESS_TAG, fail_orphaned
from pipedrive_assets.orchestration.automation.schedule import daily_tick
from pipedrive_assets.orchestration.automation.target import JOB, WAREHOUSE_TAG, Target
from pipedrive_assets.process_identity import ProcessIdentity
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES, Kind
from pipedrive_assets_tests.facts import mentions
from pipedrive_assets_tests.orchestration.simulation import Plant

NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
MINE = Target(warehouse="/w/warehouse.duckdb:pipedrive_data", sandbox=False)
SANDBOX = Target(warehouse="/w/sandbox.duckdb:pipedrive_data", sandbox=True)


@pytest.fixture
def instance():
    return dg.DagsterInstance.ephemeral()


def materialized(instance, target, reached, names=None, day="2026-03-10"):
    for entity in DEFAULT_ENTITIES:
        if names is None or entity.name in names:
            metadata = {
                "warehouse": target.warehouse,
                "complete_until": dg.MetadataValue.timestamp(reached),
            }
            instance.report_runless_asset_event(
                dg.AssetMaterialization(entity.name, metadata=metadata, partition=day)
            )


def names_of(tick):
    return {key.to_user_string() for key in tick.asset_selection}


def plant(**how):
    """A few tables were loaded at noon."""
    few = [BY_NAME[name] for name in ("deals", "deals_flow", "persons", "stages")]
    made = Plant(target=replace(MINE, entities=tuple(few)), now=NOW, **how)
    made.by_hand(*[entity.name for entity in few])
    made.until(NOW + timedelta(minutes=10))
    return made


def test_what_has_grown_stale_is_asked_for_and_nothing_else(instance):
    materialized(instance, MINE, NOW - timedelta(minutes=10))
    materialized(instance, MINE, NOW - timedelta(hours=2), {"persons"})

    tick = freshness_tick(instance, MINE, NOW)

    assert ({"persons"}, "2026-03-10") == (names_of(tick), tick.partition_key)


def test_a_fresh_account_is_left_alone(instance):
    materialized(instance, MINE, NOW - timedelta(minutes=10))

    assert isinstance(freshness_tick(instance, MINE, NOW), dg.SkipReason)


def test_reference_tables_are_left_to_the_daily_job(instance):
    materialized(instance, MINE, NOW - timedelta(hours=20))

    tick = freshness_tick(instance, MINE, NOW)

    assert {
        e.name for e in DEFAULT_ENTITIES if e.kind is not Kind.SNAPSHOT and e.name != "files"
    } == names_of(tick)


def test_the_open_day_is_asked_for_right_after_midnight(instance):
    materialized(instance, MINE, NOW)

    tick = freshness_tick(instance, MINE, datetime(2026, 3, 11, 0, 0, 30, tzinfo=timezone.utc))

    assert "2026-03-11" == tick.partition_key


def test_a_first_load_of_an_account_is_never_started_but_named_with_its_price(instance):
    tick = freshness_tick(instance, MINE, NOW)

    assert isinstance(tick, dg.SkipReason)
    assert "at least 150 tokens" in tick.skip_message
    assert "up to 51 per deal" in tick.skip_message
    assert "dagster asset materialize --select deals,persons," in tick.skip_message


def test_the_sandbox_loads_itself(instance):
    tick = freshness_tick(instance, SANDBOX, NOW)

    assert {entity.name for entity in DEFAULT_ENTITIES} == names_of(tick)


def test_materializations_of_another_account_do_not_count(instance):
    materialized(instance, SANDBOX, NOW)

    assert "Never loaded" in freshness_tick(instance, MINE, NOW).skip_message


def test_a_run_under_way_is_waited_for(instance):
    materialized(instance, MINE, NOW - timedelta(hours=2))
    instance.add_run(dg.DagsterRun(job_name=JOB, status=dg.DagsterRunStatus.STARTED))

    assert "in progress" in freshness_tick(instance, MINE, NOW).skip_message


def test_a_refused_table_is_left_to_the_daily_run(instance):
    mine = MINE
    materialized(instance, mine, NOW - timedelta(hours=2), {"deals"})
    refused = {"warehouse": mine.warehouse, "skipped": "Feature not available"}
    instance.report_runless_asset_event(dg.AssetMaterialization("leads", metadata=refused))

    tick = freshness_tick(instance, mine, NOW)
    (daily,) = daily_tick(instance, mine, NOW.date(), NOW)

    assert {"deals"} == names_of(tick)
    assert {"deals", "leads"} == names_of(daily)


def test_optional_tables_are_asked_for_once_they_are_named(instance, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_TABLES", "default,+deals_changelog,-files")
    named = Target.of(Settings.from_env())

    names = names_of(freshness_tick(instance, named, NOW))

    assert {e.name for e in DEFAULT_ENTITIES} - {"files"} | {"deals_changelog"} == names


def test_children_may_be_as_old_as_what_they_are_read_for():
    target = Target(warehouse="w", sandbox=False)

    assert target.tolerance(BY_NAME["deals_flow"]) == target.tolerance(BY_NAME["deals"])
    assert target.tolerance(BY_NAME["note_comments"]) == target.tolerance(BY_NAME["notes"])
    assert target.tolerance(BY_NAME["mail_messages"]) == target.tolerance(BY_NAME["mail_threads"])
    assert target.tolerance(BY_NAME["mail_threads"]) is None


@pytest.mark.slow
def test_a_shorter_tolerance_is_kept(monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_FRESHNESS_CRM", "1m")
    monkeypatch.setenv("PIPEDRIVE_FRESHNESS_REFERENCE", "2h")
    target = Target.of(Settings.from_env())
    office = Plant(target=replace(target, sandbox=False), now=NOW)
    office.by_hand("deals", "deals_flow", "stages", "files")

    office.until(NOW + timedelta(hours=2, minutes=5), timedelta(minutes=1))

    asked = Counter(name for request in office.asked_by("freshness") for name in request.tables)
    assert (0, 1) == (asked["files"], asked["stages"])
    assert 40 <= asked["deals"] <= 63


@pytest.mark.slow
def test_never_a_second_run_beside_one_of_the_job():
    office = plant(duration=timedelta(minutes=90))

    office.until(NOW + timedelta(hours=10), timedelta(minutes=1))

    asked = office.asked_by("freshness")
    ends = [request.moment + office.duration for request in asked]
    assert all(
        begin >= end for begin, end in zip([r.moment for r in asked[1:]], ends, strict=False)
    )
    assert 3 <= len(asked)


def test_tables_that_a_person_loads_for_hours_are_left_alone_and_the_others_kept_fresh():
    office = plant()
    office.duration = timedelta(hours=5)
    office.by_hand("deals", "deals_flow")
    office.duration = timedelta(hours=4)
    office.now += timedelta(hours=1)

    tick = office.sensor_tick()

    assert "persons" in names_of(tick)
    assert set() == {"deals", "deals_flow"} & names_of(tick)


def test_a_run_whose_process_is_gone_does_not_hold_anything_up():
    office = plant()
    lost = office.by_hand("deals", day=NOW.date())
    running = subprocess.Popen([sys.executable, "-c", ""])
    running.wait()
    office.instance.add_run_tags(
        lost.run.run_id,
        {PROCESS_TAG: replace(ProcessIdentity.current(), pid=running.pid).to_json()},
    )
    office.now += timedelta(hours=2)

    assert "deals" in names_of(office.sensor_tick())
    fail_orphaned(office.instance, office.target)
    buried = office.instance.get_run_by_id(lost.run.run_id)
    assert dg.DagsterRunStatus.FAILURE is buried.status


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(ProcessIdentity.current(), boot="another", machine="another", pid=2**22 + 1),
        replace(ProcessIdentity.current(), namespace="pid:[1]", pid=2**22 + 1),
    ],
    ids=["another machine with this host name", "another container with this host name"],
)
def test_a_run_on_another_machine_is_given_up_after_an_hour_of_silence(elsewhere):
    with time_machine.travel(NOW, tick=False) as clock:
        office = plant()
        lost = office.by_hand("deals")
        office.instance.report_engine_event("still here", lost.run)
        office.instance.add_run_tags(lost.run.run_id, {PROCESS_TAG: elsewhere.to_json()})
        clock.shift(timedelta(hours=2))
        office.now = NOW + timedelta(minutes=59)
        fail_orphaned(office.instance, office.target)
        before = freshness_tick(office.instance, office.target, NOW + timedelta(minutes=59))
        after = freshness_tick(office.instance, office.target, NOW + timedelta(minutes=61))

    run = office.instance.get_run_by_id(lost.run.run_id)
    assert dg.DagsterRunStatus.STARTED is run.status
    assert isinstance(before, dg.SkipReason)
    assert "deals" in names_of(after)


def test_a_daily_table_that_a_killed_run_left_is_loaded_again_the_same_day():
    office = plant()
    lost = office.by_hand("stages")
    running = subprocess.Popen([sys.executable, "-c", ""])
    running.wait()
    gone = replace(ProcessIdentity.current(), pid=running.pid)
    office.instance.add_run_tags(lost.run.run_id, {PROCESS_TAG: gone.to_json()})
    office.running.clear()
    office.now += timedelta(minutes=6)

    fail_orphaned(office.instance, office.target)
    office.now = max(office.now, datetime.now(timezone.utc)) + timedelta(minutes=6)
    again = office.sensor_tick()
    office.settle()
    office.now += timedelta(minutes=1)

    assert "stages" in names_of(again)
    assert isinstance(office.sensor_tick(), dg.SkipReason)


def test_a_daily_table_that_was_loaded_waits_for_the_next_day():
    office = plant()
    office.now += timedelta(hours=2)

    assert "stages" not in names_of(office.sensor_tick())


@pytest.mark.slow
def test_after_failures_the_pause_of_that_table_grows_and_the_others_stay_fresh():
    office = plant()
    office.failing = frozenset({"persons"})

    office.until(NOW + timedelta(hours=4, minutes=30), timedelta(minutes=1))

    failed = [r.moment for r in office.requests if "persons" in r.tables - r.loaded]
    pauses = [later - earlier for earlier, later in pairwise(failed)]
    assert [5, 10, 20, 40, 80] == [
        round((pause - office.duration) / timedelta(minutes=1)) for pause in pauses
    ]
    alone = [r for r in office.requests if r.tables == {"persons"}]
    assert 4 <= len([r for r in office.asked_by("freshness") if "deals" in r.tables])
    assert 3 <= len(alone)
    assert any(re.search(mentions("persons", "3 times"), said) for said in office.skips)


@pytest.mark.slow
def test_a_failing_account_is_asked_less_and_less():
    office = plant()
    office.failing = frozenset({"*"})

    office.until(NOW + timedelta(days=2), timedelta(minutes=30), daily_at=23)

    assert 14 >= len(office.asked_by("freshness"))
    assert {frozenset()} == {r.loaded for r in office.asked_by("freshness")}
    office.failing = frozenset()
    office.until(NOW + timedelta(days=2, hours=7), timedelta(minutes=30))
    assert office.now - office.held["deals"] < timedelta(hours=2)


def test_a_canceled_run_is_not_started_again_at_once():
    office = plant()
    office.now += timedelta(hours=2)
    tick = office.sensor_tick()
    (request,) = office.running
    office.running.clear()
    office._event(request.run, "PIPELINE_CANCELED")

    soon = freshness_tick(office.instance, office.target, office.now + timedelta(minutes=1))
    later = freshness_tick(office.instance, office.target, office.now + timedelta(minutes=6))

    assert isinstance(soon, dg.SkipReason)
    assert names_of(tick) == names_of(later)


def test_nothing_is_asked_for_before_the_budgets_reset():
    office = plant()
    office.failing = frozenset({"deals_flow"})
    office.reset_at = NOW + timedelta(hours=9)

    office.until(NOW + timedelta(hours=8, minutes=50), timedelta(minutes=10))
    before = len(office.asked_by("freshness"))
    office.failing, office.reset_at = frozenset(), None
    office.until(NOW + timedelta(hours=10), timedelta(minutes=10))

    assert 1 == before
    assert 2 == len(office.asked_by("freshness"))
    assert any("2026-03-10 21:00 UTC" in said for said in office.skips)


@pytest.mark.slow
def test_a_clock_that_runs_ahead_of_pipedrives_makes_no_endless_runs():
    office = plant()
    office.held = dict.fromkeys(office.held, NOW - timedelta(days=1))
    office._load = lambda *_: None

    office.until(NOW + timedelta(hours=6), timedelta(minutes=5))

    assert 6 >= len(office.asked_by("freshness"))
    assert office.skips


def test_rows_that_wait_for_tokens_are_not_asked_for_before_there_are_some(instance):
    materialized(instance, MINE, NOW - timedelta(minutes=10))
    waiting = {
        "warehouse": MINE.warehouse,
        "complete_until": dg.MetadataValue.timestamp(NOW - timedelta(days=9)),
        "resumes_at": dg.MetadataValue.timestamp(NOW + timedelta(hours=3)),
    }
    instance.report_runless_asset_event(dg.AssetMaterialization("deals_flow", metadata=waiting))

    before = freshness_tick(instance, MINE, NOW)
    after = freshness_tick(instance, MINE, NOW + timedelta(hours=3))

    assert isinstance(before, dg.SkipReason)
    assert "deals_flow" in before.skip_message
    assert f"{NOW + timedelta(hours=3):%H:%M}" in before.skip_message
    assert "deals_flow" in names_of(after)


@pytest.mark.slow
def test_an_account_is_remembered_through_another_ones_events(tmp_path):
    entities = (BY_NAME["stages"], BY_NAME["pipelines"])
    mine = replace(MINE, entities=entities, freshness={"reference": timedelta(hours=1)})

    @dg.multi_asset(specs=[dg.AssetSpec(entity.name) for entity in entities], can_subset=True)
    def load(context):
        context.instance.add_run_tags(context.run.run_id, {WAREHOUSE_TAG: mine.tag})
        for key in context.selected_asset_keys:
            reached = dg.MetadataValue.timestamp(NOW)
            said = {"warehouse": mine.warehouse, "complete_until": reached}
            yield dg.MaterializeResult(asset_key=key, metadata=said)

    instance = dg.DagsterInstance.local_temp(str(tmp_path))
    dg.materialize([load], instance=instance)
    for _ in range(30):
        materialized(instance, SANDBOX, NOW + timedelta(hours=1), {"stages"})

    fresh = freshness_tick(instance, mine, NOW + timedelta(minutes=30))
    stale = freshness_tick(instance, mine, NOW + timedelta(minutes=90))

    assert isinstance(fresh, dg.SkipReason)
    assert {"stages", "pipelines"} == names_of(stale)


def test_switched_off_by_settings():
    definitions = build(Settings.from_env({"PIPEDRIVE_SENSOR": "off", "PIPEDRIVE_SCHEDULE": "off"}))

    (sensor,) = [s for s in definitions.sensors if s.name == "pipedrive_freshness_sensor"]
    assert dg.DefaultSensorStatus.STOPPED == sensor.default_status
    assert {dg.DefaultScheduleStatus.STOPPED} == {s.default_status for s in definitions.schedules}


def test_policies_warn_at_twice_the_tolerance_and_fail_at_thrice():
    definitions = build(Settings.from_env({"PIPEDRIVE_FRESHNESS_CRM": "1m"}))
    policies = {
        spec.key.to_user_string(): spec.freshness_policy
        for spec in definitions.resolve_all_asset_specs()
    }

    def windows(name):
        policy = policies[name]
        return policy.warn_window.to_timedelta(), policy.fail_window.to_timedelta()

    loaded = {name for name, policy in policies.items() if policy}
    assert {entity.name for entity in DEFAULT_ENTITIES} == loaded
    assert (timedelta(minutes=2), timedelta(minutes=3)) == windows("deals")
    assert (timedelta(hours=2), timedelta(hours=3)) == windows("deals_flow")
    assert (timedelta(days=2), timedelta(days=3)) == windows("stages") == windows("files")


def test_a_table_that_waits_for_a_cap_is_served_until_it_goes_on(instance):
    materialized(instance, MINE, NOW)
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            "deals_flow",
            metadata={
                "warehouse": MINE.warehouse,
                "resumes_at": dg.MetadataValue.timestamp(NOW + timedelta(hours=1)),
            },
        )
    )

    assert isinstance(freshness_tick(instance, MINE, NOW), dg.SkipReason)
    later = freshness_tick(instance, MINE, NOW + timedelta(hours=1))
    assert {"deals_flow"} == names_of(later)
