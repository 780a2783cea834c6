"""Loads a snapshot table: reads all its rows and marks the rows that are provably gone."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pipedrive_assets.api import RequestStats
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.extract.snapshot_scans import read_snapshot
from pipedrive_assets.load import merge, soft_delete, unlisted
from pipedrive_assets.load.context import Context
from pipedrive_assets.load.plausible_loss import check_loss
from pipedrive_assets.registry import Entity
from pipedrive_assets.warehouse.statements import Sql


class SnapshotLoad:
    """Reads a snapshot and decides which rows of the table are gone.

    If rows are missing, the snapshot is read a second time. Only rows that are missing from both
    replies can be marked.
    """

    def __init__(self, entity: Entity, context: Context) -> None:
        self.entity, self.context = entity, context
        self.asks_again = False
        """Whether the snapshot has to be read a second time before rows can be marked."""
        self.known: Mapping[str, datetime | None] = {}
        """Until when the record of each owner was read, for a table that is read per interval."""
        self._missing: set[soft_delete.Key] | None = None

    @property
    def what(self) -> str:
        """What is read, for the report."""
        return f"everything {'defined' if self.entity.shape in OWN_SHAPES else 'listed'}"

    def read(self, stats: RequestStats) -> Iterator[Chunk]:
        """Read all rows; field definitions that this load already has are not requested again."""
        if self.entity.shape in OWN_SHAPES:
            return iter([self._definitions()])
        return read_snapshot(self.context.client, self.entity, stats, known=self.known)

    def read_again(self, stats: RequestStats) -> Iterator[Chunk]:
        """Read all rows a second time, in the reader thread."""
        if self.entity.shape in OWN_SHAPES:
            self.context.fields.ask_again(stats)
        yield from self.read(stats)

    def _definitions(self) -> Chunk:
        found = self.context.fields.own_rows(self.entity)
        rows: list[tuple[int | None, dict[str, Any]]] = [(None, row) for row in found]
        return Chunk(rows=rows, read_at=self.context.now, whole=True)

    def soft_delete_missing(self, sql: Sql, chunk: Chunk, moment: datetime) -> int:
        """Mark the rows that are gone, or set `asks_again`.

        Args:
            sql: The warehouse; the caller holds its lock.
            chunk: The whole snapshot, already committed.
            moment: When the snapshot was read, UTC.

        Returns:
            The number of rows that were marked.

        Raises:
            ImplausibleLoss: More rows are missing than a table plausibly loses. None is marked.
        """
        before, self._missing = self._missing, self._missing_from(sql, chunk)
        self.asks_again = bool(self._missing) and before is None
        if self.asks_again:
            return 0
        missing = self._missing & (before or set())
        request = self.context.request
        if missing and not request.accept_loss:
            check_loss(
                self.entity.name,
                missing=len(missing),
                held=len(soft_delete.alive_keys(sql, self.entity)),
                max_share=request.max_share,
                command="load",
                nothing_listed=not chunk.rows,
            )
        doubted: set[soft_delete.Key] = set()
        if chunk.has_empty_list and not request.accept_loss:
            doubted = missing - unlisted.missing_before(sql, self.entity, missing)
        unlisted.remember(sql, self.entity, doubted, moment)
        gone = missing - doubted
        soft_delete.mark(sql, self.entity, dict.fromkeys(gone, soft_delete.VANISHED), moment)
        return len(gone)

    def _missing_from(self, sql: Sql, chunk: Chunk) -> set[soft_delete.Key]:
        """Return the rows that the reply lacks, without those that it could not have returned."""
        is_unread = chunk.refused and not self.entity.per_interval
        unread = is_unread or (chunk.doubtful and not self.context.request.accept_loss)
        if unread or self.entity.shape == "mapping":
            # A missing row may be in the list that was not read. Field names are never removed.
            return set()
        listed = {merge.key_of(self.entity, row) for _, row in chunk.rows}
        missing = soft_delete.alive_keys(sql, self.entity) - listed - chunk.not_requested
        if self.entity.shape == "definition":
            missing = {key for key in missing if key[0] in self.context.fields.defined}
        return missing
