"""`PipedriveComponent`: the arguments of `pipedrive_definitions` as attributes of `defs.yaml`."""

from functools import cache
from typing import Annotated, Any

import dagster as dg
from pydantic import BaseModel, Field, create_model

from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError, raise_alone
from pipedrive_assets.orchestration.code_location import FIELDS, pipedrive_definitions
from pipedrive_assets.orchestration.names import OWN
from pipedrive_assets.orchestration.scaffolder import PipedriveScaffolder
from pipedrive_assets.orchestration.yaml_settings import (
    SettingsAttributes,
    resolve,
    settings_from,
)

SCHEMAS = {"settings": SettingsAttributes, "accounts": dict[str, SettingsAttributes]}
Resolved = Annotated[Any, dg.Resolver(resolve, model_field_type=dict)]
"""Attributes whose schema is in `PipedriveComponent.model`."""


@dg.scaffold_with(PipedriveScaffolder)
class PipedriveComponent(dg.Component, dg.Model, dg.Resolvable):
    """Loads a Pipedrive account, or several, into a warehouse: one asset per table.

    The attributes are the arguments of `pipedrive_definitions`, except the executor.
    """

    settings: Resolved = Field(
        default=None,
        repr=False,
        description="Settings, without PIPEDRIVE_ and in lower case. The others are read from the "
        "environment and from .env in the project root.",
    )
    accounts: Resolved = Field(
        default=None,
        repr=False,
        description="Several accounts by name, each with its settings.",
    )
    key_prefix: str | list[str] = Field(
        default_factory=list, description="Prefix of all asset keys: crm gives crm/deals."
    )
    name_prefix: str = Field(
        default=OWN, description="Prefix of the names of jobs, schedules, sensors and steps."
    )
    pipedrive_key: str = Field(default="pipedrive", description="Resource key of the account.")
    warehouse_key: str = Field(default="duckdb", description="Resource key of the warehouse.")
    group_name: str | None = Field(default=None, description="One group for all assets.")
    first_partition: str | None = Field(
        default=None, description="First daily partition, for example 2026-01-01."
    )
    tables: str | list[str] | None = Field(
        default=None, description="Tables to load, for example default,+projects."
    )
    owners: list[str] | None = Field(
        default=None, description="Owners of the assets: e-mail addresses or team:name."
    )
    tags: dict[str, str] | None = Field(default=None, description="Tags of the assets.")

    @classmethod
    @cache
    def model(cls) -> type[BaseModel]:
        """Return the schema of the attributes.

        Dagster's own also accepts text for each attribute, so an error in a setting would be
        reported as an error of all of them.
        """
        fields: dict[str, Any] = {
            name: (kind, Field(default=None, description=cls.model_fields[name].description))
            for name, kind in SCHEMAS.items()
        }
        return create_model(f"{cls.__name__}Attributes", __base__=super().model(), **fields)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions; uses neither the network nor the warehouse.

        Raises:
            ConfigurationError: One sentence with the file, the attribute and the remedy.
        """
        names = type(self).model_fields
        given = {name: getattr(self, name) for name in names if name != "settings"}
        try:
            given["accounts"] = self._accounts(context)
            settings = None if self.accounts and not self.settings else self._settings(context)
            return pipedrive_definitions(settings, **given)
        except ConfigurationError as error:
            raise_alone(self._located(error, context))

    def _settings(self, context: dg.ComponentLoadContext) -> Settings:
        return settings_from(self.settings or {}, context.project_root, "attributes.settings")

    def _accounts(self, context: dg.ComponentLoadContext) -> dict[str, Settings] | None:
        if self.accounts is None:
            return None
        return {
            name: settings_from(given, context.project_root, f"attributes.accounts.{name}")
            for name, given in self.accounts.items()
        }

    def _located(
        self, error: ConfigurationError, context: dg.ComponentLoadContext
    ) -> ConfigurationError:
        """Return the error with the file, and with the attribute if its value is wrong."""
        file = context.path / "defs.yaml" if context.path.is_dir() else context.path
        if file.is_relative_to(context.project_root):
            file = file.relative_to(context.project_root)
        reasons = error.reasons
        wrong = [name for name in FIELDS if getattr(self, name) and FIELDS[name] in reasons]
        about = f"attributes.{wrong[0]}: {reasons[FIELDS[wrong[0]]]}" if wrong else str(error)
        return ConfigurationError(f"{file}: {about}", reasons=reasons)
