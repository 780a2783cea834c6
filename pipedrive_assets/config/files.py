"""Where settings are found: the environment, else `.env`, else (API token only) dlt's secrets."""

import sys
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from pipedrive_assets.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PREFIX, DESTINATION = "PIPEDRIVE_", "DESTINATION__"
API_TOKEN = "PIPEDRIVE_API_TOKEN"  # noqa: S105 - its setting's name

OAUTH = ("client_id", "client_secret", "refresh_token")
"""The fields of an OAuth app."""

Found = Mapping[str, tuple[str, str]]
"""Text of settings by environment name, each with the place where it was found."""

_PLACEHOLDERS = {
    "configure me",
    "fill this in",
    "pipedrive_api_key",
    "pipedrive_api_token",
    "please set me up",
}
"""Placeholders for an API token in dlt's files and in our docs, without brackets and `!`."""


def working_directory() -> Path:
    """Return the working directory.

    Raises:
        ConfigurationError: It no longer exists.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ConfigurationError(
            "The working directory no longer exists, so there are no settings. Nothing was "
            "requested. Change to the project's folder and run the command again."
        ) from None


def env_name(field: str) -> str:
    """Return the environment variable of a field of the settings."""
    return f"{PREFIX}{field.upper()}"


def is_filled_in(token: object) -> bool:
    """Whether this is an API token, and neither blank nor a placeholder."""
    text = "" if token is None else str(token).strip(" \t\r\n<>!")
    return bool(text) and text.casefold() not in _PLACEHOLDERS


def found_in(
    environ: Mapping[str, str], root: Path, token_variable: str = API_TOKEN
) -> dict[str, tuple[str, str]]:
    """Return every value that is set, with its place; not blank values, nor placeholders.

    Args:
        environ: The environment.
        root: The project folder.
        token_variable: The variable that has the API token; another one than the default hides
            the token of the default places.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    places = {
        ".dlt/secrets.toml": _secrets(root / ".dlt" / "secrets.toml"),
        ".env": _dotenv(root / ".env"),
        "environment": environ,
    }
    found = {
        name: (value.strip(), place)
        for place, values in places.items()
        for name, value in values.items()
        if (name.startswith(PREFIX) or name == token_variable) and value and value.strip()
        if name not in {API_TOKEN, token_variable} or is_filled_in(value)
    }
    if token_variable != API_TOKEN:
        for name in (API_TOKEN, *(env_name(field) for field in OAUTH)):
            found.pop(name, None)
        if token_variable in found:
            found[API_TOKEN] = found.pop(token_variable)
    return found


def destination_lines(root: Path) -> dict[str, str]:
    """Return the lines of `.env` that configure dlt destinations (DESTINATION__…).

    dlt itself does not read `.env`.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    lines = _dotenv(root / ".env").items()
    return {name: value for name, value in lines if name.startswith(DESTINATION) and value}


def _dotenv(path: Path) -> Mapping[str, str | None]:
    try:
        if path.is_dir():
            raise ConfigurationError(
                f"{path} is a folder. Docker creates it if the file to mount does not exist. "
                "Nothing was requested. Remove it, and create the file from .env.example."
            )
        if not path.is_file():
            return {}
        with path.open(encoding="utf-8") as lines:
            found = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__
        reason = f"{path} cannot be read ({kind}). Check its permissions and its encoding (UTF-8)."
        raise ConfigurationError(reason) from error
    for line in found:
        if line.error and any(name in line.original.string for name in (PREFIX, DESTINATION)):
            # Left out, it could be the API token, without which invented data is loaded.
            raise ConfigurationError(
                f"{path}, line {_number(line)}, cannot be read. The line is not shown, "
                "because it may contain a secret. Nothing was requested. Write it as "
                "NAME=value, and close each quotation mark that you open."
            )
    return {line.key: line.value for line in found if line.key is not None}


def _number(line: Binding) -> int:
    """Return the number of a line; the parser counts from the blank lines before it."""
    text = line.original.string
    blank = text[: len(text) - len(text.lstrip())]
    return line.original.line + blank.count("\n")


def _secrets(path: Path) -> dict[str, str]:
    """Return the API token from the places where dlt users keep it."""
    try:
        if not path.is_file():
            return {}
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = (
            f"{path} cannot be read as TOML ({error.__class__.__name__}). Correct or remove it."
        )
        raise ConfigurationError(reason) from None
    places = (("credentials", "pipedrive_api_key"), ("pipedrive_api_key",))
    tokens = (_at(tables, "sources", "pipedrive", *place) for place in places)
    token = next((each for each in tokens if isinstance(each, str) and is_filled_in(each)), None)
    return {API_TOKEN: token} if token else {}


def _at(table: object, *keys: str) -> object:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table
