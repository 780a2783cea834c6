"""The interface between a warehouse and the place that stores it: a DuckDB file or PostgreSQL.

It has only what differs between the two. The SQL of a warehouse is the same for both.
"""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.warehouse.dialect import Sql


class Locks(Protocol):
    """Locks that keep runs in other processes or machines from writing at the same time.

    A lock ends when the process that holds it ends.
    """

    @property
    def depth(self) -> int:
        """How many nested locks on the whole warehouse this thread holds; 0: none."""

    def whole(self) -> AbstractContextManager[None]:
        """Lock the whole warehouse while it is read or written.

        Returns:
            A context manager that holds the lock.

        Raises:
            WarehouseError: Another run, which is named, has not released it in time.
        """

    def table(self, name: str, before_waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Lock one table, from its first request to its last commit.

        Args:
            name: The table.
            before_waiting: Called before this run waits for another one.

        Returns:
            A context manager that holds the lock.

        Raises:
            WarehouseError: Another run, which is named, has not released it in time.
        """

    def close(self) -> None:
        """Release the resources that the locks need, for example a database session."""


class Backend(Protocol):
    """A place that stores a warehouse. `str()` returns its location without a secret."""

    @property
    def server(self) -> str | None:
        """Name of the dlt destination whose credentials the user configures; None for a file."""

    @property
    def stores_nul(self) -> bool:
        """Whether texts and JSON may contain the NUL character."""

    def destination(self) -> Any:
        """Create the dlt destination."""

    def locks(self, dataset: str, connect: Callable[[], Sql], seconds: float) -> Locks:
        """Create the locks of a dataset.

        Args:
            dataset: The schema.
            connect: Creates a client that is not open yet.
            seconds: How long to wait for another run.

        Returns:
            The locks.
        """

    def exists(self, look: Callable[[], AbstractContextManager[Sql]]) -> bool:
        """Whether the dataset exists. Nothing is created.

        Args:
            look: Opens a read-only client.

        Returns:
            Whether it exists.

        Raises:
            WarehouseError: The place cannot be reached.
        """

    @property
    def megabytes(self) -> float | None:
        """Size in MB (10^6 bytes); None if finding out takes a query."""

    def translate_error(self, error: BaseException) -> WarehouseError:
        """Convert an exception of a library to a `WarehouseError` with cause and remedy."""

    def opening(self) -> AbstractContextManager[None]:
        """Wrap the opening of a connection, and clean up if it fails."""

    def use_folder(self, sql: Sql, folder: Path) -> None:
        """Write temporary files of the database to a private folder.

        Args:
            sql: A client that was just opened.
            folder: The folder; it is removed at the end of the run.
        """

    def after_write(self) -> None:
        """Clean up after the warehouse was written."""

    def is_busy(self, error: BaseException) -> bool:
        """Whether opening failed for a temporary reason, so that it is worth trying again."""

    @property
    def has_copy(self) -> bool:
        """Whether a setting asks for a read copy."""

    def check_copy(self) -> None:
        """Check that the read copy can be written, if a setting asks for one.

        Raises:
            WarehouseError: It cannot be written.
        """

    def renew_copy(self, sql: Sql, close: Callable[[], None]) -> None:
        """Replace the read copy by the current state. The caller holds the warehouse lock.

        Args:
            sql: An open client.
            close: Closes the client.

        Raises:
            WarehouseError: The copy cannot be written; the previous copy stays.
        """

    def rewrite(
        self, sql: Sql, close: Callable[[], None], entities: Collection[str] | None = None
    ) -> None:
        """Rewrite the storage, so that no bytes of deleted rows remain.

        The caller holds the warehouse lock.

        Args:
            sql: An open client.
            close: Closes the client.
            entities: The tables that a server rewrites; None: all. A file is rewritten as a whole.

        Raises:
            WarehouseError: The storage cannot be rewritten; no row is lost.
        """
