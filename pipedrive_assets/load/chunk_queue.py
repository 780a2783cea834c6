"""Chunks on their way from the readers' threads to the one that writes."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.chunk import Chunk

CHUNKS_AHEAD = 2
"""Chunks that may wait for the writer in each of the two lines: what keeps memory flat."""

Table = TypeVar("Table")


@dataclass(frozen=True, slots=True)
class Event(Generic[Table]):
    """From a reader: a chunk, its failure, or (neither) its end."""

    table: Table
    chunk: Chunk | None = None
    error: PipedriveError | None = None


class ChunkQueue(Generic[Table]):
    """Two lines, each in the order in which chunks came: one for tables that others wait for, which
    is taken from first, and one for the rest.
    """

    def __init__(self) -> None:
        """Both are empty."""
        self._urgent: deque[Event[Table]] = deque()
        self._others: deque[Event[Table]] = deque()
        self._changed = threading.Condition()
        self._stopped = False

    def put(self, event: Event[Table], *, urgent: bool) -> bool:
        """Queue up, waiting for room; False: nobody takes any more."""
        line = self._urgent if urgent else self._others
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(line) < CHUNKS_AHEAD)
            if not self._stopped:
                line.append(event)
            self._changed.notify_all()
            return not self._stopped

    def take(self, seconds: float | None = None) -> Event[Table] | None:
        """The next event, waiting for one; None where none came in so many seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._urgent or self._others, seconds):
                return None
            event = (self._urgent or self._others).popleft()
            self._changed.notify_all()
            return event

    @property
    def is_empty(self) -> bool:
        """Whether taking one would have to wait."""
        return not (self._urgent or self._others)

    def stop(self) -> None:
        """Send home whoever waits for room."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
