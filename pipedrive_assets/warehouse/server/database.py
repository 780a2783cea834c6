"""A warehouse in a PostgreSQL database."""

import contextlib
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.exceptions import DestinationConnectionError

from pipedrive_assets.errors import ConfigurationError, WarehouseError
from pipedrive_assets.fault_text import causes, described
from pipedrive_assets.warehouse.backend import Locks
from pipedrive_assets.warehouse.dialect import POSTGRES, Sql
from pipedrive_assets.warehouse.dlt.settings import dlt_settings
from pipedrive_assets.warehouse.history.history_table import base_name, histories, history_name
from pipedrive_assets.warehouse.ledger import all_columns
from pipedrive_assets.warehouse.server.advisory_locks import AdvisoryLocks
from pipedrive_assets.warehouse.server.credentials import configuration, location
from pipedrive_assets.warehouse.server.faults import BUSY, sentence_of, state_of


class DatabaseServer:
    """A backend in a PostgreSQL database. Its credentials are looked up for each connection.

    Attributes:
        has_copy: False: a server has no read copy.
        megabytes: None: the size is not known without a query.
        stores_nul: False: PostgreSQL refuses the NUL character in texts and JSON.
    """

    has_copy, megabytes, stores_nul = False, None, False

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
        """Return the destination, host and database."""
        return self._place

    def destination(self) -> Any:
        """Return the dlt destination."""
        with dlt_settings(self.name):
            return dlt.destination(self.name)

    def locks(self, dataset: str, connect: Callable[[], Sql], seconds: float) -> Locks:
        """Create the advisory locks of a dataset, for any number of machines.

        Args:
            dataset: The schema.
            connect: Creates a client that is not open yet.
            seconds: How long to wait for another run.

        Returns:
            The locks.
        """
        return AdvisoryLocks(
            f"{self}:{dataset}",
            dataset,
            connect,
            seconds=seconds,
            translate_error=self.translate_error,
        )

    def exists(self, look: Callable[[], AbstractContextManager[Sql]]) -> bool:
        """Whether the schema of the client exists."""
        with look() as sql:
            return bool(sql.has_dataset())

    def translate_error(self, error: BaseException) -> WarehouseError:
        """Convert an exception of the server, its driver or dlt to a `WarehouseError`.

        Args:
            error: The exception.

        Returns:
            An error with cause and remedy, without the password and values of rows.
        """
        found = causes(error)
        for each in found:
            if isinstance(each, WarehouseError):
                return each
        for each in found:
            if sentence := sentence_of(state_of(each)):
                return WarehouseError(sentence.format(place=self, name=self.name.upper()))
        said = described(found[-1])
        if any(isinstance(each, DestinationConnectionError) for each in found):
            # No row was sent yet, so the driver's text is safe to quote.
            said = self._without_secrets(f"{said}: {found[-1]}").strip().splitlines()[0][:300]
        return WarehouseError(
            f"{self} could not be used: {said}. Rows committed before are kept, and the next run "
            "continues from there. Run again."
        )

    def _without_secrets(self, text: str) -> str:
        password = getattr(self.credentials, "password", None)
        if password:
            text = text.replace(str(password), "***")
        return re.sub(r"://[^@\s/]+@", "://***@", text)

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """Do nothing: a failed connection leaves nothing behind.

        Yields:
            Once, to open a connection.
        """
        yield

    def use_folder(self, sql: Sql, folder: Path) -> None:
        """Do nothing: a server writes its own temporary files."""

    def after_write(self) -> None:
        """Do nothing: a server needs no cleanup."""

    def is_busy(self, error: BaseException) -> bool:
        """Whether the server is starting or has too many connections."""
        return any(state_of(each) in BUSY for each in causes(error))

    def check_copy(self) -> None:
        """Do nothing: a server has no read copy, because it allows any number of readers."""

    def renew_copy(self, sql: Sql, close: Callable[[], None]) -> None:
        """Do nothing: a server has no read copy."""

    def rewrite(
        self,
        sql: Sql,
        close: Callable[[], None],  # noqa: ARG002 - for files
        entities: Collection[str] | None = None,
    ) -> None:
        """Remove the bytes of deleted rows, which PostgreSQL keeps in its files.

        Args:
            sql: An open client.
            close: Ignored: the client stays open.
            entities: The tables to rewrite; None: all.
        """
        for name in (*all_columns(sql), *map(history_name, histories(sql))):
            if entities is None or {name.partition("__")[0], base_name(name)} & {*entities}:
                sql.execute_sql(f"VACUUM FULL {sql.make_qualified_table_name(name)}")
