"""How far a stream has come, and its bookmark in the state.

Between syncs a bookmark is `{"update_time": …, "ids_until": …}`: every change up to that time was
sent, and every row up to that id. During a sync `walk` holds the position in the lists. The keys
`lists`, `pending`, `doubted`, `start`, `omitted_fields` and `unknown_fields` are the attributes of
`StreamProgress`.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.extract.memory import finish_scan, next_scan
from pipedrive_assets.extract.pending_parents import PendingParents
from pipedrive_assets.extract.plan import Scan, TableStats, Watermark
from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.windows import Window, parse_stamp, stamp, utc_now

log = logging.getLogger(__name__)

Row = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class StreamProgress:
    """The progress of a scan: of the stream's own lists, or of its parents'. Implements `Memory`.

    Attributes:
        entity: The table whose lists are scanned.
        start: Rows that changed earlier are not sent, UTC; None for all rows.
        bookmark: Every change up to then was sent, UTC.
        was_ahead: Whether the bookmark proved to be ahead of Pipedrive's clock, so that its scan
            returned too few rows.
        is_whole: Whether the lists were read from start to end at least once. Only that returns
            rows without update_time. A bookmark of the old tap does not show it.
        ids_until: Every row up to this id was sent.
        scan: The unfinished scan.
        newest: The newest change that the scan has returned, UTC.
        highest_id: The highest id that the scan has returned.
        parents: For a child stream, the parents whose children are still to be read.
        lists: By path, the newest change that a list returned, if it is before the bookmark.
        omitted: Fields that records were sent without, because Pipedrive refused them.
        unknown_fields: Keys of custom fields whose definitions Pipedrive did not return when
            records had them.
    """

    entity: Entity
    start: datetime | None
    bookmark: datetime | None = None
    was_ahead: bool = False
    is_whole: bool = False
    ids_until: int | None = None
    scan: Scan | None = None
    newest: datetime | None = None
    highest_id: int | None = None
    parents: PendingParents = field(default_factory=PendingParents)
    lists: Mapping[str, datetime | None] = field(default_factory=dict)
    omitted: tuple[str, ...] = ()
    unknown_fields: set[str] = field(default_factory=set)

    def watermark(self) -> Watermark:
        """Return what was sent completely."""
        return Watermark(
            initial_load_at=self.bookmark if self.is_whole else None,
            complete_until=self.bookmark,
            ids_until=self.ids_until,
            scan=self.scan,
            lists=self.lists,
            omitted=self.omitted,
        )

    def table_stats(self) -> TableStats:
        """Return the newest change and the highest id that were sent."""
        ids = filter(None, (self.ids_until, self.highest_id))
        return TableStats(newest=self.bookmark, highest_id=max(ids, default=None))

    def record(self, watermark: Watermark) -> None:
        """Keep a watermark.

        The bookmark stays at the newest change sent, so that a change that becomes visible late,
        or is dated ahead, is still read.
        """
        self.bookmark = self._reached(watermark.complete_until)
        self.is_whole = watermark.initial_load_at is not None
        self.ids_until, self.scan = watermark.ids_until, watermark.scan
        self.lists = {path: each for path, each in watermark.lists.items() if self._is_behind(each)}
        # A child stream has no records with these fields: none are noted for it.
        self.omitted = watermark.omitted if self.omitted else ()

    def next_scan(self, overlap: timedelta, omitted: tuple[str, ...] = ()) -> Scan:
        """Return what to read next: the unfinished scan, or the one from the bookmark on.

        Args:
            overlap: How far a scan reaches back before the bookmark.
            omitted: Names that this sync leaves out of `include_fields`.

        Returns:
            The scan, at the position where an earlier sync stopped or at its first page.
        """
        window = Window(start=utc_now())
        self.scan = next_scan(self, window, overlap=overlap, omitted=omitted)
        if not self.scan.resumed:
            self.newest = self.highest_id = None
        self.was_ahead = False
        return self.scan

    def wanted(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows to send.

        These are the rows changed since the start date, or, for a first scan, since the bookmark,
        and all rows without update_time.
        """
        is_first = self.scan is None or self.scan.initial_load
        floor = (self.bookmark if is_first and not self.omitted else None) or self.start
        if floor is None:
            return list(rows)
        changes = ((row, self._change(row)) for row in rows)
        return [row for row, change in changes if change is None or change >= floor]

    def take(self, rows: Iterable[Row], scan: Scan | None) -> None:
        """Note the rows of a page, and the scan's position after it."""
        for row in rows:
            self.newest = _later(self.newest, self._change(row))
            if type(row.get("id")) is int:
                self.highest_id = max(self.highest_id or 0, row["id"])
        self.scan = scan
        if scan and scan.started_at:
            self._cut(scan.started_at)
        if scan and scan.since and self._is_ascending and scan.endpoint_index == 0:
            self.bookmark = self._reached(scan.started_at)

    def finish(self) -> None:
        """Record that the scan was read to its end."""
        if self.scan:
            finish_scan(self, self.scan, self.entity.list_names, utc_now())

    @property
    def _is_ascending(self) -> bool:
        """Whether a scan has a single list, whose pages are in the order of their changes."""
        is_sorted = self.entity.kind is Kind.WINDOWED and self.entity.paging == "cursor"
        return is_sorted and len(self.entity.endpoints) == 1

    def _cut(self, clock: datetime) -> None:
        """Set back a bookmark that is ahead of Pipedrive's clock: it would hide later changes."""
        if self.bookmark and self.bookmark > clock:
            log.warning(
                "%s: the bookmark %s is ahead of Pipedrive's clock and was set back to %s. If "
                "older changes may be missing, remove the bookmark from the state to read "
                "everything again.",
                *(self.entity.name, stamp(self.bookmark), stamp(clock)),
            )
            self.bookmark, self.was_ahead = clock, True

    def _reached(self, limit: datetime | None) -> datetime | None:
        newest = min(filter(None, (self.newest, limit)), default=None)
        return _later(self.bookmark, newest if self.newest else None)

    def _is_behind(self, mark: datetime | None) -> bool:
        """Whether a list must be read from before the bookmark."""
        return mark is None or (self.bookmark is not None and mark < self.bookmark)

    def _change(self, row: Row) -> datetime | None:
        text = row.get(self.entity.change_column)
        return parse_stamp(text) if text else None

    def to_dict(self, key: str) -> dict[str, Any]:
        """Return the bookmark as it is in the state, with its time under `key`."""
        bookmark: dict[str, Any] = {}
        if self.bookmark:
            bookmark[key] = stamp(self.bookmark)
            if self.start and self.start > self.bookmark:
                bookmark["start"] = stamp(self.start)
        if self.is_whole:
            bookmark["ids_until"] = self.ids_until
        if self.lists:
            bookmark["lists"] = {path: each and stamp(each) for path, each in self.lists.items()}
        if self.omitted:
            bookmark["omitted_fields"] = list(self.omitted)
        if self.scan:
            bookmark["walk"] = {
                "position": self.scan.to_json(),
                "newest": stamp(self.newest) if self.newest else None,
                "highest_id": self.highest_id,
            }
        if self.unknown_fields:
            bookmark["unknown_fields"] = sorted(self.unknown_fields)
        return bookmark | self._parents_to_dict()

    def _parents_to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if pending := self.parents.pending:
            found["pending"] = {str(each): text for each, text in pending.items()}
        if doubted := self.parents.doubted:
            found["doubted"] = {str(each): stamp(time) for each, time in doubted.items()}
        if self.parents.answered is not None:
            found["answered"] = self.parents.answered
        if self.parents.filled is not None:
            found["filled"] = self.parents.filled
        return found


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)
