"""A warehouse in a PostgreSQL database."""

import contextlib
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from typing import Any

import dlt
from dlt.destinations.exceptions import DestinationConnectionError

from pipedrive_assets.errors import ConfigurationError, WarehouseError
from pipedrive_assets.fault_text import causes, described
from pipedrive_assets.warehouse.backend import Locks
from pipedrive_assets.warehouse.dialect import POSTGRES, Sql
from pipedrive_assets.warehouse.dlt.settings import dlt_settings
from pipedrive_assets.warehouse.ledger import all_columns
from pipedrive_assets.warehouse.server.advisory_locks import AdvisoryLocks
from pipedrive_assets.warehouse.server.credentials import configuration, location
from pipedrive_assets.warehouse.server.faults import BUSY, sentence_of, state_of


class DatabaseServer:
    """A backend on a server. Its credentials are looked up for each connection.

    Attributes:
        name: dlt's name of the destination.
        file_format: The form in which dlt hands over rows; None: its default.
    """

    has_copy, megabytes, stores_nul = False, None, False
    file_format: Any = None

    def __init__(self, name: str) -> None:
        """Look up the credentials.

        Args:
            name: The value of PIPEDRIVE_DESTINATION.

        Raises:
            ConfigurationError: The name is not `postgres`, or the driver or credentials are
                missing.
        """
        if name != POSTGRES:
            raise ConfigurationError(
                f"PIPEDRIVE_DESTINATION={name} is not supported. Use duckdb or postgres."
            )
        self.name = self.server = name
        with dlt_settings(name):
            config = configuration()
        self.credentials = config.credentials
        self._place = f"{name}://{location(config)}"

    def __str__(self) -> str:
        """The destination, host and database."""
        return self._place

    def destination(self) -> Any:
        """Return the dlt destination."""
        with dlt_settings(self.name):
            return dlt.destination(self.name)

    def locks(self, dataset: str, connect: Callable[[], Sql], seconds: float) -> Locks:
        """Return the advisory locks of a dataset, for any number of machines."""
        return AdvisoryLocks(
            f"{self}:{dataset}",
            dataset,
            connect,
            seconds=seconds,
            translate_error=self.translate_error,
        )

    def exists(self, look: Callable[[], AbstractContextManager[Sql]]) -> bool:
        """Whether there is such a schema."""
        with look() as sql:
            return bool(sql.has_dataset())

    def translate_error(self, error: BaseException) -> WarehouseError:
        """One sentence for whatever the server, its driver or dlt said, without the password."""
        found = causes(error)
        for each in found:
            if isinstance(each, WarehouseError):
                return each
        for each in found:
            if sentence := sentence_of(state_of(each)):
                return WarehouseError(sentence.format(place=self, name=self.name.upper()))
        said = described(found[-1])
        if any(isinstance(each, DestinationConnectionError) for each in found):
            # No row is under way yet, so that the driver's words can be quoted.
            said = self._without_secrets(f"{said}: {found[-1]}").strip().splitlines()[0][:300]
        return WarehouseError(
            f"{self} could not be used: {said}. Nothing half-loaded counts; run again."
        )

    def _without_secrets(self, text: str) -> str:
        password = getattr(self.credentials, "password", None)
        if password:
            text = text.replace(str(password), "***")
        return re.sub(r"://[^@\s/]+@", "://***@", text)

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """Nothing is left behind."""
        yield

    def after_write(self) -> None:
        """Nothing is to be tidied up."""

    def is_busy(self, error: BaseException) -> bool:
        """Whether the server is about to take connections."""
        return any(state_of(each) in BUSY for each in causes(error))

    def check_copy(self) -> None:
        """There is none: a server has any number of readers."""

    def renew_copy(self, sql: Sql, rest: Callable[[], None]) -> None:
        """There is none."""

    def rewrite(
        self,
        sql: Sql,
        rest: Callable[[], None],  # noqa: ARG002 - for files
        entities: Collection[str] | None = None,
    ) -> None:
        """Remove the deleted rows that PostgreSQL keeps in its files."""
        for name in all_columns(sql):
            if entities is None or name.partition("__")[0] in entities:
                sql.execute_sql(f"VACUUM FULL {sql.make_qualified_table_name(name)}")
