"""Locks in PostgreSQL: advisory locks, which belong to a session and end with it.

One session holds all locks of a run. The whole warehouse is locked again for each commit in the
same session, so a run that has lost its session cannot commit.
"""

import contextlib
import os
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from pipedrive_assets.errors import WarehouseError, raise_alone
from pipedrive_assets.warehouse.dialect import Sql

POLL_SECONDS = 0.2
WHOLE = ""
"""The lock name of the whole dataset; other lock names are names of tables."""


class AdvisoryLocks:
    """Advisory locks of a dataset, for any number of machines."""

    def __init__(
        self,
        what: str,
        dataset: str,
        connect: Callable[[], Sql],
        *,
        seconds: float,
        translate_error: Callable[[BaseException], WarehouseError],
    ) -> None:
        """Define the locks without connecting.

        Args:
            what: The name of the warehouse, for error messages.
            dataset: The schema.
            connect: Creates a client that is not open yet.
            seconds: How long to wait for another run.
            translate_error: Converts an exception of the driver to a `WarehouseError`.
        """
        self._what, self._dataset, self._connect = what, dataset, connect
        self._seconds, self._translate_error = seconds, translate_error
        self._session: Sql | None = None
        self._own, self._depth = threading.RLock(), 0
        self._tables: dict[str, int] = {}

    @property
    def depth(self) -> int:
        """How many nested locks on the whole warehouse this thread holds; 0: none."""
        if not self._own.acquire(blocking=False):
            return 0
        try:
            return self._depth
        finally:
            self._own.release()

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Lock the whole dataset.

        Yields:
            Once, with the lock held.

        Raises:
            WarehouseError: Another run, which is named, has not released it in time, or the
                connection was lost.
        """
        with self._own:
            if not self._depth:
                self._acquire(WHOLE, f"the warehouse {self._what}")
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    self._release(WHOLE)

    @contextlib.contextmanager
    def table(self, name: str, before_waiting: Callable[[], None]) -> Iterator[None]:
        """Lock one table.

        Args:
            name: The table.
            before_waiting: Called before this run waits for another one.

        Yields:
            Once, with the lock held.

        Raises:
            WarehouseError: Another run, which is named, has not released it in time, or the
                connection was lost.
        """
        held = self._tables.get(name, 0)
        if not held:
            self._acquire(name, f"the table {name} of {self._what}", before_waiting)
        self._tables[name] = held + 1
        try:
            yield
        finally:
            self._tables[name] -= 1
            if not self._tables[name]:
                self._release(name)

    def close(self) -> None:
        """End the session, which releases all its locks."""
        session, self._session = self._session, None
        if session:
            with contextlib.suppress(Exception):
                session.close_connection()

    def _acquire(
        self, name: str, what: str, before_waiting: Callable[[], None] = lambda: None
    ) -> None:
        if self._try(name):
            return
        before_waiting()
        give_up = time.monotonic() + self._seconds
        while not self._try(name):
            if time.monotonic() > give_up:
                raise WarehouseError(
                    f"Another run ({self._holder(name)}) has locked {what} for over "
                    f"{self._seconds:.0f} seconds. No row was lost. Run again when the other run "
                    "has finished."
                )
            time.sleep(POLL_SECONDS)

    def _try(self, name: str) -> bool:
        rows = self._ask("SELECT pg_try_advisory_lock(%s, %s)", *self._key(name))
        return bool(rows[0][0])

    def _release(self, name: str) -> None:
        """Release a lock. A lost session holds none, and the next commit reports the loss."""
        with contextlib.suppress(WarehouseError):
            self._ask("SELECT pg_advisory_unlock(%s, %s)", *self._key(name))

    def _holder(self, name: str) -> str:
        space, key = (number % 2**32 for number in self._key(name))
        rows = self._ask(
            "SELECT application_name, client_addr::text FROM pg_locks JOIN pg_stat_activity "
            "USING (pid) WHERE locktype = 'advisory' AND granted AND objsubid = 2 "
            "AND classid = %s AND objid = %s",
            *(space, key),
        )
        return ", ".join(str(each) for each in rows[0] if each) if rows else "unknown"

    def _ask(self, statement: str, *values: object) -> list[Any]:
        """Run a query in the session; a new session is started only if no table is locked."""
        with self._own:
            try:
                self._session = self._session or self._begin()
                return list(self._session.execute_sql(statement, *values) or ())
            except WarehouseError:
                raise
            except Exception as error:  # noqa: BLE001 - translated to a WarehouseError
                self.close()
                raise_alone(self._translate_error(error))

    def _begin(self) -> Sql:
        if any(self._tables.values()):
            raise WarehouseError(
                f"The connection to {self._what} that locked this run's tables was lost, so other "
                "runs may have written them. Rows committed before are kept, and the next run "
                "continues from there. Run again."
            )
        session = self._connect()
        session.open_connection()
        name = f"pipedrive_assets, process {os.getpid()} on {socket.gethostname()}"
        session.execute_sql("SELECT set_config('application_name', %s, false)", name[:63])
        # Keep firewalls from closing the session while a run waits for Pipedrive.
        session.execute_sql("SELECT set_config('tcp_keepalives_idle', '60', false)")
        return session

    def _key(self, name: str) -> tuple[int, int]:
        """Return the key of a lock: two signed 32-bit numbers, for the dataset and the name."""
        return _number(f"pipedrive_assets:{self._dataset}"), _number(name)


def _number(text: str) -> int:
    unsigned = zlib.crc32(text.encode())
    return unsigned - 2**32 if unsigned >= 2**31 else unsigned
