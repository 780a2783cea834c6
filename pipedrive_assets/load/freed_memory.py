"""Returns freed memory to the operating system, because the C library keeps most of it.

Replies and rows are allocated in reader threads and freed in the writer thread. The GNU C library
has a heap for each of the threads and keeps what is freed in the middle of a heap: during a first
load of 10,000 deals, 400 of 700 MB were free, but still belonged to the process.
"""

import ctypes
import sys
import time
from collections.abc import Callable

SECONDS = 1.0
"""Freed memory is returned at most this often, in seconds. It takes a few milliseconds."""


class FreedMemory:
    """Returns freed memory now and then. Does nothing with another C library, or on macOS."""

    def __init__(
        self,
        trim: Callable[[int], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Return nothing yet.

        Args:
            trim: Returns all freed memory but the given number of bytes per heap; None: the
                function of the C library.
            monotonic: Returns a monotonic time in seconds.
        """
        self._trim, self._monotonic = trim or _trim_of_c_library(), monotonic
        self._done_at = monotonic()

    def give_back(self) -> None:
        """Return freed memory, unless it was returned less than SECONDS ago."""
        if self._trim and self._monotonic() - self._done_at >= SECONDS:
            self._trim(0)
            self._done_at = self._monotonic()


def _trim_of_c_library() -> Callable[[int], object] | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
