"""The derived assets: in every run of what they read, at no cost, and never in its way."""

import re

import dagster as dg
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.orchestration.automation.runs import RunFacts
from pipedrive_assets.orchestration.automation.target import JOB
from pipedrive_assets.orchestration.derived import READS, derived_from, with_derived
from pipedrive_assets.orchestration.resources import WarehouseResource
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.views.sql import DERIVED_BY_NAME, DERIVED_TABLES
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.dialect import TYPES
from pipedrive_assets_tests.orchestration.test_assets import OFFICES, OfficeResource, facts

RANGE = {
    "dagster/asset_partition_range_start": "2026-03-08",
    "dagster/asset_partition_range_end": "2026-03-10",
}


def has_days(selection):
    """Whether any of the selected assets has partitions."""
    names = [selection] if isinstance(selection, str) else selection
    return not set(names) <= set(READS)


@pytest.fixture
def run(office):
    """Materialize a selection of the whole code location."""
    OFFICES["derived"] = office
    definitions = build(Settings.from_env({}), OfficeResource(office="derived"))
    database = WarehouseResource(database=str(office.warehouse.path), dataset="pipedrive_data")

    def materialize(selection, **how):
        return dg.materialize(
            list(definitions.assets),
            selection=selection,
            partition_key=None if "tags" in how or not has_days(selection) else "2026-03-10",
            resources={**definitions.resources, "duckdb": database},
            instance=how.pop("instance", None) or dg.DagsterInstance.ephemeral(),
            raise_on_error=False,
            **how,
        )

    return materialize


def made(result):
    return {e.asset_key.to_user_string() for e in result.get_asset_materialization_events()}


@pytest.mark.slow
def test_deals_and_all_that_is_downstream_of_them_are_one_selection(run, office):
    result = run("deals+")

    assert result.success
    assert {"deal_stage_history", "deal_velocity", "open_pipeline"} <= made(result)
    ((deals,),) = office.query("SELECT count(*) FROM deals WHERE _deleted_at IS NULL")
    ((told,),) = office.query("SELECT count(DISTINCT deal_id) FROM deal_stage_history")
    assert deals == told


@pytest.mark.slow
def test_a_table_says_how_many_rows_it_has_and_what_they_rest_on(run, office):
    result = run(["deals", "deals_flow", "stages", "pipelines", "deal_stage_history"])

    said = facts(result, "deal_stage_history")
    ((rows,),) = office.query("SELECT count(*) FROM deal_stage_history")
    assert (rows, rows) == (said["rows_in_table"], said["dagster/row_count"])
    assert (
        dict.fromkeys(("deals_flow", "deals", "stages", "pipelines"), "2026-03-10 12:00:00 UTC")
        == (said["based_on"])
    )
    assert office.sandbox.now.timestamp() == said["complete_until"]
    assert said["preview"].startswith("| deal_id | sequence | stage_id |")


@pytest.mark.slow
def test_deriving_asks_pipedrive_nothing(run, office):
    run(["deals", "deals_flow", "stages", "pipelines"])
    office.sandbox.log.clear()

    result = run(["deal_stage_history", "pipeline_conversion"])

    assert result.success
    assert [] == list(office.sandbox.log)


@pytest.mark.slow
def test_a_range_of_days_is_one_run_of_them_too(run):
    instance = dg.DagsterInstance.ephemeral()

    result = run("deals+", tags=RANGE, instance=instance)

    assert result.success
    assert {"2026-03-08", "2026-03-09", "2026-03-10"} <= set(
        instance.get_materialized_partitions(dg.AssetKey("deals"))
    )
    assert "open_pipeline" in made(result)


@pytest.mark.slow
def test_what_was_never_loaded_is_named_and_fails_nothing(run):
    result = run(["deals", "stages", "deal_stage_history", "pipeline_conversion", "open_pipeline"])

    assert result.success
    assert "deals_flow" in facts(result, "deal_stage_history")["skipped"]
    assert "deal_stage_history" in facts(result, "pipeline_conversion")["skipped"]
    assert facts(result, "open_pipeline")["rows_in_table"]
    based_on = facts(result, "open_pipeline")["based_on"]
    assert re.match(r"\d{4}-", based_on["deals"])
    assert not re.match(r"\d{4}-", based_on["pipelines"])


@pytest.mark.slow
def test_deriving_before_any_load_makes_no_warehouse(run, office):
    result = run(["sales_activity"])

    assert result.success
    assert "Load them first: activities" in facts(result, "sales_activity")["skipped"]
    assert not office.warehouse.path.exists()


@pytest.mark.slow
def test_deals_whose_history_waits_for_tokens_are_counted_and_left_out(run, office, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_TOKENS_PER_DAY", "800")

    result = run(["deals", "deals_flow", "deal_stage_history"])

    said = facts(result, "deal_stage_history")
    ((deals,),) = office.query("SELECT count(*) FROM deals WHERE _deleted_at IS NULL")
    ((told,),) = office.query("SELECT count(DISTINCT deal_id) FROM deal_stage_history")
    assert 0 < told < deals
    assert deals - told == said["deals_without_history"]


@pytest.mark.slow
def test_a_column_that_a_setting_keeps_out_is_named(run, monkeypatch, office):
    monkeypatch.setenv("PIPEDRIVE_EXCLUDE_COLUMNS", "deals.probability")

    result = run(["deals", "stages", "open_pipeline", "deal_velocity"])

    assert result.success
    assert "deals.probability" in facts(result, "open_pipeline")["skipped"]
    assert "skipped" not in facts(result, "deal_velocity")


@pytest.mark.slow
def test_a_failure_to_derive_is_no_failure_of_the_tables_loaded(run, monkeypatch):
    def locked(_):
        raise WarehouseError("The warehouse is locked.")

    instance = dg.DagsterInstance.ephemeral()
    run(["activities"], instance=instance)
    monkeypatch.setattr(Warehouse, "sql", locked)

    result = run(["sales_activity"], instance=instance)

    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert "WarehouseError: The warehouse is locked." == (
        failure.step_failure_data.user_failure_data.description
    )
    (record,) = instance.get_run_records(dg.RunsFilter(run_ids=[result.run_id]))
    assert RunFacts.of(record).failed_for("sales_activity")
    assert not RunFacts.of(record).failed_for("activities")


def test_an_account_that_fails_is_not_taken_for_its_tables(office):
    office.sandbox.inject(faults.refused("v1/users/me", 401).always())
    OFFICES["derived"] = office
    definitions = build(Settings.from_env({}), OfficeResource(office="derived"))

    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def(JOB).execute_in_process(
            instance=instance,
            partition_key="2026-03-10",
            asset_selection=[dg.AssetKey("deals"), dg.AssetKey("deal_velocity")],
            raise_on_error=False,
        )
        (record,) = instance.get_run_records(dg.RunsFilter(run_ids=[result.run_id]))

    assert RunFacts.of(record).failed is None


def test_automation_asks_for_what_is_derived_from_the_tables_it_asks_for():
    asked = dg.RunRequest(partition_key="2026-03-10", asset_selection=[dg.AssetKey("stages")])

    assert {"stages", *derived_from(["stages"])} == {
        key.to_user_string() for key in with_derived(asked).asset_selection
    }
    assert {"deal_stage_history", "open_pipeline", "pipeline_conversion"} <= set(
        derived_from(["stages"])
    )
    assert [] == derived_from(["notes"])


@pytest.mark.slow
def test_the_files_describe_the_columns_that_the_queries_have(office):
    office.load("deals", "deals_flow", "activities", "stages")

    for table in DERIVED_TABLES:
        held = office.query(
            "SELECT column_name, data_type FROM information_schema.columns "
            f"WHERE table_name = '{table.name}' ORDER BY ordinal_position"
        )
        described = [(name, TYPES[column.type]) for name, column in table.columns.items()]
        assert described == held


def test_derived_tables_rest_on_tables_that_there_are():
    for table in DERIVED_TABLES:
        assert set(table.reads) <= {*BY_NAME, *DERIVED_BY_NAME}
        assert set(table.needs) <= set(BY_NAME)
