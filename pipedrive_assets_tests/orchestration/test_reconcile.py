"""The weekly reconciliation as Dagster runs it."""

from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from pipedrive_assets.orchestration.automation.reconcile import build_reconcile_job, weekly_tick
from pipedrive_assets.orchestration.automation.target import RECONCILE_JOB, Target
from pipedrive_assets.orchestration.resources import PipedriveResource, WarehouseResource
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets_tests.orchestration.simulation import Plant

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
OFFICES = {}
MINE = Target(
    warehouse="/w/warehouse.duckdb:pipedrive_data",
    sandbox=False,
    entities=(BY_NAME["deals"], BY_NAME["stages"]),
)


class OfficeResource(PipedriveResource):
    """The resource of the project, connected to a test's own account."""

    office: str

    def connect(self):
        return OFFICES[self.office].connection


@pytest.fixture
def run(office):
    OFFICES["weekly"] = office

    def execute(instance=None, **config):
        return build_reconcile_job().execute_in_process(
            resources={
                "pipedrive": OfficeResource(office="weekly"),
                "duckdb": WarehouseResource(
                    database=str(office.warehouse.path), dataset="pipedrive_data"
                ),
            },
            instance=instance or dg.DagsterInstance.ephemeral(),
            raise_on_error=False,
            run_config={"ops": {"reconcile": {"config": config}}},
        )

    return execute


def test_the_log_of_a_terminated_reconciliation_has_a_line_that_rows_are_kept(run, monkeypatch):
    def interrupt(*_):
        raise dg.DagsterExecutionInterruptedError

    monkeypatch.setattr(
        "pipedrive_assets.orchestration.automation.reconcile.reconcile_tables", interrupt
    )

    instance = dg.DagsterInstance.ephemeral()
    result = run(instance)

    assert not result.success
    log = " ".join(each.user_message for each in instance.all_logs(result.run_id))
    assert "Rows committed before are kept" in log


@pytest.mark.slow
def test_children_are_read_again_where_the_run_config_says_so(run, office):
    office.load("deals", "deals_products")
    line = office.world.ids("deal_products")[0]
    office.world.row("deal_products", line)["comments"] = "changed without a word"
    office.world.tables["deal_products"].touch()

    assert run().success
    before = office.differences("deals_products")
    assert run(children=True).success

    assert [] != before
    assert [] == office.differences("deals_products")


@pytest.mark.slow
def test_what_was_deleted_is_marked_and_each_table_observed(run, office):
    office.load("deals", "persons", "organizations", "notes")
    office.world.delete("persons", 3)

    done = run()

    assert done.success
    assert [(True,)] == office.query("SELECT _deleted_at IS NOT NULL FROM persons WHERE id = 3")
    observed = {
        event.asset_key.to_user_string(): event.asset_observation_data.asset_observation.metadata
        for event in done.all_events
        if event.is_asset_observation
    }
    assert 1 == observed["persons"]["marked_deleted"].value
    assert {"deals", "organizations", "notes"} <= set(observed)


@pytest.mark.slow
def test_a_failing_table_fails_the_run_with_its_sentence(run, office):
    office.load("persons", "deals")
    office.sandbox.inject(faults.refused("api/v2/persons", 403).always())

    done = run()

    (failed,) = [event for event in done.all_events if event.is_step_failure]
    said = failed.step_failure_data.user_failure_data.description
    assert said.startswith("persons: ")
    assert "Pipedrive answered 403 to GET /api/v2/persons" in said


def test_a_tick_asks_for_one_run_and_never_for_a_second_beside_it():
    plant = Plant(target=MINE, now=NOON)
    before = weekly_tick(plant.instance, MINE, NOON)
    plant.by_hand("deals", "stages")
    plant.until(NOON + timedelta(minutes=10))

    first = weekly_tick(plant.instance, MINE, plant.now)
    plant.instance.add_run(
        dg.DagsterRun(job_name=RECONCILE_JOB, status=dg.DagsterRunStatus.STARTED, tags=first.tags)
    )
    second = weekly_tick(plant.instance, MINE, plant.now)

    assert isinstance(before, dg.SkipReason)
    assert isinstance(first, dg.RunRequest)
    assert isinstance(second, dg.SkipReason)
    assert before.skip_message != second.skip_message


def test_the_sensor_waits_for_a_reconciliation_and_is_not_paused_by_a_failed_one():
    plant = Plant(target=MINE, now=NOON)
    plant.by_hand("deals", "stages")
    plant.until(NOON + timedelta(minutes=10))
    run = plant.instance.add_run(
        dg.DagsterRun(
            job_name=RECONCILE_JOB,
            status=dg.DagsterRunStatus.STARTED,
            tags=weekly_tick(plant.instance, MINE, plant.now).tags,
        )
    )
    plant.now += timedelta(hours=2)

    beside = plant.sensor_tick()
    plant._event(run, "PIPELINE_FAILURE")
    after = plant.sensor_tick()

    assert "in progress" in beside.skip_message
    assert isinstance(after, dg.RunRequest)
