"""The source's arguments, from the call, dlt's configuration or the settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Optional

from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.base_configuration import BaseConfiguration, configspec
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.typing import TSecretStrValue

from pipedrive_assets.config import Settings, values
from pipedrive_assets.config.arguments import with_arguments
from pipedrive_assets.config.files import OAUTH, is_filled_in
from pipedrive_assets.config.rules import ACCESS, check_warehouse_only
from pipedrive_assets.errors import ConfigurationError

NAMES = {"api_token": "pipedrive_api_key"}
"""By setting, the name of its argument, where it differs."""

SECTIONS = (("sources", "pipedrive", "credentials"), ("sources", "pipedrive"))
"""Sections of dlt's secrets with the key: of dlt's verified source, and dlt's own default."""

NO_KEY = (
    "pipedrive_source has no API token. Pass pipedrive_api_key, set PIPEDRIVE_API_TOKEN, or add "
    "pipedrive_api_key to [sources.pipedrive.credentials] in .dlt/secrets.toml. For an OAuth app: "
    "client_id and client_secret in the same places."
)


@configspec
class SourceConfiguration(BaseConfiguration):
    """The arguments that dlt resolves from its configuration.

    `since_timestamp` is untyped here. With the argument's type, dlt would convert numbers to times
    and raise an error of its own for other text.
    """

    pipedrive_api_key: Optional[TSecretStrValue] = None  # noqa: UP045 - dlt reads it
    since_timestamp: Optional[Any] = None  # noqa: UP045
    incremental: bool = True
    keep_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a pipeline asks for.

    Attributes:
        overlap: How far a run reaches back before the newest change known.
        since: Start of the first run, UTC; None for the complete history.
        full: Whether to load everything again.
        keep_partial: Whether to load what was read before Pipedrive stopped responding.
    """

    overlap: timedelta
    since: datetime | None = None
    full: bool = False
    keep_partial: bool = False


def settings_with_access(**arguments: str | None) -> Settings:
    """Return the settings with an API token or an OAuth app.

    They come from the arguments, else from dlt's secrets, else from the settings.

    Args:
        **arguments: `api_token`, `client_id`, `client_secret` and `refresh_token`.

    Returns:
        The settings; they have an API token or an OAuth app.

    Raises:
        MissingTokenError: There is neither of the two. The source never reads the sandbox.
        ConfigurationError: A value is not usable, or there are both.
    """
    given = {name: value for name, value in arguments.items() if is_filled_in(value)}
    has_token = "api_token" in given
    for name in OAUTH if given else ACCESS:
        if name in given or has_token:
            continue
        if found := next(filter(is_filled_in, _in_dlt(NAMES.get(name, name))), None):
            given[name] = str(found)
    texts = {name: str(value).strip() for name, value in given.items()}
    settings = with_arguments(Settings.from_env(), texts, no_token=NO_KEY, names=NAMES)
    check_warehouse_only(settings, "The dlt source")
    return settings


def _in_dlt(key: str) -> Iterator[object]:
    """Yield the key from each of dlt's places: a placeholder in one must not hide the next."""
    for sections in SECTIONS:
        for provider in Container()[PluggableRunContext].providers.providers:
            if provider.supports_secrets:
                yield provider.get_value(key, TSecretStrValue, "", *sections)[0]


def time_of(given: object) -> datetime | None:
    """Parse the time that a user gave.

    Args:
        given: A time or its text. Times without a zone are UTC.

    Returns:
        The time in UTC; None for nothing or blank text.

    Raises:
        ConfigurationError: It is not a time.
    """
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    try:
        return values.moment(given.strip() if isinstance(given, str) else given)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"since_timestamp: {given!r} is not a time. Use for example '2023-03-01 00:00:00Z'."
        ) from None
