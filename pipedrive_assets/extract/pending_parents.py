"""The parents whose children are still to be read, for front ends that keep a JSON state.

The load asks the ledger with SQL instead: `load/stale_parents.py`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipedrive_assets.extract.chunk import Chunk, Parent
from pipedrive_assets.registry import Entity
from pipedrive_assets.windows import parse_stamp


@dataclass(slots=True, kw_only=True)
class PendingParents:
    """The parents of one child table between runs.

    A parent stays here until its children are read. One that came back without children, or was
    not found, is doubted: the next run asks again, and a second reply of this kind is accepted. The
    loaded rows are not known here, so a second reply without children is accepted only if the
    parent's own counter is zero, and never for a history.

    Attributes:
        waiting: By id, the parent's update time as Pipedrive sends it, None if unknown.
        doubted: By id, since when a parent is doubted, UTC. These are pending as well.
        answered: Id of a parent whose children were read.
        filled: Id of a parent that had children.
    """

    waiting: dict[int, str | None] = field(default_factory=dict)
    doubted: dict[int, datetime] = field(default_factory=dict)
    answered: int | None = None
    filled: int | None = None
    _asked: dict[int, str | None] = field(init=False, default_factory=dict)
    """Parents asked for in this run. One that is added again meanwhile waits for the next run."""

    _doubted_before: frozenset[int] = field(init=False, default=frozenset())
    """Doubted by earlier runs: a run never confirms its own doubt."""

    def __post_init__(self) -> None:
        self._doubted_before = frozenset(self.doubted)

    @property
    def pending(self) -> dict[int, str | None]:
        """The parents whose children are not read yet, by id, with their update times."""
        return {**self._asked, **self.waiting}

    @property
    def witness(self) -> Parent | None:
        """A parent whose children were read in this run or an earlier one."""
        return None if self.answered is None else Parent(id=self.answered, update_time=None)

    @property
    def control(self) -> Parent | None:
        """A parent that had children in this run or an earlier one."""
        return None if self.filled is None else Parent(id=self.filled, update_time=None)

    def add(self, parents: Mapping[int, str | None] | Iterable[int]) -> None:
        """Remember parents whose children are to be read; a mapping has their update times."""
        found = parents if isinstance(parents, Mapping) else dict.fromkeys(parents)
        self.waiting |= {key: found[key] or self.waiting.get(key) for key in found}

    def ask(
        self, child: Entity, times: Mapping[int, str | None], *, filled: Collection[int] = ()
    ) -> list[Parent]:
        """Begin to ask for parents. They stay pending until `take`.

        Args:
            child: The child table.
            times: By id, the update times, in the order in which to ask.
            filled: Parents that have children, by their own counter.

        Returns:
            The parents, those doubted by earlier runs last.
        """
        for key, time in times.items():
            self.waiting.pop(key, None)
            self._asked[key] = time
        return [
            Parent(
                id=key,
                update_time=parse_stamp(time) if time else None,
                filled=key in filled,
                doubted=key in self._doubted_before,
                counted=child.has_own_count,
                lasting=child.is_history,
                rows_unknown=True,
            )
            for key, time in sorted(times.items(), key=lambda each: each[0] in self._doubted_before)
        ]

    def take(self, chunk: Chunk) -> None:
        """Note the parents of a chunk, whose rows are written already."""
        done = [*chunk.reads, *chunk.skipped]
        for read in chunk.doubted:
            since = self.doubted.setdefault(read.parent.id, read.read_at)
            if read.is_given_up(since):
                done.append(read)
        for read in done:
            self._asked.pop(read.parent.id, None)
            self.doubted.pop(read.parent.id, None)
        if chunk.reads:
            self.answered = chunk.reads[-1].parent.id
        if chunk.rows:
            self.filled = chunk.rows[-1][0]
