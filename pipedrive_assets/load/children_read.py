"""Progress of a child table: which parents have been read, and up to when the table is complete."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from pipedrive_assets.api import RequestStats
from pipedrive_assets.errors import CapReached
from pipedrive_assets.extract.child_scans import read_children
from pipedrive_assets.extract.chunk import ChildrenRead, Chunk, Parent, Unread
from pipedrive_assets.load.context import Context
from pipedrive_assets.registry import Entity


@dataclass(slots=True, kw_only=True)
class ChildrenTaken:
    """The parents of one child table, and the outcome of reading their children.

    Attributes:
        planned: The parents whose children this load reads.
    """

    planned: Sequence[Parent] = ()
    _settled: int = 0
    _unread: list[Unread] = field(default_factory=list)
    _doubted: list[ChildrenRead] = field(default_factory=list)

    def read(
        self, context: Context, entity: Entity, stats: RequestStats, witness: Parent | None
    ) -> Iterator[Chunk]:
        """Read the children of all planned parents.

        Parents whose own counter is zero need no call. Parents that are only re-checked come
        last: if a token cap stops the re-check, the table is still complete.

        Args:
            context: The load.
            entity: The child table.
            stats: Counts the requests.
            witness: A parent whose children are already loaded, which is requested as a control
                when replies are empty; None if there is none.

        Yields:
            Chunks with the children and the parents that were read.
        """
        without_children = [parent for parent in self.planned if parent.empty]
        if without_children:
            reads = [
                ChildrenRead(parent=parent, read_at=context.now) for parent in without_children
            ]
            yield Chunk(rows=[], reads=reads)
        read = partial(
            read_children,
            *(context.client, entity),
            stats=stats,
            witness=witness,
            accept_loss=context.request.accept_loss,
        )
        wanted = [parent for parent in self.planned if not parent.empty]
        if asked := [parent for parent in wanted if not parent.rechecked]:
            yield from read(asked)
        if asked := [parent for parent in wanted if parent.rechecked]:
            with contextlib.suppress(CapReached):
                yield from read(asked)

    def take(self, chunk: Chunk) -> None:
        """Record the outcome for the parents of a committed chunk."""
        self._settled += len(chunk.reads) + len(chunk.skipped) + len(chunk.doubted)
        self._unread += chunk.unread
        self._doubted += chunk.doubted

    @property
    def reason(self) -> str:
        """The first refusal or failure of a parent; empty if there was none."""
        return str(self._unread[0].error) if self._unread else ""

    def unread(self, *, stopped: bool) -> int:
        """Count the parents whose children could not be read.

        Args:
            stopped: Whether an error ended the table. Parents that were not requested yet are
                then counted too.

        Returns:
            The number of parents.
        """
        return len(self.planned) - self._settled if stopped else len(self._unread)

    def reached(self, known: datetime | None, parents: datetime | None) -> datetime | None:
        """Return the time up to which the child table is complete, in UTC.

        Args:
            known: The child table's `complete_until` before this load.
            parents: The parent table's `complete_until`.

        Returns:
            `known` if a parent could not be read, or if a parent or all of its children
            disappeared for the first time. If other parents were returned without children and
            will be requested again, the earliest of their update times. Otherwise `parents`.
        """
        if self._unread or any(map(_is_suspicious, self._doubted)):
            return known
        empty = [read.parent.update_time for read in self._doubted if not read.is_gone]
        if None in empty or parents is None:
            return known if empty else parents
        moments = [moment for moment in (*empty, parents) if moment]
        return max(filter(None, (known, min(moments))))


def _is_suspicious(read: ChildrenRead) -> bool:
    return not read.parent.doubted if read.is_gone else read.parent.filled
