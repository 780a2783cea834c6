"""What a pipeline gives the source: from argument, dlt's configuration or the settings."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone

import dlt
import pendulum

from pipedrive_assets import setting_values
from pipedrive_assets.errors import ConfigurationError, MissingTokenError
from pipedrive_assets.setting_files import NOT_FILLED_IN
from pipedrive_assets.settings import Settings

KEY_IN_SECTION = "sources.pipedrive.credentials.pipedrive_api_key"
"""Where dlt's verified source had the key; dlt itself looks one section higher."""

NO_KEY = (
    "pipedrive_source has no api token. Pass pipedrive_api_key, set PIPEDRIVE_API_TOKEN, or put "
    "pipedrive_api_key under [sources.pipedrive.credentials] in .dlt/secrets.toml."
)


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
    places: tuple[str | None, ...] = (
        given,
        dlt.secrets.get(KEY_IN_SECTION),
        settings.api_token,
    )
    token = next((str(each).strip() for each in places if each and each != NOT_FILLED_IN), "")
    if not token:
        raise MissingTokenError(NO_KEY)
    try:
        return replace(settings, api_token=setting_values.api_token(token))
    except ValueError:
        raise ConfigurationError(
            "pipedrive_api_key: the value given is not usable. Copy it again from Pipedrive > "
            "Personal preferences > API, on one line."
        ) from None


def moment_of(given: object) -> datetime | None:
    """A moment from whatever a user gives, in UTC; naive means UTC, nothing means none."""
    if given is None or given == "":
        return None
    moment = _parsed(given)
    if moment is None:
        raise ConfigurationError(
            f"since_timestamp: {given!r} is no moment. Give one such as '2023-03-01 00:00:00Z'."
        )
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc)


def _parsed(given: object) -> datetime | None:
    try:
        found = pendulum.parse(given, tz="UTC", exact=True) if isinstance(given, str) else given
    except (ValueError, OverflowError):
        return None
    if isinstance(found, date) and not isinstance(found, datetime):
        return datetime(found.year, found.month, found.day, tzinfo=timezone.utc)
    return found if isinstance(found, datetime) else None
