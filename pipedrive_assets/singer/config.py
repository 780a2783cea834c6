"""The tap's configuration: what a config file may say, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
        """Read a config at `now`; what it leaves open is as the settings say.

        Raises MissingTokenError without an api token (the sandbox never stands in here), else
        ConfigurationError: one sentence that names the key, the value and the remedy.
        """
        if not isinstance(given, Mapping):
            raise ConfigurationError(
                'The config is no JSON object. Give one such as {"api_token": "…"}.'
            )
        told = {**DEFAULTS, **{key: value for key, value in given.items() if value is not None}}
        return cls(
            settings=_settings(told, settings),
            start=_start(told, settings, now),
            user_agent=str(told["user-agent"]).strip() or DEFAULTS["user-agent"],
            read_seconds=_seconds(told),
        )


def _settings(told: Mapping[str, Any], settings: Settings) -> Settings:
    given = told if is_filled_in(told.get("api_token")) else {}
    api_token = _parsed(given, "api_token", values.api_token, "the token as Pipedrive shows it")
    base_url = _parsed(told, "base_url", values.base_url, "a URL such as https://api.pipedrive.com")
    minutes = _parsed(told, "overlap_minutes", values.minutes, "whole minutes from 0 to 1440")
    found = replace(
        settings,
        api_token=api_token or settings.api_token,
        base_url=base_url or settings.base_url,
        overlap=settings.overlap if minutes is None else minutes,
    )
    if not found.api_token:
        raise MissingTokenError(
            "The config has no api_token. Copy it from Pipedrive > Personal preferences > API, or "
            "set PIPEDRIVE_API_TOKEN."
        )
    return found


def _start(told: Mapping[str, Any], settings: Settings, now: datetime) -> datetime | None:
    found = _parsed(told, "start_date", values.moment, "a moment such as 2024-01-01")
    start: datetime | None = found or settings.since
    if start and start > now + SKEW:
        raise ConfigurationError(
            f"start_date: {stamp(start)} lies in the future. Give a moment that has passed, such "
            "as 2024-01-01."
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
        hidden = key == "api_token" or (key == "base_url" and values.may_hold_secrets(text))
        shown = "the value given" if hidden else repr(text)
        raise ConfigurationError(f"{key}: {shown} is not usable. Give {expected}.") from None


def _seconds(told: Mapping[str, Any]) -> float:
    """Nothing, 0 and blank text mean the default, as in the old tap."""
    seconds = _parsed(told, "request_timeout", float, "a number of seconds such as 300")
    if not seconds:
        return READ_SECONDS
    if not 0 < seconds < 86_400:
        raise ConfigurationError(
            f"request_timeout: {seconds:g} is not usable. Give a number of seconds such as 300."
        )
    return float(seconds)
