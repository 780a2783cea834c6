"""The bounded queue of chunks between the reader threads and the writer thread."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.chunk import Chunk

CHUNKS_AHEAD = 1
"""Chunks that may wait for the writer in each of the two queues. Each reader may have one more."""

Table = TypeVar("Table")


@dataclass(frozen=True, slots=True)
class Event(Generic[Table]):
    """What a reader reports: a chunk, an error, or the end of its table (neither of both).

    Attributes:
        table: The table that the reader reads.
        chunk: The chunk that was read.
        error: Why the reader stopped.
    """

    table: Table
    chunk: Chunk | None = None
    error: PipedriveError | None = None


class ChunkQueue(Generic[Table]):
    """A bounded queue with two priorities, each first in, first out.

    Tables that other tables wait for have priority: their chunks are written first.
    """

    def __init__(self) -> None:
        self._priority: deque[Event[Table]] = deque()
        self._others: deque[Event[Table]] = deque()
        self._changed = threading.Condition()
        self._stopped = False

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        with self._changed:
            return self._stopped

    def put(self, event: Event[Table], *, priority: bool) -> bool:
        """Add an event, waiting until its queue has room.

        Args:
            event: What the reader reports.
            priority: Whether other tables wait for this one.

        Returns:
            False if the queue was stopped: the event was dropped and the reader should end.
        """
        queue = self._priority if priority else self._others
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(queue) < CHUNKS_AHEAD)
            if not self._stopped:
                queue.append(event)
            self._changed.notify_all()
            return not self._stopped

    def take(self, seconds: float | None = None) -> Event[Table] | None:
        """Remove and return the next event, waiting for one.

        Args:
            seconds: How long to wait; None: without limit.

        Returns:
            The event, or None if none arrived in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._priority or self._others, seconds):
                return None
            event = (self._priority or self._others).popleft()
            self._changed.notify_all()
            return event

    def stop(self) -> None:
        """Close the queue and release readers that wait in `put`."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
