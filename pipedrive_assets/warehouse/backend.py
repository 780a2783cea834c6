"""Where a warehouse lives: a DuckDB file, or a database server that dlt knows.

What a `Warehouse` needs of either, and nothing else: all its SQL is the same for both.
"""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.warehouse.dialect import Sql


class Locks(Protocol):
    """What keeps runs from interleaving, whichever process or machine they are in. Whatever is held
    ends with the process that holds it.
    """

    @property
    def depth(self) -> int:
        """How many times over this thread holds the whole warehouse."""

    def whole(self) -> AbstractContextManager[None]:
        """Hold the whole warehouse, for as long as it is touched.

        Raises WarehouseError, naming the holder, when another run does not let go in time.
        """

    def table(self, name: str, before_waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold one table, from its first request to its last commit; raises like `whole`."""

    def close(self) -> None:
        """Let go of whatever it takes to hold something."""


class Backend(Protocol):
    """A place for a warehouse. `str` of it tells which, without a secret."""

    @property
    def server(self) -> str | None:
        """Dlt's name of the server whose credentials the user gives; None for a file."""

    @property
    def file_format(self) -> Any:
        """In which form dlt hands rows over; None: the one it prefers for the place."""

    @property
    def stores_nul(self) -> bool:
        """Whether texts and JSON may contain the NUL character."""

    def destination(self) -> Any:
        """The dlt destination, made anew."""

    def locks(self, dataset: str, connect: Callable[[], Sql], seconds: float) -> Locks:
        """Locks of a dataset there, waited for no longer than `seconds`; `connect` makes a client
        that is not open yet.
        """

    def exists(self, look: Callable[[], AbstractContextManager[Sql]]) -> bool:
        """Whether something was ever loaded there; makes nothing. Raises WarehouseError."""

    @property
    def megabytes(self) -> float | None:
        """How large it is; None: unknown without asking."""

    def translate_error(self, error: BaseException) -> WarehouseError:
        """One sentence for whatever the libraries said."""

    def opening(self) -> AbstractContextManager[None]:
        """Around the opening: leaves nothing half-made behind when it fails."""

    def after_write(self) -> None:
        """Tidy up after the warehouse was written."""

    def is_busy(self, error: BaseException) -> bool:
        """Whether opening failed for a reason that passes by itself."""

    @property
    def has_copy(self) -> bool:
        """Whether there is to be a read copy."""

    def check_copy(self) -> None:
        """Raise WarehouseError where the read copy, if there is to be one, could not be written."""

    def renew_copy(self, sql: Sql, rest: Callable[[], None]) -> None:
        """Renew the read copy; `rest` closes `sql`. Call it with the warehouse held."""

    def rewrite(
        self, sql: Sql, rest: Callable[[], None], entities: Collection[str] | None = None
    ) -> None:
        """Write everything anew, so that nothing deleted remains; `rest` closes `sql`. A server
        rewrites the tables of `entities` only (None: all). Call it with the warehouse held. Raises
        WarehouseError.
        """
