"""What a run does for each of its tables, whatever the run is for."""

from collections.abc import Iterator
from typing import Protocol

from pipedrive_assets.api import RequestStats
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.load.merge import Written
from pipedrive_assets.load.report import TableReport
from pipedrive_assets.registry import Entity


class TableWork(Protocol):
    """One table's part of a run: chunks are read in a thread of their own, all else happens in the
    one that writes.
    """

    @property
    def entity(self) -> Entity:
        """The table's entity."""

    @property
    def written(self) -> Written:
        """What has been committed so far."""

    @property
    def stats(self) -> RequestStats:
        """What has been asked so far."""

    def begin(self) -> Iterator[Chunk]:
        """Take the table's lock and plan."""

    def commit(self, chunk: Chunk) -> None:
        """Keep a chunk."""

    def finish(self) -> Iterator[Chunk] | None:
        """Nothing is left to read; returns what is to be read all the same."""

    def report(self, error: PipedriveError | None) -> TableReport:
        """What was done."""

    def close(self) -> None:
        """Let go of the table."""
