"""Checks of the settings: the value of each, its source, and whether it is valid."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from pipedrive_assets.config import SECRETS, SETTINGS, Settings, files
from pipedrive_assets.config.files import Found, env_name
from pipedrive_assets.doctor.finding import Finding, fail, of_error, ok, warn
from pipedrive_assets.errors import ConfigurationError, MissingTokenError

TOPIC = "settings"


def check_settings(environ: Mapping[str, str], root: Path) -> tuple[list[Finding], Settings | None]:
    """Check all settings.

    Args:
        environ: The environment variables.
        root: The folder where settings files are looked up.

    Returns:
        A finding per setting and per unknown name, and the settings; None if they are invalid.
    """
    settings, wrong = None, {}
    try:
        found = files.found_in(environ, root)
        settings = Settings(found=found, root=root)
    except ConfigurationError as error:
        if not error.reasons:
            return [of_error(TOPIC, error)], None
        wrong = {env_name(field): reason for field, reason in error.reasons.items()}
    lines = [_line(name, found, wrong.get(name)) for name in SETTINGS]
    lines += _unknown(found)
    try:
        if settings and settings.uses_sandbox:
            lines.append(ok(TOPIC, "no API token is set, so loads use invented sandbox data"))
    except MissingTokenError as error:
        return [*lines, of_error(TOPIC, error)], None
    return lines, settings


def _line(name: str, found: Found, reason: str | None) -> Finding:
    default = SETTINGS[name].default
    text, place = found.get(name, ("" if default is None else str(default), "default"))
    if reason:
        return fail(TOPIC, f"{name}: {reason} ({place})", f"Correct {name} ({place}).")
    shown = ("set" if text else "not set") if name in SECRETS else text or "not set"
    return ok(TOPIC, f"{name}: {shown} ({place})")


def _unknown(found: Found) -> Iterator[Finding]:
    for name, (_, place) in found.items():
        if name in SETTINGS:
            continue
        near = get_close_matches(name, SETTINGS, n=1)
        remedy = f"Did you mean {near[0]}?" if near else "Remove it."
        yield warn(TOPIC, f"{name} ({place}) is not a setting of this project.", remedy)
