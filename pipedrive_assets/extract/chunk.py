"""Chunks: rows that are committed together, with the progress to record after the commit."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.plan import Scan

Row = dict[str, Any]

GONE_FOR = timedelta(days=7)
"""A parent that has not been found for this long is no longer requested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A parent row whose children are to be read.

    Attributes:
        id: The parent's id.
        update_time: The time of its last change (UTC); None if it has none.
        empty: Whether its count of children is zero, so that no request is needed.
        filled: Whether it has loaded children or a count above zero, so that an empty reply is
            unexpected.
        doubted: Whether an earlier run did not find it, or found it without children or with events
            without content. A second such reply is accepted.
        counted: Whether it has loaded children and a count above zero. Even a second empty reply
            is then accepted only if the count has become zero.
        lasting: Whether it has loaded children that never disappear, such as changes of a history.
            No empty reply is accepted then.
        rows_unknown: Whether `counted` and `lasting` are assumptions, because the front end does
            not know the loaded rows. It may have none, and is then not requested for ever.
        rechecked: Whether it has not changed since its children were read.
        deleted: Whether its loaded row is marked as deleted.
    """

    id: int
    update_time: datetime | None
    empty: bool = False
    filled: bool = False
    doubted: bool = False
    counted: bool = False
    lasting: bool = False
    rows_unknown: bool = False
    rechecked: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildrenRead:
    """A parent whose children were read.

    Attributes:
        parent: The parent, as of its `update_time`.
        read_at: Time of the reply by Pipedrive's clock (UTC).
        is_gone: Whether the parent was not found, or is deleted and its children were refused.
    """

    parent: Parent
    read_at: datetime
    is_gone: bool = False

    def is_given_up(self, since: datetime) -> bool:
        """Decide whether a parent that was not found is no longer requested.

        Args:
            since: When the parent was first not found (UTC).

        Returns:
            True if it has not been found for GONE_FOR.
        """
        return self.is_gone and since + GONE_FOR <= self.read_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A parent whose children could not be read, and the error."""

    parent: Parent
    error: PipedriveError


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows to commit together, and the progress to record after the commit.

    Attributes:
        rows: Rows, each with the id of its parent (None without a parent).
        read_at: Time of the reply by Pipedrive's clock (UTC); None if unknown.
        scan: Position of the scan after these rows.
        reads: Parents whose children were read.
        skipped: Parents that no longer exist, that are deleted and have no children any more, or
            whose empty replies may be a mistake but can also be right. Their loaded rows are kept,
            and they are not requested again until they change.
        doubted: Parents that were not found, or had no children or events without content, for the
            first time. Their loaded rows are kept; the next run requests them again.
        unread: Parents that were refused or failed; the next run requests them again.
        whole: Whether the rows are a whole snapshot.
        lists: Rows of each list of a snapshot, by list name (`Entity.list_names`).
        not_requested: Keys of rows of a snapshot that it could not return, because they were not
            requested or were refused.
        reached: Until when the record of each owner was read (UTC), by path; see `read_results`.
        has_empty_list: Whether a list of the snapshot returned no rows, which may be an error.
        complete: Whether the rows belong to a scan of the whole table and replace loaded rows.
        refused: Why Pipedrive refused a list, by path; the list may contain further rows.
        doubtful: Paths of lists whose end is not certain; they may contain further rows.
        omitted: Fields that were not requested for these rows.
    """

    rows: list[tuple[int | None, Row]]
    read_at: datetime | None = None
    scan: Scan | None = None
    reads: list[ChildrenRead] = field(default_factory=list)
    skipped: list[ChildrenRead] = field(default_factory=list)
    doubted: list[ChildrenRead] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    whole: bool = False
    lists: Mapping[str, list[Row]] = field(default_factory=dict)
    not_requested: frozenset[tuple[Any, ...]] = frozenset()
    reached: Mapping[str, datetime] = field(default_factory=dict)
    has_empty_list: bool = False
    complete: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of at most `size` items, in order."""
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
