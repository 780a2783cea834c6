"""The tap's configuration: the keys of its config file, their defaults and checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.api import READ_SECONDS
from pipedrive_assets.config import Settings, values
from pipedrive_assets.config.arguments import with_arguments
from pipedrive_assets.config.files import is_filled_in
from pipedrive_assets.config.rules import ACCESS, check_warehouse_only
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.singer.stream import OPTIONAL_STREAMS
from pipedrive_assets.windows import stamp

DEFAULTS: dict[str, Any] = {
    "user-agent": "pipedrive-assets (Singer tap)",
    "request_timeout": READ_SECONDS,
}
"""Defaults of the keys that a config may leave out."""

SETTINGS_KEYS = (
    *ACCESS,
    "token_file",
    "base_url",
    "overlap_minutes",
    "tokens_per_day",
    "tokens_per_run",
)
"""Keys that override a setting of the project with the same name."""

NO_KEY = (
    "The config has no api_token. Copy it from Pipedrive > Personal preferences > API, or "
    "set PIPEDRIVE_API_TOKEN. For an OAuth app, the config needs client_id, client_secret and "
    "refresh_token."
)

OPTIONAL = "optional_streams"
"""The key with the optional streams to read."""

SKEW = timedelta(days=1)
"""How far this machine's clock may be behind: a start date so far ahead is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A parsed config.

    Attributes:
        settings: The settings, with the values of the config.
        start: The start date, UTC; None for the complete history.
        user_agent: The User-Agent header of requests.
        read_seconds: How long to wait for a response, in seconds.
        optional_streams: The optional streams that may be read.
    """

    settings: Settings
    start: datetime | None
    user_agent: str
    read_seconds: float
    optional_streams: frozenset[str] = frozenset()

    @classmethod
    def of(cls, given: Any, settings: Settings, now: datetime) -> "Config":
        """Parse a config. Values that it leaves out come from the settings.

        Args:
            given: The content of the config file.
            settings: The settings of the environment.
            now: The current time, UTC.

        Returns:
            The parsed config.

        Raises:
            MissingTokenError: There is neither an API token nor an OAuth app. The tap never reads
                the sandbox by itself.
            ConfigurationError: One sentence with the key, the value and the remedy.
        """
        if not isinstance(given, Mapping):
            raise ConfigurationError(
                'The config is not a JSON object. Use for example {"api_token": "…"}.'
            )
        content = {**DEFAULTS, **{key: value for key, value in given.items() if value is not None}}
        return cls(
            settings=_settings(content, settings),
            start=_start(content, settings, now),
            user_agent=str(content["user-agent"]).strip() or DEFAULTS["user-agent"],
            read_seconds=_seconds(content),
            optional_streams=_optional_streams(content.get(OPTIONAL)),
        )


def _settings(content: Mapping[str, Any], settings: Settings) -> Settings:
    given = {key: content[key] for key in SETTINGS_KEYS if str(content.get(key, "")).strip()}
    if not is_filled_in(given.get("api_token")):
        given.pop("api_token", None)
    found = with_arguments(settings, given, no_token=NO_KEY)
    check_warehouse_only(found, "The Singer tap")
    return found


def _start(content: Mapping[str, Any], settings: Settings, now: datetime) -> datetime | None:
    found = _parsed(content, "start_date", values.moment, "a date or time, for example 2024-01-01")
    start: datetime | None = found or settings.since_timestamp
    if start and start > now + SKEW:
        raise ConfigurationError(
            f"start_date: {stamp(start)} is in the future. Use a time in the past, for example "
            "2024-01-01."
        )
    return start


def _parsed(content: Mapping[str, Any], key: str, parse: Any, expected: str) -> Any:
    """Return the value of a key, or None if it is absent or blank."""
    text = str(content.get(key, "")).strip()
    if not text:
        return None
    try:
        return parse(text)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{key}: {text!r} is not usable. Use {expected}.") from None


def _optional_streams(given: Any) -> frozenset[str]:
    """Return the names in `optional_streams`: a list, or text separated by commas."""
    names = given.split(",") if isinstance(given, str) else given or ()
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(
            f'{OPTIONAL}: {given!r} is not a list of names. Use for example ["deals_flow"].'
        )
    found = {name.strip() for name in names} - {""}
    if strange := sorted(found - OPTIONAL_STREAMS):
        raise ConfigurationError(
            f"{OPTIONAL}: {', '.join(strange)} is not an optional stream. Select other streams in "
            f"the catalog. Optional streams: {', '.join(sorted(OPTIONAL_STREAMS))}."
        )
    return frozenset(found)


def _seconds(content: Mapping[str, Any]) -> float:
    """Return the request timeout. 0 and blank text mean the default, as in the old tap."""
    seconds = _parsed(content, "request_timeout", float, "a number of seconds, for example 300")
    if not seconds:
        return READ_SECONDS
    if not 0 < seconds < 86_400:
        raise ConfigurationError(
            f"request_timeout: {seconds:g} is not usable. Use a number of seconds below 86400."
        )
    return float(seconds)
