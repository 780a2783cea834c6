"""The tap's configuration: what a config file may say, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.api import READ_SECONDS
from pipedrive_assets.config import Settings, values
from pipedrive_assets.config.files import is_filled_in
from pipedrive_assets.errors import ConfigurationError, MissingTokenError
from pipedrive_assets.windows import stamp

DEFAULTS: dict[str, Any] = {
    "user-agent": "pipedrive-assets (Singer tap)",
    "request_timeout": READ_SECONDS,
}
"""What a config need not say."""

SETTINGS_KEYS = ("api_token", "base_url", "overlap_minutes")
"""Keys of a config that are settings of the whole project as well."""

SKEW = timedelta(days=1)
"""How far this machine's clock may be behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A config, parsed: `start` is None for the complete history, `read_seconds` how long to wait
    for a reply.
    """

    settings: Settings
    start: datetime | None
    user_agent: str
    read_seconds: float

    @classmethod
    def of(cls, given: Any, settings: Settings, now: datetime) -> "Config":
        """Read a config at `now`; values that it leaves out come from the settings.

        Raises:
            MissingTokenError: There is no API token; the tap never reads the sandbox by itself.
            ConfigurationError: One sentence with the key, the value and the remedy.
        """
        if not isinstance(given, Mapping):
            raise ConfigurationError(
                'The config is not a JSON object. Use one such as {"api_token": "…"}.'
            )
        told = {**DEFAULTS, **{key: value for key, value in given.items() if value is not None}}
        return cls(
            settings=_settings(told, settings),
            start=_start(told, settings, now),
            user_agent=str(told["user-agent"]).strip() or DEFAULTS["user-agent"],
            read_seconds=_seconds(told),
        )


def _settings(told: Mapping[str, Any], settings: Settings) -> Settings:
    """Return the settings with the config's values in place of theirs."""
    given = {key: told[key] for key in SETTINGS_KEYS if str(told.get(key, "")).strip()}
    if not is_filled_in(given.get("api_token")):
        given.pop("api_token", None)
    try:
        found = settings.replace(**given)
    except ConfigurationError as error:
        key, reason = next(iter(error.reasons.items()))
    else:
        if found.api_token:
            return found
        raise MissingTokenError(
            "The config has no api_token. Copy it from Pipedrive > Personal preferences > API, or "
            "set PIPEDRIVE_API_TOKEN."
        )
    raise ConfigurationError(f"{key}: {reason}")


def _start(told: Mapping[str, Any], settings: Settings, now: datetime) -> datetime | None:
    found = _parsed(told, "start_date", values.moment, "a date or time such as 2024-01-01")
    start: datetime | None = found or settings.since_timestamp
    if start and start > now + SKEW:
        raise ConfigurationError(
            f"start_date: {stamp(start)} is in the future. Use a time that has passed, such as "
            "2024-01-01."
        )
    return start


def _parsed(told: Mapping[str, Any], key: str, parse: Any, expected: str) -> Any:
    """The value of a key; None where it is absent or blank."""
    text = str(told.get(key, "")).strip()
    if not text:
        return None
    try:
        return parse(text)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{key}: {text!r} is not usable. Use {expected}.") from None


def _seconds(told: Mapping[str, Any]) -> float:
    """Nothing, 0 and blank text mean the default, as in the old tap."""
    seconds = _parsed(told, "request_timeout", float, "a number of seconds such as 300")
    if not seconds:
        return READ_SECONDS
    if not 0 < seconds < 86_400:
        raise ConfigurationError(
            f"request_timeout: {seconds:g} is not usable. Use a number of seconds such as 300."
        )
    return float(seconds)
