"""Who tells the webhook of a failed run, and what."""

import dagster as dg
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.errors import LoadFailed, PermissionDenied
from pipedrive_assets.orchestration.automation import alerts
from pipedrive_assets.orchestration.failures import failure

URL = "https://hooks.example.com/services/T0/B0/s3cret"


@pytest.fixture
def told(monkeypatch):
    sent = []
    monkeypatch.setattr(alerts, "post", lambda url, text: sent.append((url, text)))
    return sent


@pytest.fixture
def settings():
    return Settings.from_env({"PIPEDRIVE_ALERT_WEBHOOK": URL})


def failed_context(error):
    @dg.op
    def load():
        raise error

    @dg.job
    def pipedrive_daily():
        load()

    instance = dg.DagsterInstance.ephemeral()
    done = pipedrive_daily.execute_in_process(instance=instance, raise_on_error=False)
    return dg.build_run_status_sensor_context(
        sensor_name="pipedrive_alerts",
        dagster_instance=instance,
        dagster_run=done.dagster_run,
        dagster_event=done.get_run_failure_event(),
    ).for_run_failure(), done.run_id


def test_the_sensor_posts_what_the_step_said(told, settings):
    refused = PermissionDenied(path="v1/users", status=403, quote="no")
    context, run_id = failed_context(failure(LoadFailed({"users": refused, "roles": refused})))
    (sensor,) = alerts.build_alerts(settings)

    sensor(context)

    ((url, text),) = told
    assert url == URL
    assert text.startswith(
        f"Pipedrive: run {run_id[:8]} (pipedrive_daily) failed. users, roles: PermissionDenied: "
        "Pipedrive answered 403 to GET /v1/users: «no»."
    )


def test_the_sensor_is_there_and_on_where_a_webhook_is_set(settings):
    names = {
        bool(url): [sensor.name for sensor in build(one).sensors]
        for url, one in ((URL, settings), ("", Settings.from_env({})))
    }

    assert "pipedrive_alerts" in names[True]
    assert "pipedrive_alerts" not in names[False]
    (sensor,) = alerts.build_alerts(settings)
    assert dg.DefaultSensorStatus.RUNNING == sensor.default_status


def test_a_run_in_a_persons_own_process_tells_it_itself(told, settings):
    error = PermissionDenied(path="v1/users", status=403)
    alerts.send_alert(dg.DagsterRun(job_name="__ASSET_JOB"), settings, error)

    assert 1 == len(told)


def test_without_a_webhook_nothing_is_told(told):
    error = PermissionDenied(path="v1/users", status=403)
    alerts.send_alert(dg.DagsterRun(job_name="__ASSET_JOB"), Settings.from_env({}), error)

    assert [] == told


def test_the_webhook_is_not_in_the_definitions(settings):
    definitions = build(settings)

    assert "s3cret" not in repr(definitions)
    assert "s3cret" not in str(definitions.get_repository_def().get_top_level_resources())
