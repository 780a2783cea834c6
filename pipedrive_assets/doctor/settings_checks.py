"""Settings: each with its value, where it was found, and whether it is usable."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from pipedrive_assets.config import SECRETS, Settings, files, parse
from pipedrive_assets.config.table import SETTINGS, Setting
from pipedrive_assets.doctor.finding import Finding, Level, broken, doubtful, fine, of_error
from pipedrive_assets.errors import ConfigurationError

TOPIC = "settings"
KNOWN_TO_OTHERS = ("PIPEDRIVE_DESTINATION",)

Found = Mapping[str, tuple[str, str]]


def check_settings(environ: Mapping[str, str], root: Path) -> tuple[list[Finding], Settings | None]:
    """A line per setting, and the settings where they can be used."""
    try:
        found = files.found(environ, root)
    except ConfigurationError as error:
        return [of_error(TOPIC, error)], None
    lines = [*(_line(setting, found) for setting in SETTINGS), *_unknown(found)]
    if any(line.level is Level.FAIL for line in lines):
        return lines, None
    try:
        settings = Settings.from_env(environ, root)
        sandbox = settings.uses_sandbox
    except ConfigurationError as error:
        return [*lines, of_error(TOPIC, error)], None
    if sandbox:
        lines.append(fine(TOPIC, "no api token, so the sandbox's invented company stands in"))
    return lines, settings


def _line(setting: Setting, found: Found) -> Finding:
    text, place = found.get(setting.name, (setting.default, "default"))
    shown = ("set" if text else "not set") if setting.name in SECRETS else text or "not set"
    try:
        parse(setting, text)
    except ConfigurationError as error:
        return broken(TOPIC, f"{error} ({place})", f"Correct {setting.name} ({place}).")
    return fine(TOPIC, f"{setting.name}: {shown} ({place})")


def _unknown(found: Found) -> Iterator[Finding]:
    names = [setting.name for setting in SETTINGS]
    for name, (_, place) in found.items():
        if name in names or name in KNOWN_TO_OTHERS:
            continue
        near = get_close_matches(name, names, n=1)
        remedy = f"Did you mean {near[0]}?" if near else "Remove it."
        yield doubtful(TOPIC, f"{name} ({place}) is no setting of this project.", remedy)
