"""A child table during a run: which parents it still needs, and what dlt's state keeps of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipedrive_assets.dlt_source.arguments import Request
from pipedrive_assets.dlt_source.state import Row, State, concerns, is_held
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.extract.pending_parents import PendingParents
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.windows import parse_stamp, stamp

REFUSED = "refused"
"""The id of a parent for which Pipedrive refused the table."""

PENDING = "owed"
"""Ids of parents whose children the next run has to read, without doubted ones."""

DOUBTED = "doubted"
"""By id, since when: parents that came back without children or were not found."""

ANSWERED = "answered"
"""The id of a parent whose children were read."""

FILLED = "filled"
"""The id of a parent that had children."""


@dataclass(kw_only=True)
class ChildReading:
    """A child table while its parents are read.

    Attributes:
        name: The table.
        scan: Which parents changed since this table was complete.
        state: dlt's state of the resource; it is saved with the rows.
        before: The state before this run.
        read: Parents asked for in this run: rows of two readings are never mixed.
        concerned: The parents of a snapshot that this table needs; None if `scan` decides.
        answered: Whether Pipedrive returned anything for this table.
        stopped: Whether an error ended the table's reading.
        refused: Whether the account lacks the feature.
    """

    name: str
    scan: Scan
    state: State
    before: Row
    read: set[int] = field(default_factory=set)
    concerned: set[int] | None = None
    answered: bool = False
    stopped: bool = False
    refused: bool = False
    parents: PendingParents = field(init=False)

    def __post_init__(self) -> None:
        self.parents = parents_in(self.state)

    @property
    def is_first(self) -> bool:
        """Whether no run has loaded the table before."""
        return not self.before

    @property
    def counts(self) -> bool:
        """Whether the table is complete once its parents are read; not if it was refused."""
        return not (self.before.get(REFUSED) or self.state.get(REFUSED))

    def needs(self, row: Row, cursor: str, request: Request) -> bool:
        """Return whether to read the children of a parent.

        Args:
            row: The parent.
            cursor: The column of its last change.
            request: What the pipeline asks for.

        Returns:
            False if this run or an earlier one read them.
        """
        if row["id"] in self.read:
            return False
        if self.concerned is None:
            is_concerned = concerns(self.scan, row, cursor)
        else:
            is_concerned = row["id"] in self.concerned
        if not is_concerned:
            return False
        return request.full or not is_held(self.before, row, cursor, request.overlap)

    def refuse(self, parent: int) -> None:
        """Restore the state before this run, and note the parent that Pipedrive refused."""
        self.refused = True
        self.state.clear()
        self.state.update(self.before, **{REFUSED: parent})
        self.parents = parents_in(self.state)

    def defer(self, parents: Iterable[int]) -> None:
        """Leave the children of parents to a later call or to the next run."""
        self.parents.add(parents)
        self.save()

    def take(self, chunk: Chunk) -> None:
        """Note the parents of a chunk."""
        self.answered |= bool(chunk.reads) or any(not read.is_gone for read in chunk.doubted)
        self.parents.take(chunk)
        self.save()

    def save(self) -> None:
        """Write the pending parents into the state."""
        save_parents(self.state, self.parents)


def parents_in(state: State) -> PendingParents:
    """Return the pending parents that a child's state has."""
    doubted = {int(key): parse_stamp(since) for key, since in state.get(DOUBTED, {}).items()}
    return PendingParents(
        waiting=dict.fromkeys([*state.get(PENDING, ()), *doubted]),
        doubted=doubted,
        answered=state.get(ANSWERED),
        filled=state.get(FILLED),
    )


def save_parents(state: State, parents: PendingParents) -> None:
    """Write the pending parents into a child's state."""
    found = {
        PENDING: [key for key in parents.pending if key not in parents.doubted],
        DOUBTED: {str(key): stamp(since) for key, since in parents.doubted.items()},
        ANSWERED: parents.answered,
        FILLED: parents.filled,
    }
    for name, value in found.items():
        if value or (name in {ANSWERED, FILLED} and value is not None):
            state[name] = value
        else:
            state.pop(name, None)
