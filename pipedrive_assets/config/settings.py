"""The settings of a project: values given in code win over those that `files` finds."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import (
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from pipedrive_assets.config import rules
from pipedrive_assets.config.files import API_TOKEN, Found, env_name, found_in, working_directory
from pipedrive_assets.config.misspelled import report_misspelled
from pipedrive_assets.config.table import SettingsTable, settings_of
from pipedrive_assets.errors import MissingTokenError, raise_alone
from pipedrive_assets.registry import ENTITIES, Entity

FILE_DESTINATION = "duckdb"
SANDBOX_WAREHOUSE = "data/sandbox.duckdb"
MAILS_OF_DEALS = "deals_mails"


class Settings(SettingsTable):
    """All settings, parsed and checked; immutable.

    `Settings(dataset="crm", …)` takes text or plain Python values. A value that is not given comes
    from the environment, else from `.env` in `root` (by default the working directory); the API
    token also from `.dlt/secrets.toml`. `repr` does not show secrets.
    """

    _in_code: frozenset[str] = PrivateAttr(default=frozenset())

    def __init__(self, *, found: Found | None = None, **given: Any) -> None:
        """Take the values `given` in code by field name, and all others from `found`.

        Raises:
            ConfigurationError: One sentence with the setting, its value and the remedy.
        """
        given = rules.without_none(given)
        rules.check_variable(given.get("token_variable"))
        root = Path(given.get("root") or working_directory()).absolute()
        if found is None:
            found = found_in(os.environ, root, given.get("token_variable") or API_TOKEN)
            report_misspelled(found, settings_of(type(self).model_fields))
        try:
            super().__init__(**{**given, "root": root, "found": found})
        except ValidationError as error:
            raise_alone(rules.wrong_settings(error, type(self).model_fields))
        self._in_code = frozenset(given)

    @property
    def in_code(self) -> frozenset[str]:
        """The fields whose values were given in code."""
        return self._in_code

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, root: Path | None = None
    ) -> "Settings":
        """Read `environ` (default: this process's environment) and the files below `root`.

        Raises:
            ConfigurationError: One sentence with the setting, its value and the remedy.
        """
        root = (root or working_directory()).absolute()
        found = found_in(os.environ if environ is None else environ, root)
        report_misspelled(found, settings_of(cls.model_fields))
        return cls(root=root, found=found)

    def replace(self, **changes: Any) -> "Settings":
        """Return these settings with some values replaced; nothing is read again.

        Raises:
            ConfigurationError: One sentence with the setting, its value and the remedy.
        """
        names = rules.without_other_access(self.model_fields_set, changes)
        kept = {name: getattr(self, name) for name in names}
        replaced = type(self)(found={}, **{**kept, **changes})
        replaced._in_code = self.in_code | frozenset(changes)  # noqa: SLF001 - of the same class
        return replaced

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: Any, *_: Any, **_others: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what was given in code, then what was found."""
        texts = init_settings.init_kwargs.pop("found")
        fields = settings_of(settings_cls.model_fields)
        given = init_settings.init_kwargs
        read = {
            name: texts[env_name(name)][0]
            for name in rules.without_other_access(fields, given)
            if env_name(name) in texts
        }
        return init_settings, InitSettingsSource(settings_cls, read)

    @model_validator(mode="before")
    @classmethod
    def _prepare(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Leave out blank text, and note what points to an account."""
        filled = {name: value for name, value in given.items() if str(value).strip()}
        if filled.get("sandbox_instant"):
            return {**filled, **dict.fromkeys(rules.ACCESS, ""), "points_to_account": ()}
        # Blank access stays a field that is set, so that `replace` keeps it.
        blank = {name: "" for name in rules.ACCESS if name in given and name not in filled}
        return {**filled, **blank, "points_to_account": rules.pointers(filled, blank)}

    @field_validator("warehouse", "read_copy", "token_file")
    @classmethod
    def _below_root(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        known = info.data
        if info.field_name == "warehouse" and not (
            known.get("api_token") or known.get("client_id")
        ):
            path = path if known["points_to_account"] else Path(SANDBOX_WAREHOUSE)
        return path and known["root"] / path.expanduser()

    @field_validator("raw_to", "download_to")
    @classmethod
    def _folder_below_root(cls, url: str, info: ValidationInfo) -> str:
        is_folder = bool(url) and "://" not in url
        return str(info.data["root"] / Path(url).expanduser()) if is_folder else url

    @model_validator(mode="after")
    def _agree(self) -> "Settings":
        rules.check(self)
        return self

    @property
    def has_access(self) -> bool:
        """Whether there is an API token or an OAuth app."""
        return bool(self.api_token or self.client_id)

    @property
    def uses_sandbox(self) -> bool:
        """Whether the sandbox's invented company is loaded.

        Raises:
            MissingTokenError: A setting points to an account, but there is neither an API token
                nor an OAuth app.
        """
        if self.has_access:
            return False
        if self.points_to_account:
            raise MissingTokenError(rules.no_access(self.points_to_account[0], self.token_variable))
        return True

    @cached_property
    def entities(self) -> tuple[Entity, ...]:
        """The selected tables, without their excluded columns, and whether they keep a history."""
        return self.named(self.tables)

    def named(self, names: Iterable[str]) -> tuple[Entity, ...]:
        """Return the tables of these names in the registry's order, with what the settings add."""
        wanted = set(names)
        return tuple(
            replace(
                entity,
                excluded=entity.excluded | self.exclude_columns.get(entity.name, frozenset()),
                schema_policy=self.schema_policy[entity.name],
                hashed=self.hash_columns.get(entity.name, frozenset()),
                hash_key=self.hash_key.get_secret_value().encode()
                if entity.name in self.hash_columns
                else b"",
                row_filter=self.row_filter.get(entity.name, ()),
                history=entity.name in self.history,
                mails_in=self._mails_in(entity),
            )
            for entity in (each.with_bodies() if self.mail_bodies else each for each in ENTITIES)
            if entity.name in wanted
        )

    def _mails_in(self, entity: Entity) -> str | None:
        """Return the table whose emails a history of deals leaves out; None if there is none."""
        is_once = self.flow_mails == "once" and MAILS_OF_DEALS in self.tables
        return MAILS_OF_DEALS if is_once and entity.shape == "flow" else None

    @property
    def freshness(self) -> dict[str, timedelta | None]:
        """Maximum age by group of tables, and for `files`; None: only the daily run loads them."""
        prefix = "freshness_"
        names = [name for name in type(self).model_fields if name.startswith(prefix)]
        return {name.removeprefix(prefix): getattr(self, name) for name in names}

    @property
    def overlap(self) -> timedelta:
        """By how much each time window overlaps the one before."""
        return timedelta(minutes=self.overlap_minutes)


SETTINGS = {env_name(name): field for name, field in settings_of(Settings.model_fields).items()}
"""All settings by the name of their environment variable."""

SECRETS = tuple(name for name, field in SETTINGS.items() if field.annotation is SecretStr)
"""Settings whose values are never shown."""
