"""What depends on several settings, and the sentence for each setting that is wrong."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from pipedrive_assets.config.download_rules import RULE_COLUMNS
from pipedrive_assets.config.files import API_TOKEN, OAUTH, env_name
from pipedrive_assets.config.values import Unusable, may_hold_secrets
from pipedrive_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from pipedrive_assets.config.settings import Settings

ACCESS = ("api_token", *OAUTH)
"""What authenticates requests: an API token, or an OAuth app."""

EMPTY = "the empty "
"""Begins what points to an account if a field of `ACCESS` was given in code without a value."""

VARIABLE = re.compile(r"(?![0-9a-f]{40}$)[A-Za-z_][A-Za-z0-9_]*")
"""A name of an environment variable; 40 hexadecimal digits are an API token."""

ACCOUNT_WAREHOUSE = "data/warehouse.duckdb"


def wrong(reasons: Mapping[str, str]) -> ConfigurationError:
    """Return the error about the first of these settings; `reasons` are by field name."""
    field, reason = next(iter(reasons.items()))
    return ConfigurationError(f"{env_name(field)}: {reason}", reasons=reasons)


def wrong_settings(error: ValidationError, fields: Mapping[str, FieldInfo]) -> ConfigurationError:
    """Translate pydantic's error; values of secrets are left out."""
    reasons: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        field = str(detail["loc"][0])
        cause = detail.get("ctx", {}).get("error")
        reason = str(cause) if isinstance(cause, Unusable) else _reason(field, detail, fields)
        reasons.setdefault(field, reason)
    return wrong(reasons)


def _reason(name: str, detail: Mapping[str, Any], fields: Mapping[str, FieldInfo]) -> str:
    if name not in fields:
        near = get_close_matches(name, fields, n=1)
        return f"there is no such setting.{f' Did you mean {near[0]}?' if near else ''}"
    field, given = fields[name], detail["input"]
    hidden = field.annotation is SecretStr or (name == "base_url" and may_hold_secrets(str(given)))
    shown = "the value given" if hidden else repr(given)
    remedy = field.json_schema_extra["remedy"] if isinstance(field.json_schema_extra, dict) else ""
    return f"{shown} is not usable. {remedy}".strip()


def without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with blank text for each secret that is None.

    `os.environ.get` and `EnvVar.get_value` return None if the variable is not set.
    """
    secrets = (*ACCESS, "alert_webhook", "hash_key")
    return {
        name: "" if value is None and name in secrets else value for name, value in given.items()
    }


def check_variable(name: str | None) -> None:
    """Check the name of the environment variable that has the API token.

    Raises:
        ConfigurationError: It is not a name. It may be the token itself, so it is left out.
    """
    if name is not None and not VARIABLE.fullmatch(name):
        raise ConfigurationError(
            "The name of the environment variable with the API token is wrong. Use a name like "
            "ACME_PIPEDRIVE_TOKEN, and put the API token into that variable. The value given is "
            "not shown, because it may be an API token."
        )


def pointers(given: Mapping[str, Any], blank: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what says that an account is meant, so that sandbox data must not be loaded.

    Args:
        given: The values that are not blank.
        blank: The fields that were given in code without a value.
    """
    found = [f"{EMPTY}{name}" for name in ACCESS if name in blank]
    found += [env_name(name) for name in ("base_url", "warehouse", "destination") if name in given]
    if str(given.get("destination", "")).strip() == "duckdb":
        found.remove(env_name("destination"))
    if str(given.get("sandbox", "")).strip() == "never":
        found.append("PIPEDRIVE_SANDBOX=never")
    if (given["root"] / ACCOUNT_WAREHOUSE).exists():
        found.append(f"the warehouse {ACCOUNT_WAREHOUSE}")
    return tuple(found)


def no_access(pointer: str, token_variable: str) -> str:
    """Return the message for settings that point to an account, but have no access to it.

    Args:
        pointer: What points to an account.
        token_variable: The environment variable that has the API token.
    """
    if pointer.startswith(EMPTY):
        return (
            f"{pointer.removeprefix(EMPTY)} is given, but it is empty, so no request was sent. "
            "Set the environment variable that it comes from."
        )
    if token_variable != API_TOKEN:
        return (
            f"{token_variable} has no API token, so no request was sent. Set it in the environment "
            "or in .env, or use an OAuth app (docs/oauth.md)."
        )
    return (
        f"No API token was found, but {pointer} points to an account. "
        f"Set {token_variable} (environment, .env or .dlt/secrets.toml), use an OAuth app "
        "(docs/oauth.md), or remove what points there to use the sandbox's invented data."
    )


def without_other_access(names: Iterable[str], given: Mapping[str, Any]) -> list[str]:
    """Leave out the settings of an OAuth app if an API token is given in code, and vice versa.

    A value that is given but blank counts as given: the access of another account must not replace
    it.
    """
    hidden: set[str] = set()
    if given.get("api_token") is not None:
        hidden |= set(OAUTH)
    if any(given.get(name) is not None for name in OAUTH):
        hidden |= {"api_token"}
    return [name for name in names if name not in hidden]


def _check_access(settings: "Settings") -> None:
    """Check that there is an API token or a whole OAuth app, but not both."""
    app = [name for name in OAUTH if getattr(settings, name)]
    if settings.api_token and app:
        reason = (
            f"an API token ({settings.token_variable}) is set as well. Requests use one of them: "
            "remove either."
        )
        raise wrong({app[0]: reason})
    missing = [name for name in ("client_id", "client_secret") if name not in app]
    if app and missing:
        reason = (
            f"is not set, but {env_name(app[0])} is. An OAuth app needs its client ID and its "
            "client secret (Developer Hub > your app > OAuth & access scopes)."
        )
        raise wrong({missing[0]: reason})


def check_warehouse_only(settings: "Settings", front_end: str) -> None:
    """Refuse the settings that only a load into a warehouse supports.

    Args:
        settings: The settings.
        front_end: What does not support them.

    Raises:
        ConfigurationError: One of them is set.
    """
    for name in ("hash_columns", "row_filter"):
        if getattr(settings, name):
            reason = (
                f"{front_end} does not support this setting, so it would send what the setting "
                "leaves out. Nothing was read. Remove it, or use python -m pipedrive_assets load."
            )
            raise wrong({name: reason})


def _check_raw(settings: "Settings") -> None:
    """Refuse to keep replies beside settings that keep personal data away from the disk."""
    names = [name for name in _WITHHOLDING if getattr(settings, name)]
    if settings.deleted == "purge":
        names.append("deleted")
    if settings.raw_to and names:
        reason = (
            f"cannot be used with {env_name(names[0])}: replies are kept as Pipedrive returns "
            "them, so they would contain what that setting leaves out or removes. Nothing was "
            "read. Remove one of the two."
        )
        raise wrong({"raw_to": reason})


def _check_downloads(settings: "Settings") -> None:
    """Check that attachments have a place, and that the rules see the columns that they need."""
    if not settings.download_files:
        return
    if not settings.download_to:
        reason = (
            "is not set, but PIPEDRIVE_DOWNLOAD_FILES is. Set it to a folder, or to a URL such as "
            "s3://bucket/folder."
        )
        raise wrong({"download_to": reason})
    if "files" not in settings.tables:
        reason = (
            "needs the table files, which PIPEDRIVE_TABLES does not load. Add +files there, or "
            "remove this setting."
        )
        raise wrong({"download_files": reason})
    for name in ("exclude_columns", "hash_columns"):
        if hidden := getattr(settings, name).get("files", frozenset()) & {*RULE_COLUMNS}:
            reason = (
                f"needs the columns of files that {env_name(name)} has: "
                f"{', '.join(sorted(hidden))}. Remove them there, or remove this setting."
            )
            raise wrong({"download_files": reason})


_WITHHOLDING = ("exclude_columns", "hash_columns", "row_filter")


def check(settings: "Settings") -> None:
    """Check access, tables with a history, raw replies, attachments, warehouse and read copy.

    Raises:
        ConfigurationError: They have the wrong form, or names that DuckDB would confuse.
    """
    _check_access(settings)
    _check_raw(settings)
    _check_downloads(settings)
    if unread := sorted(settings.history - {*settings.tables}):
        names = ", ".join(unread)
        reason = (
            f"{names} cannot have a history, because PIPEDRIVE_TABLES does not load it. Add "
            f"{','.join(f'+{name}' for name in unread)} there, or remove it here."
        )
        raise wrong({"history": reason})
    if settings.hash_columns and not settings.hash_key.get_secret_value():
        reason = (
            "is not set, but PIPEDRIVE_HASH_COLUMNS is. Set it to a secret of 16 or more "
            "characters, for example the output of openssl rand -hex 32, and keep it."
        )
        raise wrong({"hash_key": reason})
    copy = settings.read_copy
    if settings.destination != "duckdb":
        if copy:
            reason = f"is for DuckDB only: {settings.destination} has any number of readers."
            raise wrong({"read_copy": f"{reason} Remove it."})
        return
    _check_file("warehouse", settings.warehouse, settings.dataset)
    if copy:
        _check_file("read_copy", copy, settings.dataset)
        if copy.resolve() == settings.warehouse.resolve():
            raise wrong({"read_copy": "is the warehouse itself. Use another file."})


def _check_file(name: str, file: Path, dataset: str) -> None:
    if file.suffix != ".duckdb" or file.is_dir():
        reason = f"{str(file)!r} is not usable. Use a path that ends in .duckdb."
        raise wrong({name: reason})
    # DuckDB names a database after its file, up to the first dot, and ignores case.
    if file.name.partition(".")[0].lower() == dataset.lower():
        reason = (
            f"{file.name} has the same name as PIPEDRIVE_DATASET ({dataset!r}): DuckDB cannot "
            "distinguish them. Rename one of the two."
        )
        raise wrong({name: reason})
