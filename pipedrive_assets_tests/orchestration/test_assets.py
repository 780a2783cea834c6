"""Materializing in process: selections, partitions, metadata, failures."""

import re
from datetime import datetime, timezone

import dagster as dg
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.load import progress
from pipedrive_assets.orchestration.assets import build_assets
from pipedrive_assets.orchestration.automation.partitions import daily_partitions
from pipedrive_assets.orchestration.resources import PipedriveResource, WarehouseResource
from pipedrive_assets.sandbox import faults
from pipedrive_assets_tests.facts import mentions

OFFICES = {}


class OfficeResource(PipedriveResource):
    """The resource of the project, connected to a test's own account."""

    office: str

    def connect(self):
        return OFFICES[self.office].connection


@pytest.fixture
def assets():
    return build_assets(daily_partitions(Settings.from_env({}).first_partition))


@pytest.fixture
def run(office, assets):
    def materialize(selection, day="2026-03-10", **how):
        OFFICES["one"] = office
        return dg.materialize(
            [assets],
            selection=selection,
            partition_key=day if "tags" not in how else None,
            resources={
                "pipedrive": OfficeResource(office="one"),
                "duckdb": WarehouseResource(
                    database=str(office.warehouse.path), dataset="pipedrive_data"
                ),
            },
            instance=how.pop("instance", None) or dg.DagsterInstance.ephemeral(),
            raise_on_error=False,
            **how,
        )

    return materialize


def facts(result, name):
    (event,) = [
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(name)
    ]
    return {key: value.value for key, value in event.materialization.metadata.items()}


def test_deals_and_their_children_are_loaded_and_say_what_it_took(run, office):
    result = run("deals+")

    assert result.success
    assert [] == office.differences("deals", "deals_participants", "deals_flow")
    said = facts(result, "deals")
    ((deals,),) = office.query("SELECT count(*) FROM deals")
    assert (deals, deals, 3, 40) == (
        said["rows_loaded"],
        said["rows_in_table"],
        said["requests"],
        said["tokens"],
    )
    assert "complete history" == said["window"]
    assert said["account"].endswith(", invented")
    assert office.sandbox.now.timestamp() == said["complete_until"]
    assert "value" in {column.name for column in said["dagster/column_schema"].columns}


@pytest.mark.slow
def test_children_alone_read_their_deals_from_the_warehouse(run, office):
    run("deals")
    office.sandbox.log.clear()

    result = run("deals_participants")

    assert result.success
    assert [] == office.sandbox.calls("api/v2/deals")


def test_children_without_deals_fail_with_one_sentence(run):
    result = run("deals_participants")

    (failure,) = result.get_step_failure_events()
    assert "Load deals first" in failure.step_failure_data.user_failure_data.description


@pytest.mark.slow
def test_one_failing_table_fails_the_run_and_leaves_the_others_materialized(run, office):
    office.sandbox.inject(faults.refused("api/v2/pipelines", 403).always())

    result = run(["stages", "users", "pipelines"])

    assert not result.success
    assert {"stages", "users"} == {
        event.asset_key.to_user_string() for event in result.get_asset_materialization_events()
    }
    (failure,) = result.get_step_failure_events()
    assert (
        "pipelines: Forbidden: Pipedrive answered 403"
        in failure.step_failure_data.user_failure_data.description
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name", "told"),
    [
        ("assets", "sample_facts", "preview (RuntimeError)"),
        ("assets", "schema_facts", "table schema (RuntimeError)"),
        ("assets", "record_covered", "metadata (RuntimeError)"),
        ("checks", "run_checks", None),
    ],
)
def test_what_fails_after_a_table_was_loaded_ends_no_other_table(  # noqa: PLR0913, PLR0917 - fixtures
    run, monkeypatch, caplog, module, name, told
):
    def fail(*_arguments, **_named):
        raise RuntimeError("row content: Zebulon")

    monkeypatch.setattr(f"pipedrive_assets.orchestration.{module}.{name}", fail)

    result = run(["stages", "users", "pipelines"])

    assert result.success
    assert {"stages", "users", "pipelines"} == {
        event.asset_key.to_user_string() for event in result.get_asset_materialization_events()
    }
    if told:
        assert told == facts(result, "users")["not_determined"]
    else:
        found = {check.check_name: check for check in result.get_asset_check_evaluations()}
        assert not found["keys"].passed
        assert "RuntimeError" in found["keys"].description
        assert "Zebulon" not in found["keys"].description
    assert "in fail" in caplog.text


@pytest.mark.slow
def test_a_range_of_days_is_one_window(run, office):
    run("persons")
    office.advance(days=5)
    instance = dg.DagsterInstance.ephemeral()

    result = run(
        "persons",
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": "2026-03-11",
            "dagster/asset_partition_range_end": "2026-03-13",
        },
    )

    assert result.success
    assert {"2026-03-11", "2026-03-12", "2026-03-13"} <= set(
        instance.get_materialized_partitions(dg.AssetKey("persons"))
    )
    first = result.get_asset_materialization_events()[0].materialization.metadata["window"].value
    assert first.endswith("2026-03-14T00:00:00Z")


@pytest.mark.slow
def test_full_walks_everything_again(run, office):
    run("products")
    config = dg.RunConfig(ops={"pipedrive": {"config": {"full": True}}})

    result = run("products", run_config=config)

    assert "complete history" == facts(result, "products")["window"]
    assert (
        office.sandbox.now.astimezone(timezone.utc).timestamp()
        == (facts(result, "products")["complete_until"])
    )


def test_a_missing_token_fails_with_one_sentence(assets, monkeypatch, tmp_path):
    monkeypatch.setenv("PIPEDRIVE_BASE_URL", "acme")
    result = dg.materialize(
        [assets],
        selection="stages",
        partition_key="2026-03-10",
        resources={
            "pipedrive": PipedriveResource(),
            "duckdb": WarehouseResource(database=str(tmp_path / "w.duckdb"), dataset="d"),
        },
        raise_on_error=False,
    )

    (failure,) = result.get_step_failure_events()
    said = failure.step_failure_data.user_failure_data.description
    assert re.match(mentions("MissingTokenError", "PIPEDRIVE_BASE_URL"), said)
    assert not (tmp_path / "w.duckdb").exists()


@pytest.mark.slow
def test_a_refused_table_that_an_account_may_lack_is_skipped_with_a_warning(run, office):
    office.sandbox.inject(faults.refused("v1/leads", 402, "Feature not available").always())

    result = run(["leads", "stages"])

    assert result.success
    assert "Feature not available" in facts(result, "leads")["skipped"]
    (check,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert (False, dg.AssetCheckSeverity.WARN, "readable") == (
        check.passed,
        check.severity,
        check.check_name,
    )
    office.sandbox.clear_faults()

    again = run(["leads", "stages"])

    assert all(check.passed for check in again.get_asset_check_evaluations())
    assert [] == office.differences("leads")


@pytest.mark.slow
def test_a_refused_list_is_named_in_the_metadata_and_the_check(run, office):
    office.sandbox.inject(faults.refused("v1/leads/archived", 403, "Not yours"))

    result = run(["leads", "stages"])

    assert result.success
    warned = str(facts(result, "leads")["warnings"])
    assert re.search(mentions("/v1/leads/archived", "«Not yours"), warned)
    (check,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert "readable" == check.check_name
    assert "v1/leads/archived" in check.description


@pytest.mark.slow
def test_what_a_cap_keeps_for_later_is_told_and_is_no_failure(run, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_TOKENS_PER_DAY", "120")

    result = run(["deals", "deals_flow"])

    said = facts(result, "deals_flow")
    assert result.success
    assert said["rows_in_table"]
    assert 120 == said["tokens"]
    assert 0 < said["waiting"]
    assert datetime(2026, 3, 11, tzinfo=timezone.utc).timestamp() == said["resumes_at"]
    assert said["tokens_run"] == said["tokens_today"] >= 120 + 30
    assert 1_800_000 - said["tokens_run"] == said["tokens_left"]


@pytest.mark.slow
def test_a_run_that_ends_with_the_budget_says_when_it_comes_back(run, office):
    office.sandbox.inject(faults.spent("v1/users").always())
    instance = dg.DagsterInstance.ephemeral()

    result = run(["stages", "users"], instance=instance)

    (tag,) = [
        value
        for name, value in instance.get_run_by_id(result.run_id).tags.items()
        if name == "pipedrive/budget_reset_at"
    ]
    assert datetime(2026, 3, 11, tzinfo=timezone.utc) == datetime.fromisoformat(tag)


@pytest.mark.slow
def test_a_new_field_is_an_event_of_the_asset_and_an_alert(run, office, monkeypatch):
    sent = []
    monkeypatch.setattr(
        "pipedrive_assets.load.schema_alert.post", lambda url, text: sent.append((url, text))
    )
    monkeypatch.setenv("PIPEDRIVE_ALERT_WEBHOOK", "https://hooks.example.com/s3cret")
    monkeypatch.setenv("PIPEDRIVE_SCHEMA_POLICY", "deals:alert")
    run(["deals", "persons"])
    office.world.add_field("deals", "Fleet size", "double")
    office.world.add_field("persons", "Shoe size", "double")
    office.advance(hours=1)

    result = run(["deals", "persons"])

    noted = {
        event.asset_observation_data.asset_observation.asset_key.path[-1]: (
            event.asset_observation_data.asset_observation.metadata["schema_changes"].value
        )
        for event in result.all_events
        if event.event_type_value == "ASSET_OBSERVATION"
    }
    assert noted.keys() == {"deals", "persons"}
    assert noted["deals"] == facts(result, "deals")["schema_changes"]
    ((url, text),) = sent
    assert url.endswith("s3cret")
    assert "Fleet size" in text
    assert "Shoe size" not in text


def materialized_days(instance, name):
    return sorted(instance.get_materialized_partitions(dg.AssetKey(name)))


@pytest.mark.slow
def test_a_catch_up_records_the_days_it_covered_and_a_first_load_its_own_day(run, office):
    instance = dg.DagsterInstance.ephemeral()

    first = run(["persons", "stages"], instance=instance)
    in_between = materialized_days(instance, "persons")
    office.advance(days=5)
    second = run(["persons"], day="2026-03-15", instance=instance)

    assert 1 == len(in_between)
    assert in_between == materialized_days(instance, "stages")
    assert [*in_between, *(f"2026-03-{day}" for day in range(11, 16))] == materialized_days(
        instance, "persons"
    )
    assert "days_covered" not in facts(first, "persons")
    assert 5 - 1 == facts(second, "persons")["days_covered"]
    (covered,) = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("persons"), asset_partitions=["2026-03-12"]), limit=2
    ).records
    assert second.run_id in covered.asset_materialization.metadata["covered_by"].value


@pytest.mark.slow
def test_an_old_day_covers_no_other(run, office):
    instance = dg.DagsterInstance.ephemeral()
    run(["persons"], instance=instance)
    before = materialized_days(instance, "persons")
    office.advance(days=3)

    run(["persons"], day="2026-03-11", instance=instance)

    assert [*before, "2026-03-11"] == materialized_days(instance, "persons")


@pytest.mark.slow
def test_up_to_which_day_a_table_is_closed_stands_in_its_metadata(run, office):
    instance = dg.DagsterInstance.ephemeral()
    said = [facts(run(["stages"], instance=instance), "stages")["closed_until"]]
    office.advance(days=1)
    hurried = dg.RunConfig(ops={"pipedrive": {"config": {"newest": False}}})
    for day, config in (("2026-03-11", None), ("2026-03-10", hurried), ("2026-03-10", None)):
        done = run(["stages"], day=day, instance=instance, run_config=config)
        said.append(facts(done, "stages")["closed_until"])

    assert ["2026-03-09", "2026-03-09", "2026-03-09", "2026-03-10"] == said


@pytest.mark.slow
def test_a_run_says_in_its_log_how_far_it_is_without_a_line_for_each_page(run, monkeypatch):
    with dg.DagsterInstance.ephemeral() as instance:

        def said():
            found = instance.all_logs(run(["stages", "pipelines"], instance=instance).run_id)
            return [event.user_message for event in found if "tables, " in event.user_message]

        assert [] == said()
        monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
        assert "2 of 2 tables, 2 pages" in said()[-1]
