"""Where settings are found: the environment, else `.env`, else (the api token) dlt's secrets."""

import sys
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from pipedrive_assets.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NOT_FILLED_IN = "<configure me>"
"""What `dlt init` writes in place of an api token."""


def found(environ: Mapping[str, str], root: Path) -> dict[str, tuple[str, str]]:
    """Every value that somebody set, with the place where it stands; blank ones are left out.

    Raises ConfigurationError for a file that cannot be read.
    """
    places = {
        ".dlt/secrets.toml": _secrets(root / ".dlt" / "secrets.toml"),
        ".env": _dotenv(root / ".env"),
        "environment": environ,
    }
    return {
        name: (value.strip(), place)
        for place, values in places.items()
        for name, value in values.items()
        if name.startswith("PIPEDRIVE_") and value and value.strip()
    }


def _dotenv(path: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(path, interpolate=False) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__
        reason = f"{path} cannot be read ({kind}). Correct its rights or its encoding."
        raise ConfigurationError(reason) from error


def _secrets(path: Path) -> dict[str, str]:
    """The api token where dlt's users keep it."""
    try:
        if not path.is_file():
            return {}
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = (
            f"{path} cannot be read as TOML ({error.__class__.__name__}). Correct or remove it."
        )
        raise ConfigurationError(reason) from None
    token = _at(tables, "sources", "pipedrive", "credentials", "pipedrive_api_key") or _at(
        tables, "sources", "pipedrive", "pipedrive_api_key"
    )
    is_given = isinstance(token, str) and token != NOT_FILLED_IN
    return {"PIPEDRIVE_API_TOKEN": str(token)} if is_given else {}


def _at(table: object, *keys: str) -> object:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table
