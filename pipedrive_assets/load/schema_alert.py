"""Posts changed fields to the alert webhook."""

from collections.abc import Iterable

from pipedrive_assets.alert import post, schema_text
from pipedrive_assets.config import Settings
from pipedrive_assets.load.report import TableReport


def post_schema_changes(settings: Settings, reports: Iterable[TableReport]) -> None:
    """Post the changed fields of tables whose schema policy is `alert` or `freeze`.

    Nothing is posted without changes or without a webhook. A webhook that fails is a warning in the
    log.

    Args:
        settings: They have the webhook.
        reports: The reports of a run, whether it failed or not.
    """
    changes = [
        change
        for report in reports
        if report.entity.schema_policy != "evolve"
        for change in report.schema_changes
    ]
    if changes and settings.alert_webhook:
        post(settings.alert_webhook.get_secret_value(), schema_text(changes))
