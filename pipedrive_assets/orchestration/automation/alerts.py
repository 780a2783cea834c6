"""Alerts about failed runs, posted to PIPEDRIVE_ALERT_WEBHOOK.

A sensor reports runs that a daemon launched, including killed ones. A run in a user's own process,
which no sensor observes, posts its alert itself.
"""

import dagster as dg

from pipedrive_assets.alert import failure_text, post
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.orchestration.automation.target import WAREHOUSE_TAG, Target
from pipedrive_assets.orchestration.derived import READS
from pipedrive_assets.orchestration.failures import named, raise_tick_errors
from pipedrive_assets.orchestration.names import OWN_NAMES, Names

ALERT_SECONDS = 30


def build_alerts(settings: Settings, names: Names = OWN_NAMES) -> list[dg.SensorDefinition]:
    """Return the sensor that reports failed runs of an account; nothing without a webhook."""
    if not settings.alert_webhook:
        return []
    url = settings.alert_webhook.get_secret_value()
    target = Target.of(settings, names=names)

    @dg.run_failure_sensor(
        name=f"{names.prefix}_alerts",
        minimum_interval_seconds=ALERT_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Posts one sentence to the webhook when a run fails.",
    )
    def pipedrive_alerts(context: dg.RunFailureSensorContext) -> None:
        with raise_tick_errors("the alert sensor"):
            if not loads_into(context.dagster_run, target):
                return
            post(url, run_text(context.dagster_run, error_text_of(context)))

    return [pipedrive_alerts]


def loads_into(run: dg.DagsterRun, target: Target) -> bool:
    """Whether a run loads this account: a code location can have other accounts and jobs."""
    names = target.names
    if WAREHOUSE_TAG in run.tags:
        return run.tags[WAREHOUSE_TAG] == target.tag
    if run.job_name in {names.job, names.reconcile_job, names.digest_job}:
        return True
    known = {entity.name for entity in target.entities} | set(READS)
    return bool(names.tables(run.asset_selection) & known)


def error_text_of(context: dg.RunFailureSensorContext) -> str:
    """Return the error of the failed step, else Dagster's message about the run."""
    for event in context.get_step_failure_events():
        data = event.step_failure_data.user_failure_data
        if data and data.description:
            return data.description
    return context.failure_event.message or ""


def run_text(run: dg.DagsterRun, failure: str) -> str:
    """Return the text of an alert."""
    return failure_text(f"run {run.run_id[:8]} ({run.job_name})", failure)


def send_alert(run: dg.DagsterRun, settings: Settings, error: PipedriveError) -> None:
    """Post an alert about a run in a user's own process, which no sensor observes.

    Args:
        run: The run.
        settings: They have the webhook.
        error: Why the run failed.
    """
    if settings.alert_webhook and run.remote_job_origin is None:
        post(settings.alert_webhook.get_secret_value(), run_text(run, named(error)))
