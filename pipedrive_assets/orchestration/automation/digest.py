"""The weekly digest: a job that posts figures to PIPEDRIVE_ALERT_WEBHOOK, and its schedule."""

import re
from typing import Any

import dagster as dg

from pipedrive_assets.alert import post
from pipedrive_assets.config import Settings
from pipedrive_assets.config.values import WEEKDAYS
from pipedrive_assets.errors import raise_alone
from pipedrive_assets.orchestration.failures import failure, of_ours, raise_as_failure
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.orchestration.resources import resources_of
from pipedrive_assets.views.digest import digest


def _post_digest(context: dg.OpExecutionContext, names: Names) -> None:
    pipedrive, duckdb = resources_of(context, names)
    settings = raise_as_failure(pipedrive.settings)
    warehouse = raise_as_failure(duckdb.warehouse)
    try:
        text = digest(warehouse)
    except Exception as caught:  # noqa: BLE001 - a bug ends the step with a sentence
        raise_alone(failure(of_ours(caught, "writing the digest")))
    finally:
        warehouse.close()
    if text is None:
        context.log.info("No digest was sent: the first load of deals is not finished.")
        return
    context.log.info(text)
    if not post(settings.alert_webhook.get_secret_value(), text):
        raise dg.Failure(
            "The digest was not sent. Check PIPEDRIVE_ALERT_WEBHOOK; the log of the run has the "
            "text. The next digest is not affected.",
            allow_retries=False,
        )


def build_digest(
    settings: Settings, names: Names = OWN_NAMES
) -> tuple[list[dg.JobDefinition], list[dg.ScheduleDefinition]]:
    """Return the job and its schedule; nothing without a webhook, or if the digest is off.

    Args:
        settings: When the schedule runs, and whether it is on from the start.
        names: The names of job and schedule.
    """
    if not settings.alert_webhook or settings.digest_at is None:
        return [], []

    @dg.op(
        name=names.step("digest"),
        description="Posts the figures of the last seven days to the webhook.",
        required_resource_keys=names.resource_keys,
    )
    def post_digest(context: dg.OpExecutionContext) -> None:
        _post_digest(context, names)

    job: Any = dg.GraphDefinition(name=names.digest_job, node_defs=[post_digest]).to_job(
        description="Posts a weekly digest to the alert webhook; sends no request to Pipedrive.",
        executor_def=dg.in_process_executor,
    )
    weekday, hour, minute = re.split("[ :]", settings.digest_at)
    started = dg.DefaultScheduleStatus.RUNNING
    schedule = dg.ScheduleDefinition(
        name=f"{names.prefix}_digest_schedule",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * {WEEKDAYS.index(weekday)}",
        execution_timezone="UTC",
        default_status=started if settings.schedule else dg.DefaultScheduleStatus.STOPPED,
        description="Posts the digest once a week.",
    )
    return [job], [schedule]
