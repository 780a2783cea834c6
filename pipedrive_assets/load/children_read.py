"""What a load has learned of the parents whose children it reads, and what is complete then."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipedrive_assets.api import RequestStats
from pipedrive_assets.errors import CapReached
from pipedrive_assets.extract.child_scans import read_children
from pipedrive_assets.extract.chunk import ChildrenRead, Chunk, Parent, Unread
from pipedrive_assets.load.context import Context
from pipedrive_assets.registry import Entity


@dataclass(slots=True, kw_only=True)
class ChildrenTaken:
    """The parents of one table's load, as far as they are read."""

    planned: Sequence[Parent] = ()
    _settled: int = 0
    _unread: list[Unread] = field(default_factory=list)
    _doubted: list[ChildrenRead] = field(default_factory=list)

    def read(
        self, context: Context, entity: Entity, stats: RequestStats, witness: Parent | None
    ) -> Iterator[Chunk]:
        """Read the planned parents' children; those whose own counter is zero take no call.

        Parents that are only read again come last. Where a cap stops those, nothing is missing.
        """
        spared = [parent for parent in self.planned if parent.empty]
        if spared:
            reads = [ChildrenRead(parent=parent, read_at=context.now) for parent in spared]
            yield Chunk(rows=[], reads=reads)
        wanted = [parent for parent in self.planned if not parent.empty]
        if asked := [parent for parent in wanted if not parent.rechecked]:
            yield from read_children(context.client, entity, asked, stats, witness=witness)
        if asked := [parent for parent in wanted if parent.rechecked]:
            with contextlib.suppress(CapReached):
                yield from read_children(context.client, entity, asked, stats, witness=witness)

    def take(self, chunk: Chunk) -> None:
        """Note what a committed chunk says of its parents."""
        self._settled += len(chunk.reads) + len(chunk.skipped) + len(chunk.doubted)
        self._unread += chunk.unread
        self._doubted += chunk.doubted

    @property
    def reason(self) -> str:
        """The first refusal or failure of a parent; empty where there was none."""
        return str(self._unread[0].error) if self._unread else ""

    def unread(self, *, stopped: bool) -> int:
        """How many parents exist whose children could not be read.

        Args:
            stopped: Whether an error ended the table: parents not asked for yet count as well.
        """
        return len(self.planned) - self._settled if stopped else len(self._unread)

    def reached(self, known: datetime | None, parents: datetime | None) -> datetime | None:
        """Up to when the table holds everything.

        Args:
            known: Up to when it did before this load.
            parents: Up to when its parents' table does.

        Returns:
            `known` where a parent is unread, or has lost rows or itself for the first time. Where
            other parents came back without children and are asked again, nothing after the
            earliest of their changes counts.
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
