"""Settings of several accounts, which share nothing."""

import re
from collections.abc import Mapping
from typing import Any

from pipedrive_assets.config.settings import FILE_DESTINATION, Settings
from pipedrive_assets.errors import ConfigurationError

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def settings_of_accounts(
    accounts: Mapping[str, Settings | str], **changes: Any
) -> dict[str, Settings]:
    """Return the complete settings of each account, by name.

    Args:
        accounts: By name, the account's settings or the environment variable that has its token.
        changes: Values for all accounts.

    Raises:
        ConfigurationError: A name or a setting is wrong, or two accounts share an API token, a
            refresh token, a token file, a DuckDB file or a schema of PostgreSQL.
    """
    found = {name: _settings_of(name, given, changes) for name, given in accounts.items()}
    seen: dict[tuple[str, str], str] = {}
    for name, settings in found.items():
        for what, value in _owned(settings):
            other = seen.setdefault((what, value), name)
            if value and other != name:
                raise ConfigurationError(
                    f"The accounts {other} and {name} have the same {what}. Each account needs its "
                    f"own {what}."
                )
    return found


def _settings_of(name: str, given: Settings | str, changes: Mapping[str, Any]) -> Settings:
    """Return an account's settings, with a file and a schema named after it.

    Those of the environment are for one account; only settings in code replace the names.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is not usable as the name of an account. Use up to 40 lower-case letters, "
            "digits and underscores."
        )
    if not isinstance(given, Settings | str):
        raise ConfigurationError(
            f"The account {name} needs Settings(…) or the name of the environment variable that "
            f"has its API token, not a value of type {type(given).__name__}."
        )
    own: dict[str, Any] = {
        "warehouse": f"data/{name}.duckdb",
        "dataset": f"pipedrive_{name}",
        "read_copy": None,
        "token_file": f"data/{name}_oauth.json",
    }
    if isinstance(given, str):
        return Settings(token_variable=given, **own, **changes)
    missing = {key: value for key, value in own.items() if key not in given.in_code}
    return given.replace(**missing, **changes)


def _owned(settings: Settings) -> list[tuple[str, str]]:
    """Return what no other account may have, by kind."""
    is_file = settings.destination == FILE_DESTINATION
    schema = f"{settings.destination}:{settings.dataset}"
    return [
        ("API token", settings.api_token.get_secret_value()),
        ("refresh token", settings.refresh_token.get_secret_value()),
        ("token file", str(settings.token_file.resolve()) if settings.client_id else ""),
        ("warehouse", str(settings.warehouse.resolve()) if is_file else ""),
        ("schema (dataset)", "" if is_file else schema),
        ("warehouse", str(settings.read_copy.resolve()) if settings.read_copy else ""),
    ]
