"""Locks within one process, where a database has none that end with who holds them: there only one
process at a time may load.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator


class ProcessLocks:
    """Keeps the threads of this process apart."""

    def __init__(self) -> None:
        """Nothing is held."""
        self._own, self._depth = threading.RLock(), 0

    @property
    def depth(self) -> int:
        """How many times over this thread holds the warehouse."""
        if not self._own.acquire(blocking=False):
            return 0
        try:
            return self._depth
        finally:
            self._own.release()

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Hold the warehouse."""
        with self._own:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1

    @contextlib.contextmanager
    def table(self, name: str, before_waiting: Callable[[], None]) -> Iterator[None]:  # noqa: ARG002 - nobody waits
        """A table is one load's, and a process has one load at a time."""
        yield

    def close(self) -> None:
        """Nothing is kept open."""
