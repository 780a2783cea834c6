"""Settings in the `defs.yaml` of a dg project: their schema, templates, and the error of each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import BaseModel, Field, create_model

from pipedrive_assets.config import SECRETS, Settings
from pipedrive_assets.config.files import env_name
from pipedrive_assets.config.rules import ACCESS
from pipedrive_assets.config.table import settings_of
from pipedrive_assets.errors import ConfigurationError, raise_alone

Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
"""An environment variable. Only capital letters, so that an API token in its place is refused."""
Value = str | int | bool | list[str] | dict[str, str | list[str]] | None
"""Text as in the environment, or what YAML reads; `Settings` checks it."""
IN_FILE = object()
"""In place of a secret that is written in the file."""

_fields: dict[str, Any] = {
    name: (Value, Field(default=None, description=field.description))
    for name, field in settings_of(Settings.model_fields).items()
}
SettingsAttributes: Any = create_model(
    "SettingsAttributes",
    __base__=dg.Model,
    token_variable=(
        Variable | None,
        Field(default=None, description="The environment variable that has the API token."),
    ),
    **_fields,
)
"""The schema of settings in YAML: every setting, by the name that `Settings` gives it."""


def resolve(context: dg.ResolutionContext, given: Any) -> Any:
    """Return YAML attributes as plain values: templates replaced, written secrets left out."""
    if isinstance(given, BaseModel):
        plain = {
            name: IN_FILE if _is_secret(name) and value and "{{" not in str(value) else value
            for name, value in given.model_dump(exclude_unset=True).items()
        }
        return context.resolve_value(plain)
    if isinstance(given, Mapping):
        return {name: resolve(context.at_path(name), one) for name, one in given.items()}
    return given


def settings_from(given: Mapping[str, Any] | Settings, root: Path, key: str) -> Settings:
    """Return settings with the values of a YAML mapping.

    Args:
        given: The mapping; or settings, which are returned as they are.
        root: The project folder, which has `.env` and to which paths are relative.
        key: The place of the mapping in its file, for error messages.

    Raises:
        ConfigurationError: A value is wrong. Its key is in the message.
    """
    if isinstance(given, Settings):
        return given
    for name in (name for name, value in given.items() if value is IN_FILE):
        raise ConfigurationError(
            f"{key}.{name}: a secret must not be in the file. Put it into an environment variable "
            f'and write "{{{{ env.{env_name(name)} }}}}".'
        )
    values = {name: _plain(name, value) for name, value in given.items()}
    filled = {name: value for name, value in values.items() if value is not None}
    try:
        return Settings(root=root, **filled)
    except ConfigurationError as error:
        raise_alone(_at(key, given, error))


def _plain(name: str, value: Any) -> Any:
    """Return a value as `Settings` takes it: YAML reads on and off as booleans.

    A token whose variable is not set is empty, and not the token of another variable.
    """
    if value is None and name in ACCESS:
        return ""
    return ("on" if value else "off") if isinstance(value, bool) else value


def _at(key: str, given: Mapping[str, Any], error: ConfigurationError) -> ConfigurationError:
    name = next((name for name in error.reasons if name in given), None)
    if name is None:
        return error
    quotes = " Write it in quotes." if type(given[name]) is int and _is_text(name) else ""
    return ConfigurationError(f"{key}.{name}: {error.reasons[name]}{quotes}", reasons={})


def _is_secret(name: str) -> bool:
    return env_name(name) in SECRETS


def _is_text(name: str) -> bool:
    """Whether YAML may have changed text to a number: `12:15` is 735."""
    return name.endswith("_at")
