"""Resources: the Pipedrive account, and the warehouse file behind its lock."""

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource
from pydantic import Field

from pipedrive_assets.config import FILE_DESTINATION, Settings
from pipedrive_assets.config.files import is_filled_in
from pipedrive_assets.connect import Connection, connect
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.load.progress import OnProgress, ProgressLines
from pipedrive_assets.orchestration.embedded_elt import DagsterDltResource
from pipedrive_assets.orchestration.names import Names
from pipedrive_assets.warehouse import Warehouse, backend_of
from pipedrive_assets.warehouse.duckdb.file import MEMORY
from pipedrive_assets.warehouse.private_files import FILE_MODE
from pipedrive_assets.windows import parse_stamp

Context = dg.AssetExecutionContext | dg.OpExecutionContext


class PipedriveResource(DagsterDltResource):
    """The account to load from.

    Without values, the settings are read when a run starts. Pass `api_token` as `dg.EnvVar` only:
    a plain string would be stored with the definitions.
    """

    api_token: str = Field(
        default="", description="The API token as an EnvVar. Empty: taken from the settings."
    )
    sandbox_instant: str = Field(
        default="",
        description="Load the sandbox as of this moment (UTC), in place of an account.",
    )

    def settings(self) -> Settings:
        """Return the settings; values of this resource replace theirs."""
        found = self.found_settings()
        if self.sandbox_instant:
            return found.replace(sandbox_instant=parse_stamp(self.sandbox_instant))
        return found.replace(api_token=self.api_token) if is_filled_in(self.api_token) else found

    def found_settings(self) -> Settings:
        """Return the settings as they are when a run starts."""
        return Settings.from_env()

    def connect(self) -> Connection:
        """Connect to the account, or to the sandbox if no setting points to an account."""
        return connect(self.settings())

    def watch(self, log: logging.Logger) -> OnProgress:
        """Return a callback that logs the progress of a run every 30 seconds."""
        return ProgressLines(log.info, time.monotonic)


def account_of(settings: Settings) -> PipedriveResource:
    """Return the resource of an account whose settings were given in code.

    Dagster copies a resource from its configuration before each run, so the settings are part of
    the class and not of the instance. They are not configuration: it would be stored as text.
    """

    class _AccountInCode(PipedriveResource):
        """The account of these settings."""

        def found_settings(self) -> Settings:
            """Return the settings given in code."""
            return settings

    return _AccountInCode()


class WarehouseResource(DuckDBResource):
    """Opens the warehouse file, as `DuckDBResource` does. Waits while a load writes it.

    For a warehouse on a server, use `warehouse().sql()`.
    """

    destination: str = Field(
        default=FILE_DESTINATION, description="`duckdb` (the file in `database`) or `postgres`."
    )

    dataset: str = Field(description="The schema that holds the tables.")
    read_copy: str = Field(
        default="", description="Path of the read copy, which each successful run replaces."
    )
    file_mode: int = Field(default=FILE_MODE, description="Permissions of new files.")
    memory: str = Field(default=MEMORY, description="Memory that DuckDB may use in a load.")

    def warehouse(self) -> Warehouse:
        """Return the warehouse as loads use it."""
        backend = backend_of(
            self.destination,
            Path(self.database),
            read_copy=Path(self.read_copy) if self.read_copy else None,
            file_mode=self.file_mode,
            memory=self.memory,
        )
        return Warehouse(backend, self.dataset)

    @contextlib.contextmanager
    def get_connection(self) -> Iterator[Any]:
        """Open a DuckDB connection; loads wait until it is closed.

        Yields:
            The connection.

        Raises:
            ConfigurationError: The warehouse is not a DuckDB file.
        """
        if self.destination != FILE_DESTINATION:
            raise ConfigurationError(
                f"The warehouse is on {self.destination}, so there is no DuckDB connection to it. "
                "Use warehouse().sql()."
            )
        warehouse = self.warehouse()
        try:
            with warehouse.exclusive(), warehouse.backend.opening():
                """Creates the file if it is new."""
            with warehouse.exclusive(), super().get_connection() as connection:
                try:
                    yield connection
                finally:
                    connection.close()
        finally:
            warehouse.close()


def resources_of(context: Context, names: Names) -> tuple[PipedriveResource, WarehouseResource]:
    """Return the account and the warehouse of a step."""
    return getattr(context.resources, names.pipedrive), getattr(context.resources, names.warehouse)
