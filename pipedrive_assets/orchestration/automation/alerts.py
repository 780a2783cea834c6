"""A failed run tells it to the webhook of PIPEDRIVE_ALERT_WEBHOOK.

Runs that a daemon launched are told of by a sensor, which sees those that were killed as well;
runs in a person's own process tell it themselves.
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
    """Return the sensor that reports failed runs of this account; none without a webhook."""
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
    """Whether a run is about this account: a code location may have others and other jobs."""
    names = target.names
    if WAREHOUSE_TAG in run.tags:
        return run.tags[WAREHOUSE_TAG] == target.tag
    if run.job_name in {names.job, names.reconcile_job}:
        return True
    known = {entity.name for entity in target.entities} | set(READS)
    return bool(names.tables(run.asset_selection) & known)


def error_text_of(context: dg.RunFailureSensorContext) -> str:
    """Why a run failed: what its step said, else what Dagster says of the run."""
    for event in context.get_step_failure_events():
        told = event.step_failure_data.user_failure_data
        if told and told.description:
            return told.description
    return context.failure_event.message or ""


def run_text(run: dg.DagsterRun, failure: str) -> str:
    """The sentence for a run."""
    return failure_text(f"run {run.run_id[:8]} ({run.job_name})", failure)


def send_alert(run: dg.DagsterRun, settings: Settings, error: PipedriveError) -> None:
    """For a run in a person's own process, which no sensor sees."""
    if settings.alert_webhook and run.remote_job_origin is None:
        post(settings.alert_webhook.get_secret_value(), run_text(run, named(error)))
