"""A chunk: rows that are committed together, with what the ledger may say once they are."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.plan import Scan

Row = dict[str, Any]

GONE_FOR = timedelta(days=7)
"""A parent that no run has found for so long is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A parent row whose children are to be read.

    Attributes:
        id: The parent's id.
        update_time: Its last change, None where it has none.
        empty: Its own counter is zero, so no call is needed.
        filled: Rows of it are held, or its own counter is above zero: an empty reply is suspicious.
        doubted: An earlier run did not find it, or found it without children. A second such reply
            is accepted.
        rechecked: It has not changed since its children were read.
        deleted: The row held of it is marked as deleted.
    """

    id: int
    update_time: datetime | None
    empty: bool = False
    filled: bool = False
    doubted: bool = False
    rechecked: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildrenRead:
    """A parent whose children were read, seen as of `update_time`, at `read_at` by Pipedrive's
    clock. `is_gone`: the parent itself was not found or is deleted, and its children were refused.
    """

    parent: Parent
    read_at: datetime
    is_gone: bool = False

    def is_given_up(self, since: datetime) -> bool:
        """Whether a parent that was first missed at `since` is no longer asked for, where nothing
        but a state remembers it.
        """
        return self.is_gone and since + GONE_FOR <= self.read_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A parent that exists, as far as known, and whose children could not be read."""

    parent: Parent
    error: PipedriveError


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows to commit together, and what the ledger may say once they are: the scan's position, the
    children read.
    """

    rows: list[tuple[int | None, Row]]
    """Each with its parent's id (None: no parent)."""

    read_at: datetime | None = None
    scan: Scan | None = None
    reads: list[ChildrenRead] = field(default_factory=list)
    skipped: list[ChildrenRead] = field(default_factory=list)
    """Parents that are gone: what is held of them stays, and they are not asked again until they
    change."""

    doubted: list[ChildrenRead] = field(default_factory=list)
    """Parents that came back without children or were not found, for the first time: what is held
    of them stays, and the next run asks again before it believes that."""

    unread: list[Unread] = field(default_factory=list)
    """Parents that were refused or failed: the next run asks again."""

    whole: bool = False
    """Whether the rows are everything that a snapshot lists."""

    lists: Mapping[str, list[Row]] = field(default_factory=dict)
    """By name (`Entity.list_names`), the rows that each list of a snapshot returned."""

    has_empty_list: bool = False
    """Whether one of the lists of a snapshot returned no row, which proves nothing by itself."""

    complete: bool = False
    """Whether the rows come from a scan over every row, so that they replace what is held."""

    refused: Mapping[str, str] = field(default_factory=dict)
    """By path, why Pipedrive refused one of the lists: rows that are not here may be in it."""

    doubtful: tuple[str, ...] = ()
    """Paths of lists whose end or emptiness is not certain: rows that are not here may be there."""

    omitted: tuple[str, ...] = ()
    """Fields that these rows were read without."""


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of at most `size` items, in order."""
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
