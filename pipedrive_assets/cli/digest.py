"""`digest`: the weekly message to the alert webhook."""

import click

from pipedrive_assets.alert import post
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.views.digest import digest as text_of
from pipedrive_assets.warehouse import warehouse_of


def digest(*, send: bool) -> int:
    """Print the digest, and post it if asked.

    Args:
        send: Whether to post it to the webhook.

    Returns:
        The exit code: 1 if the webhook did not accept it.

    Raises:
        ConfigurationError: There are no figures yet, or no webhook is set.
    """
    settings = Settings.from_env()
    url = settings.alert_webhook.get_secret_value()
    if send and not url:
        raise ConfigurationError(
            "PIPEDRIVE_ALERT_WEBHOOK is not set, so the digest cannot be sent. Set it, or run the "
            "command without --send to see the text."
        )
    warehouse = warehouse_of(settings)
    try:
        text = text_of(warehouse)
    finally:
        warehouse.close()
    if text is None:
        raise ConfigurationError(
            "There are no figures for a digest, because the first load of deals is not finished. "
            "Nothing was sent. Run: python -m pipedrive_assets load"
        )
    click.echo(text)
    return 0 if not send or post(url, text) else 1
