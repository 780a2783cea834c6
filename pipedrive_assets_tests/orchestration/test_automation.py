"""Schedule and sensor, by the runs they request over ticks at given moments."""

from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from pipedrive_assets.definitions import build
from pipedrive_assets.entities import DEFAULT_ENTITIES, Kind
from pipedrive_assets.orchestration.automation import JOB, Target, freshness_tick
from pipedrive_assets.settings import Settings

NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
MINE = Target(warehouse="/w/warehouse.duckdb:pipedrive_data", sandbox=False)
SANDBOX = Target(warehouse="/w/sandbox.duckdb:pipedrive_data", sandbox=True)


@pytest.fixture
def instance():
    with dg.instance_for_test() as made:
        yield made


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
    assert "at least 150 API tokens" in tick.skip_message
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

    assert "under way" in freshness_tick(instance, MINE, NOW).skip_message


def failed_run(instance, end):
    run = dg.DagsterRun(job_name=JOB, status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    instance.report_run_failed(run)
    record = instance.get_run_record_by_id(run.run_id)
    return datetime.fromtimestamp(record.end_time, timezone.utc) if record.end_time else end


def test_after_failures_the_pause_grows(instance):
    materialized(instance, MINE, NOW - timedelta(days=3000))
    ended = failed_run(instance, NOW)

    soon = freshness_tick(instance, MINE, ended + timedelta(minutes=4))
    later = freshness_tick(instance, MINE, ended + timedelta(minutes=6))
    ended = failed_run(instance, NOW)
    after_two = freshness_tick(instance, MINE, ended + timedelta(minutes=6))

    assert "trying again" in soon.skip_message
    assert isinstance(later, dg.RunRequest)
    assert "last 2 run(s) failed" in after_two.skip_message


def scheduled(settings, instance, moment):
    definitions = build(settings)
    schedule = definitions.resolve_schedule_def("pipedrive_daily_schedule")
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=moment,
        repository_def=definitions.get_repository_def(),
    )
    return schedule.evaluate_tick(context)


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "x" * 40)
    return Settings.from_env()


def test_the_schedule_closes_the_newest_day_that_has_ended(settings, instance):
    materialized(instance, Target.of(settings), NOW)

    tick = scheduled(settings, instance, datetime(2026, 3, 11, 2, 15, tzinfo=timezone.utc))

    (request,) = tick.run_requests
    assert ("2026-03-10", "2026-03-10") == (request.partition_key, request.run_key)
    assert {entity.name for entity in DEFAULT_ENTITIES} == names_of(request)


def test_the_schedule_leaves_tables_without_a_first_load_out(settings, instance):
    materialized(instance, Target.of(settings), NOW, {"deals", "stages"})

    (request,) = scheduled(settings, instance, NOW).run_requests

    assert {"deals", "stages"} == names_of(request)


def test_the_schedule_starts_nothing_on_a_new_account(settings, instance):
    tick = scheduled(settings, instance, NOW)

    assert [] == tick.run_requests
    assert "Never loaded" in tick.skip_message


def test_a_refused_table_is_left_to_the_daily_run(instance, settings):
    mine = Target.of(settings)
    materialized(instance, mine, NOW - timedelta(hours=2), {"deals"})
    refused = {"warehouse": mine.warehouse, "skipped": "Feature not available"}
    instance.report_runless_asset_event(dg.AssetMaterialization("leads", metadata=refused))

    tick = freshness_tick(instance, mine, NOW)
    (daily,) = scheduled(settings, instance, NOW).run_requests

    assert {"deals"} == names_of(tick)
    assert {"deals", "leads"} == names_of(daily)


def test_optional_tables_are_asked_for_once_they_are_named(instance, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_TABLES", "default,+deals_changelog,-files")
    named = Target.of(Settings.from_env())

    names = names_of(freshness_tick(instance, named, NOW))

    assert {e.name for e in DEFAULT_ENTITIES} - {"files"} | {"deals_changelog"} == names


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
