"""Reads a warehouse without writing anything, also while loads run.

DuckDB allows one writing process or any number of readers for a file. A reader therefore waits
while a load has the file open, and opens the file only as long as it reads.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import duckdb

from pipedrive_assets.config import FILE_DESTINATION, Settings
from pipedrive_assets.errors import WarehouseError, raise_alone
from pipedrive_assets.warehouse.dialect import Sql
from pipedrive_assets.warehouse.duckdb.file import DuckDbFile, check_format
from pipedrive_assets.warehouse.duckdb.file_lock import in_use_message, is_locked
from pipedrive_assets.warehouse.open import warehouse_of
from pipedrive_assets.warehouse.warehouse import POLL_SECONDS, Warehouse

Opened = TypeVar("Opened")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a reader waits while a load writes a file.

    Attributes:
        seconds: The longest wait.
        sleep: Waits for a number of seconds.
        monotonic: Returns the seconds of a clock that never goes back.
    """

    seconds: float = 20.0
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic


PATIENCE = Patience()


def reader_of(settings: Settings) -> Warehouse:
    """Return the warehouse of the settings for reading. It is not opened yet.

    Args:
        settings: The settings.

    Returns:
        The warehouse; for a file, its read copy if a load has written one. The caller has to
        close it.

    Raises:
        ConfigurationError: A setting or a credential of the destination is missing or invalid.
    """
    if settings.destination != FILE_DESTINATION:
        return warehouse_of(settings)
    copy = settings.read_copy
    path = copy if copy and copy.exists() else settings.warehouse
    file = DuckDbFile(path, memory=settings.duckdb_memory, read_only=True)
    return Warehouse(file, settings.dataset)


@contextlib.contextmanager
def reading(warehouse: Warehouse, patience: Patience = PATIENCE) -> Iterator[Sql]:
    """Open a SQL client that cannot write, without a lock.

    Args:
        warehouse: The result of `reader_of`.
        patience: How long to wait while a load writes.

    Yields:
        The client.

    Raises:
        WarehouseError: The warehouse does not exist, cannot be opened or is being written.
    """
    with contextlib.ExitStack() as stack:
        if warehouse.backend.server is None:
            # The client shares this connection's lock on the file, so it never has to wait.
            stack.enter_context(opened(warehouse, _connect, patience))
        sql = stack.enter_context(warehouse.readonly_client())
        if warehouse.backend.server:
            sql.execute_sql("SET default_transaction_read_only = on")
        yield sql


def opened(
    warehouse: Warehouse, connect: Callable[[Warehouse], Opened], patience: Patience = PATIENCE
) -> Opened:
    """Open a DuckDB file, waiting while a load writes it.

    Args:
        warehouse: The result of `reader_of`, in a file.
        connect: Opens the file.
        patience: How long to wait.

    Returns:
        What `connect` returned.

    Raises:
        WarehouseError: The file does not exist, cannot be opened or is being written.
    """
    if not warehouse.path.exists():
        raise WarehouseError(
            f"There is no warehouse {warehouse.path}. Correct the path (PIPEDRIVE_WAREHOUSE), or "
            "load it first: python -m pipedrive_assets load"
        )
    check_format(warehouse.path)
    give_up = patience.monotonic() + patience.seconds
    while True:
        try:
            return connect(warehouse)
        except duckdb.Error as error:
            if not is_locked(error):
                raise_alone(warehouse.translate_error(error))
            if patience.monotonic() >= give_up:
                raise WarehouseError(in_use_message(error, warehouse.path)) from None
        patience.sleep(POLL_SECONDS)


def _connect(warehouse: Warehouse) -> Any:
    return duckdb.connect(str(warehouse.path), read_only=True)
