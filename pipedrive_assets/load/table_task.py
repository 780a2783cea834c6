"""The interface of a run's task for one table, for example its load or its reconciliation."""

from collections.abc import Iterator
from typing import Protocol

from pipedrive_assets.api import RequestStats
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.load.merge import Written
from pipedrive_assets.load.report import TableReport
from pipedrive_assets.registry import Entity


class TableWork(Protocol):
    """A run's task for one table.

    The chunks that `begin` and `finish` return are iterated in a reader thread. All methods are
    called in the writer thread.
    """

    @property
    def entity(self) -> Entity:
        """The table's entity."""

    @property
    def written(self) -> Written:
        """Counts of the rows committed so far."""

    @property
    def stats(self) -> RequestStats:
        """Requests and token cost so far."""

    def lock(self) -> None:
        """Lock the table until `close`. This may wait for another run."""

    def begin(self) -> Iterator[Chunk]:
        """Return the chunks to read."""

    def commit(self, chunk: Chunk) -> None:
        """Write a chunk to the warehouse."""

    def finish(self) -> Iterator[Chunk] | None:
        """Record that all chunks were read; return further chunks to read, or None."""

    def report(self, error: PipedriveError | None) -> TableReport:
        """Report the table; `error` is why it ended early, None if it did not."""

    def close(self) -> None:
        """Release the table's lock."""
