"""A chunk: rows that are committed together, with what the ledger may say once they are."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from pipedrive_assets.reading.plan import Walk

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A parent row whose children are to be read; `empty`: its own counter says that there are
    none.
    """

    id: int
    update_time: datetime | None
    empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildrenRead:
    """A parent whose children were read, seen as of `update_time`, at `read_at` by Pipedrive's
    clock.
    """

    parent: Parent
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows to commit together, and what the ledger may say once they are: the walk's position, the
    children read.
    """

    rows: list[tuple[int | None, Row]]
    """Each with its parent's id (None: no parent)."""

    read_at: datetime | None = None
    walk: Walk | None = None
    reads: list[ChildrenRead] = field(default_factory=list)
    skipped: list[ChildrenRead] = field(default_factory=list)
    """Parents that are gone: what is held of them stays, and they are not asked again until they
    change."""

    whole: bool = False
    """Whether the rows are everything that a snapshot lists."""

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
