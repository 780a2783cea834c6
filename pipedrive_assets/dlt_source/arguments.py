"""What a pipeline gives the source: from argument, dlt's configuration or the settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Optional

from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.base_configuration import BaseConfiguration, configspec
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.typing import TSecretStrValue

from pipedrive_assets.config import Settings, values
from pipedrive_assets.config.files import is_filled_in
from pipedrive_assets.errors import ConfigurationError, MissingTokenError

KEY = "pipedrive_api_key"
SECTIONS = (("sources", "pipedrive", "credentials"), ("sources", "pipedrive"))
"""Where dlt's verified source had the key, and where dlt itself looks."""

NO_KEY = (
    "pipedrive_source has no api token. Pass pipedrive_api_key, set PIPEDRIVE_API_TOKEN, or put "
    "pipedrive_api_key under [sources.pipedrive.credentials] in .dlt/secrets.toml."
)


@configspec
class SourceConfiguration(BaseConfiguration):
    """What dlt looks up for the source's arguments.

    `since_timestamp` comes as it stands there: by the type of the argument, dlt would make moments
    of numbers and fail with an error of its own at text that is none.
    """

    pipedrive_api_key: Optional[TSecretStrValue] = None  # noqa: UP045 - dlt reads it
    since_timestamp: Optional[Any] = None  # noqa: UP045
    incremental: bool = True
    keep_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a pipeline asks for; `since` limits the first run, `full` reads everything again,
    `keep_partial` loads what was read before Pipedrive stopped answering.
    """

    overlap: timedelta
    since: datetime | None = None
    full: bool = False
    keep_partial: bool = False


def settings_with_key(given: str | None) -> Settings:
    """The settings with the api token of the argument, of dlt's secrets, or their own.

    Raises MissingTokenError without one: the sandbox never stands in here.
    """
    settings = Settings.from_env()
    places = (given, *_keys_in_dlt(), settings.api_token.get_secret_value())
    token = next((str(each).strip() for each in places if is_filled_in(each)), "")
    if not token:
        raise MissingTokenError(NO_KEY)
    try:
        return settings.replace(api_token=token)
    except ConfigurationError as error:
        reason = error.reasons["api_token"]
    raise ConfigurationError(f"pipedrive_api_key: {reason}")


def _keys_in_dlt() -> Iterator[object]:
    """The key in each of dlt's places: one that holds a placeholder must not hide the next."""
    for sections in SECTIONS:
        for provider in Container()[PluggableRunContext].providers.providers:
            if provider.supports_secrets:
                yield provider.get_value(KEY, TSecretStrValue, "", *sections)[0]


def moment_of(given: object) -> datetime | None:
    """A moment from whatever a user gives, in UTC; naive means UTC, nothing means none.

    Raises ConfigurationError for anything else.
    """
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    try:
        return values.moment(given.strip() if isinstance(given, str) else given)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"since_timestamp: {given!r} is not a time. Use one such as '2023-03-01 00:00:00Z'."
        ) from None
