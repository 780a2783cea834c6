"""The code location as Dagster sees it."""

import ast
from datetime import datetime, timezone
from pathlib import Path

import dagster as dg
import pytest

import pipedrive_assets
from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.orchestration.automation.target import JOB
from pipedrive_assets.orchestration.derived import READS, derived_from
from pipedrive_assets.orchestration.resources import PipedriveResource
from pipedrive_assets.registry import DEFAULT_ENTITIES, Kind

PACKAGE = Path(pipedrive_assets.__file__).parent


@pytest.fixture
def definitions():
    return build(Settings.from_env({}))


@pytest.fixture
def specs(definitions):
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_definitions_are_loadable(definitions):
    dg.Definitions.validate_loadable(definitions)


def test_every_entity_is_an_asset_with_its_plain_name(specs):
    assert {entity.name for entity in DEFAULT_ENTITIES} | set(READS) == set(specs)


def test_optional_tables_are_assets_once_they_are_named():
    definitions = build(Settings.from_env({"PIPEDRIVE_TABLES": "default,+projects,-files"}))

    names = {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}

    wanted = {entity.name for entity in DEFAULT_ENTITIES} - {"files"} | {"projects"}
    assert wanted | set(READS) == names


def test_groups_follow_how_an_entity_is_read(specs):
    groups = {entity.name: entity.group for entity in DEFAULT_ENTITIES}
    assert {**groups, **dict.fromkeys(READS, "sales")} == {
        name: spec.group_name for name, spec in specs.items()
    }


def test_deals_plus_selects_deals_what_is_read_per_deal_and_what_is_derived(definitions):
    graph = definitions.resolve_asset_graph()

    selected = dg.AssetSelection.from_string("deals+").resolve(graph)

    assert {
        "deals",
        "deals_participants",
        "deals_flow",
        "deals_products",
        "deals_installments",
        *derived_from(["deals"]),
    } == {key.to_user_string() for key in selected}


def test_assets_have_daily_utc_partitions_from_the_first_day_to_today(definitions):
    has_days = {
        key.to_user_string(): bool(assets.partitions_def)
        for assets in definitions.assets
        for key in assets.keys
    }
    (partitions,) = {a.partitions_def for a in definitions.assets if a.partitions_def}

    assert set(READS) == {name for name, has in has_days.items() if not has}
    keys = partitions.get_partition_keys(
        current_time=datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
    )

    assert ("2026-01-01", "2026-03-10", "UTC") == (keys[0], keys[-1], partitions.timezone)


def test_a_range_of_days_is_one_run(definitions):
    assert {dg.BackfillPolicy.single_run()} == {
        assets.backfill_policy for assets in definitions.assets
    }


def test_schedule_and_sensor_are_on(definitions):
    daily, weekly = definitions.schedules
    (sensor,) = definitions.sensors

    assert {dg.DefaultScheduleStatus.RUNNING} == {daily.default_status, weekly.default_status}
    assert dg.DefaultSensorStatus.RUNNING == sensor.default_status
    assert ("15 2 * * *", "45 3 * * 0") == (daily.cron_schedule, weekly.cron_schedule)
    assert {"UTC"} == {daily.execution_timezone, weekly.execution_timezone}


@pytest.mark.parametrize(("at", "crons"), [("mon 23:05", ["5 23 * * 1"]), ("off", [])])
def test_the_weekly_reconciliation_can_be_moved_and_turned_off(at, crons):
    definitions = build(Settings.from_env({"PIPEDRIVE_RECONCILE_AT": at}))

    assert crons == [
        one.cron_schedule
        for one in definitions.schedules
        if one.name == "pipedrive_weekly_schedule"
    ]


def test_the_job_holds_every_asset(definitions):
    job = definitions.resolve_job_def(JOB)

    assert {entity.name for entity in DEFAULT_ENTITIES} | set(READS) == {
        key.to_user_string() for key in job.asset_layer.selected_asset_keys
    }


@pytest.mark.parametrize("kind", list(Kind))
def test_each_description_says_what_a_partition_means(specs, kind):
    entity = next(entity for entity in DEFAULT_ENTITIES if entity.kind is kind)

    assert "partition" in specs[entity.name].description
    assert entity.path in specs[entity.name].description


def test_the_columns_and_their_meaning_are_in_the_definition(specs):
    columns = {
        column.name: column for column in specs["deals"].metadata["dagster/column_schema"].columns
    }

    assert "double" == columns["value"].type
    assert "currency" in columns["value"].description


@pytest.mark.slow
def test_the_given_integration_is_imported_in_one_module():
    importing = [
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("dagster_embedded_elt")
    ]

    assert ["embedded_elt.py"] == importing


def test_the_api_token_is_not_in_the_definitions(monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "t0ps3cret-0123456789")

    settings = Settings.from_env()
    definitions = build(settings)

    assert "t0ps3cret-0123456789" == settings.api_token.get_secret_value()
    assert "t0ps3cret" not in repr(definitions) + repr(settings)
    assert "t0ps3cret" not in str(definitions.get_repository_def().get_top_level_resources())


@pytest.mark.parametrize("given", ["", "<configure me>", "PIPEDRIVE_API_TOKEN"])
def test_a_resource_whose_token_is_not_filled_in_takes_that_of_the_settings(given, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "real")

    found = PipedriveResource(api_token=given).settings().api_token
    assert "real" == found.get_secret_value()
