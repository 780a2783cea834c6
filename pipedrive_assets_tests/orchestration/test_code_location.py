"""Definitions in a code location of somebody else's, and several accounts in one."""

from datetime import date, datetime, timedelta, timezone
from uuid import uuid4

import dagster as dg
import duckdb
import pytest
from dagster_duckdb import DuckDBResource

import pipedrive_assets
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.orchestration.automation import alerts, runs
from pipedrive_assets.orchestration.automation.freshness import freshness_tick
from pipedrive_assets.orchestration.automation.last_materialization import facts_of
from pipedrive_assets.orchestration.automation.runs import RESET_TAG
from pipedrive_assets.orchestration.automation.target import WAREHOUSE_TAG, Target
from pipedrive_assets.orchestration.code_location import pipedrive_definitions
from pipedrive_assets.orchestration.names import Names

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
DAY = "2026-03-10"


@dg.asset
def users() -> None:
    """An asset with the name of one of ours."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of_sandbox(**given):
    return Settings(sandbox_instant=NOON, tables="stages,pipelines", **given)


def keys(definitions):
    return {key.to_user_string() for key in definitions.resolve_all_asset_keys()}


def materialize(definitions, selection, **how):
    return dg.materialize(
        list(definitions.assets),
        selection=selection,
        partition_key=DAY,
        resources=definitions.resources,
        **how,
    )


def test_the_function_is_a_public_name_of_the_package():
    assert pipedrive_assets.pipedrive_definitions is pipedrive_definitions


def test_definitions_merge_with_a_duckdb_a_users_asset_and_an_executor_of_others(folder):
    theirs = dg.Definitions(
        assets=[users],
        resources={"duckdb": DuckDBResource(database="theirs.duckdb")},
        executor=dg.multiprocess_executor,
    )
    ours = pipedrive_definitions(
        Settings(api_token="t"),
        key_prefix="crm",
        pipedrive_key="crm",
        warehouse_key="crm_warehouse",
        name_prefix="crm",
        group_name="crm",
        owners=["team:sales"],
        tags={"domain": "sales"},
        tables=["deals", "users"],
        first_partition=date(2025, 5, 1),
    )

    merged = dg.Definitions.merge(theirs, ours)

    dg.Definitions.validate_loadable(merged)
    assert {"users", "crm/users", "crm/deals", "crm/sales_overview"} <= keys(merged)
    assert ours.executor is None
    assert merged.executor is dg.multiprocess_executor
    assert {"duckdb", "crm", "crm_warehouse"} == set(merged.resources)
    assert {"crm_daily", "crm_reconcile"} == {job.name for job in ours.jobs}
    (spec,) = [s for s in ours.resolve_all_asset_specs() if s.key == dg.AssetKey(["crm", "deals"])]
    assert ("crm", ["team:sales"], "sales") == (spec.group_name, spec.owners, spec.tags["domain"])
    assert "2025-05-01" == spec.partitions_def.get_first_partition_key()


@pytest.mark.slow
def test_settings_in_code_win_over_the_environment_when_a_run_starts(folder, monkeypatch):
    definitions = pipedrive_definitions(
        of_sandbox(dataset="from_code", preview="off"), key_prefix=["crm"], warehouse_key="store"
    )
    monkeypatch.setenv("PIPEDRIVE_DATASET", "from_environment")
    monkeypatch.setenv("PIPEDRIVE_TABLES", "deals")
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "another account's")
    monkeypatch.setenv("PIPEDRIVE_WAREHOUSE", "other.duckdb")

    result = materialize(definitions, "*")

    made = {e.asset_key.to_user_string() for e in result.get_asset_materialization_events()}
    assert {"crm/stages", "crm/pipelines", "crm/sales_overview"} <= made
    assert not any(key.startswith("crm/deals") for key in made)
    with duckdb.connect(str(folder / "data" / "sandbox.duckdb"), read_only=True) as connection:
        ((rows,),) = connection.execute("SELECT count(*) FROM from_code.stages").fetchall()
    assert rows
    assert not (folder / "other.duckdb").exists()


@pytest.mark.slow
def test_an_asset_of_others_reads_a_table_through_the_warehouse_resource(folder):
    @dg.asset(deps=[dg.AssetKey(["crm", "stages"])])
    def stage_count(crm_warehouse: DuckDBResource) -> dg.MaterializeResult:
        with crm_warehouse.get_connection() as connection:
            ((rows,),) = connection.execute("SELECT count(*) FROM pipedrive_data.stages").fetchall()
        return dg.MaterializeResult(metadata={"rows": rows})

    merged = dg.Definitions.merge(
        dg.Definitions(assets=[stage_count]),
        pipedrive_definitions(of_sandbox(), key_prefix="crm", warehouse_key="crm_warehouse"),
    )
    result = materialize(merged, [dg.AssetKey(["crm", "stages"]), dg.AssetKey("stage_count")])

    (made,) = result.asset_materializations_for_node("stage_count")
    assert made.metadata["rows"].value > 0


def test_without_settings_a_run_reads_the_environment_when_it_starts(folder, monkeypatch):
    definitions = pipedrive_definitions()
    monkeypatch.setenv("PIPEDRIVE_TABLES", "stages")

    found = definitions.resources["pipedrive"].settings()

    assert ("stages",) == found.tables


@pytest.mark.slow
def test_automation_knows_prefixed_tables_from_those_of_others(folder):
    names = Names(key_prefix=("crm",), prefix="crm")
    target = Target.of(of_sandbox(), names=names)
    instance = dg.DagsterInstance.ephemeral()
    definitions = pipedrive_definitions(of_sandbox(), key_prefix="crm", name_prefix="crm")

    first = freshness_tick(instance, target, NOON)
    assert {"crm/pipelines", "crm/stages"} == {
        key.to_user_string() for key in first.asset_selection
    }
    assert materialize(definitions, list(first.asset_selection), instance=instance).success

    assert {"stages", "pipelines"} == set(facts_of(instance, target))
    assert set() == set(facts_of(instance, Target.of(of_sandbox())))
    assert 1 == len(runs.ended(instance, target))
    assert frozenset({"deals"}) == names.tables(
        [dg.AssetKey("users"), dg.AssetKey(["crm", "deals"]), dg.AssetKey(["hr", "users"])]
    )


def test_each_account_has_names_a_warehouse_and_a_token_of_its_own(folder, monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", "of-acme")
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "of-nobody")

    definitions = pipedrive_definitions(
        accounts={"acme": "ACME_TOKEN", "globex": Settings(api_token="of-globex")},
        tables="deals",
    )

    dg.Definitions.validate_loadable(definitions)
    assert {"acme/deals", "globex/deals"} <= keys(definitions)
    found = {
        name: definitions.resources[f"pipedrive_{name}"].settings() for name in ("acme", "globex")
    }
    assert ["of-acme", "of-globex"] == [one.api_token.get_secret_value() for one in found.values()]
    assert ["pipedrive_acme", "pipedrive_globex"] == [one.dataset for one in found.values()]
    assert 2 == len({one.warehouse for one in found.values()})
    assert "of-acme" not in repr(definitions) + repr(definitions.resources)


def test_a_missing_token_variable_is_named_when_the_run_starts(folder):
    definitions = pipedrive_definitions(accounts={"acme": "ACME_TOKEN"}, tables="stages")

    result = materialize(definitions, "*", raise_on_error=False)

    (failed, *_) = [e for e in result.all_events if e.is_step_failure]
    assert "ACME_TOKEN" in failed.step_failure_data.user_failure_data.description


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ({"a": Settings(api_token="t", found={}), "b": Settings(api_token="t", found={})}, "token"),
        (
            {
                "a": Settings(api_token="t", warehouse="w.duckdb", found={}),
                "b": Settings(api_token="u", warehouse="w.duckdb", found={}),
            },
            "warehouse",
        ),
        ({"Acme Inc": "TOKEN"}, "name of an account"),
    ],
)
def test_accounts_that_would_share_something_are_refused(folder, accounts, words):
    with pytest.raises(ConfigurationError, match=words):
        pipedrive_definitions(accounts=accounts)


@pytest.mark.slow
def test_each_account_is_alerted_of_its_own_runs_only(folder):
    mine = Target.of(of_sandbox(), names=Names(key_prefix=("acme",), prefix="pipedrive_acme"))

    def run(name="__ASSET_JOB", selection=(), **tags):
        return dg.DagsterRun(
            job_name=name,
            tags=tags,
            asset_selection=frozenset(dg.AssetKey(path) for path in selection) or None,
        )

    assert alerts.loads_into(run("pipedrive_acme_daily"), mine)
    assert alerts.loads_into(run(selection=[["acme", "deals"], ["acme", "stages"]]), mine)
    assert alerts.loads_into(run("any", **{WAREHOUSE_TAG: mine.tag}), mine)
    assert not alerts.loads_into(run("pipedrive_globex_daily"), mine)
    assert not alerts.loads_into(run(selection=[["globex", "deals"]]), mine)
    assert not alerts.loads_into(run(selection=["deals"]), mine)
    assert not alerts.loads_into(run("pipedrive_acme_daily", **{WAREHOUSE_TAG: "other"}), mine)


def two_accounts():
    """Two targets on one instance, each with its tables loaded an age ago."""
    instance = dg.DagsterInstance.ephemeral()
    targets = []
    for name in ("acme", "globex"):
        settings = Settings(api_token=name, tables="stages,deals", dataset=name, found={})
        names = Names().of_account(name)
        target = Target.of(settings, f"/w/{name}.duckdb:{name}", names)
        for table in ("stages", "deals"):
            reached = dg.MetadataValue.timestamp(NOON - timedelta(hours=5))
            said = {"warehouse": target.warehouse, "complete_until": reached}
            made = dg.AssetMaterialization(names.key(table), metadata=said, partition=DAY)
            instance.report_runless_asset_event(made)
        targets.append(target)
    return instance, *targets


def test_both_accounts_are_asked_for_their_own_stale_tables(folder):
    instance, acme, globex = two_accounts()

    ticks = [freshness_tick(instance, one, NOON) for one in (acme, globex)]

    assert [[["acme", "deals"]], [["globex", "deals"]]] == [
        [list(key.path) for key in tick.asset_selection] for tick in ticks
    ]
    assert ["pipedrive_acme", "pipedrive_globex"] == [
        next(iter(tick.run_config["ops"])) for tick in ticks
    ]
    assert acme.tag != globex.tag


@pytest.mark.parametrize("trouble", ["under way", "failed", "budget spent"])
def test_trouble_of_one_account_does_not_stop_the_other(folder, trouble):
    instance, acme, globex = two_accounts()
    is_running = trouble == "under way"
    reset = {RESET_TAG: (NOON + timedelta(hours=9)).isoformat()}
    instance.add_run(
        dg.DagsterRun(
            job_name=acme.names.job,
            run_id=str(uuid4()),
            status=dg.DagsterRunStatus.NOT_STARTED if is_running else dg.DagsterRunStatus.FAILURE,
            tags={WAREHOUSE_TAG: acme.tag, **(reset if trouble == "budget spent" else {})},
            asset_selection=frozenset({acme.names.key("deals")}),
        )
    )
    now = datetime.now(timezone.utc) if trouble == "failed" else NOON

    assert isinstance(freshness_tick(instance, acme, now), dg.SkipReason)
    assert {globex.names.key("deals")} == set(freshness_tick(instance, globex, now).asset_selection)
