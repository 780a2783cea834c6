"""How far a stream has come, and its bookmark in the state.

At rest a bookmark is `{"update_time": …, "ids_until": …}`: everything up to that moment was sent,
and every row up to that id. `lists` holds, by path, the newest change of a list that returned none
as late as the bookmark. While its list is scanned, `scan` stands beside them: the position in the
list. `pending` are parents that were shown and whose children are still to be read. `start`
is told while nothing that changed since the start_date was seen.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.extract.chunk import Chunk, Parent
from pipedrive_assets.extract.plan import Scan, TableStats, Watermark, plan
from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.windows import Window, parse_stamp, stamp, utc_now

log = logging.getLogger(__name__)

Row = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class StreamProgress:
    """The progress of a scan over `entity`: the stream's own, or its parents'."""

    entity: Entity
    start: datetime | None
    """Rows that changed before are not wanted; None: all are."""

    bookmark: datetime | None = None
    """Every change up to then was sent."""

    was_ahead: bool = False
    """Whether the bookmark proved to lie ahead of Pipedrive's clock: its scan showed too little."""

    is_whole: bool = False
    """Whether the list was once scanned from end to end: only that shows rows without update_time
    (no window does). Bookmarks of the old tap do not tell."""

    ids_until: int | None = None
    scan: Scan | None = None
    newest: datetime | None = None
    """The newest change that the scan has shown."""

    highest_id: int | None = None
    pending: dict[int, str | None] = field(default_factory=dict)
    """Parents that were shown and whose children are still to be read, with their update_time."""

    doubted: dict[int, datetime] = field(default_factory=dict)
    """Those of them that came back without children or were not found, since when."""

    answered: int | None = None
    """The id of a parent that was read."""

    _earlier: frozenset[int] = field(init=False, default=frozenset())
    """What earlier syncs doubted: this one does not confirm itself."""

    def __post_init__(self) -> None:
        """Keep what the state knew."""
        self._earlier = frozenset(self.doubted)

    lists: Mapping[str, datetime | None] = field(default_factory=dict)
    """By path, the newest change that each list has returned, where it is before the bookmark."""

    omitted: tuple[str, ...] = ()
    """Fields that records were sent without, because Pipedrive refused them."""

    unknown_fields: set[str] = field(default_factory=set)
    """Keys of custom fields that records had while Pipedrive did not return their definitions."""

    def know(self, custom: FieldSet) -> None:
        """Read the lists from their start where rows were sent before their fields were known."""
        if known := self.unknown_fields & custom.plan.values.keys():
            self.unknown_fields -= known
            self.lists = dict.fromkeys(self.entity.list_names)
            self.scan = None

    def next_scan(self, overlap: timedelta, omitted: tuple[str, ...] = ()) -> Scan:
        """What to read next: the scan that was begun, or the one from the bookmark on.

        Everything is read again once fields that records lack are no longer `omitted`.
        """
        held = Watermark(
            initial_load_at=self.bookmark if self.is_whole else None,
            complete_until=self.bookmark,
            ids_until=self.ids_until,
            scan=self.scan,
            lists=self.lists,
            omitted=self.omitted,
        )
        window, newest = Window(start=utc_now()), TableStats(newest=self.bookmark)
        scan = plan(held, window, table_stats=newest, overlap=overlap, omitted=omitted)
        if not scan.resumed:
            self.newest = self.highest_id = None
        self.was_ahead = False
        self.scan = scan
        return scan

    def wanted(self, rows: Iterable[Row]) -> list[Row]:
        """The rows to send: those that changed since the start; of a first scan, which shows
        everything, since the bookmark; rows without update_time always.
        """
        is_first = self.scan is None or self.scan.initial_load
        floor = (self.bookmark if is_first and not self.omitted else None) or self.start
        if floor is None:
            return list(rows)
        changes = ((row, self._change(row)) for row in rows)
        return [row for row, change in changes if change is None or change >= floor]

    def take(self, rows: Iterable[Row], scan: Scan | None) -> None:
        """Note all that a page has shown, and where the scan stands after it."""
        for row in rows:
            self.newest = _later(self.newest, self._change(row))
            if type(row.get("id")) is int:
                self.highest_id = max(self.highest_id or 0, row["id"])
        self.scan = scan
        if scan and scan.started_at:
            self._cut(scan.started_at)
        if scan and scan.since and self._is_ascending and scan.endpoint_index == 0:
            self.bookmark = self._reached(scan)

    def parents_of(self, times: Mapping[int, str | None]) -> list[Parent]:
        """Parents by their update_time, the highest id first; those that were doubted last."""
        return [
            Parent(
                id=key,
                update_time=parse_stamp(text) if text else None,
                doubted=key in self._earlier,
            )
            for key, text in sorted(
                times.items(), key=lambda each: (each[0] in self._earlier, -each[0])
            )
        ]

    @property
    def witness(self) -> Parent | None:
        """A parent that this sync or an earlier one read."""
        return None if self.answered is None else Parent(id=self.answered, update_time=None)

    def take_children(self, chunk: Chunk) -> None:
        """Note which parents are read; what is doubted is asked again by the next sync."""
        done = [*chunk.reads, *chunk.skipped]
        for read in chunk.doubted:
            since = self.doubted.setdefault(read.parent.id, read.read_at)
            if read.is_given_up(since):
                done.append(read)
        for read in done:
            self.pending.pop(read.parent.id, None)
            self.doubted.pop(read.parent.id, None)
        if chunk.reads:
            self.answered = chunk.reads[-1].parent.id

    def finish(self) -> None:
        """The scan is at its end."""
        scan, self.scan = self.scan, None
        if scan is None:
            return
        lists = scan.lists_after(self.lists, self.entity.list_names)
        self.bookmark = self._reached(scan)
        self.lists = {path: each for path, each in lists.items() if self._is_behind(each)}
        self.omitted = scan.omitted_after(self.omitted) if self.omitted else ()
        if scan.saw_newest_ids:
            self.is_whole = True
            self.ids_until = max(filter(None, (self.ids_until, self.highest_id)), default=None)

    @property
    def _is_ascending(self) -> bool:
        """Whether a window's pages come in the order of their changes, from one list."""
        is_sorted = self.entity.kind is Kind.WINDOWED and self.entity.paging == "cursor"
        return is_sorted and len(self.entity.endpoints) == 1

    def _cut(self, clock: datetime) -> None:
        """A bookmark that lies ahead of Pipedrive's clock would pass over what changes until
        then.
        """
        if self.bookmark and self.bookmark > clock:
            log.warning(
                "%s: the bookmark %s lies ahead of Pipedrive's clock and is set back to %s. Remove "
                "it from the state if older changes may be missing.",
                *(self.entity.name, stamp(self.bookmark), stamp(clock)),
            )
            self.bookmark, self.was_ahead = clock, True

    def _reached(self, scan: Scan) -> datetime | None:
        """Not beyond the newest change, nor beyond Pipedrive's clock at the scan's start: what
        becomes visible late, or is dated ahead, is not passed over.
        """
        newest = min(filter(None, (self.newest, scan.started_at)), default=None)
        return _later(self.bookmark, newest if self.newest else None)

    def _is_behind(self, mark: datetime | None) -> bool:
        """Whether a list must be read from an earlier moment than the bookmark."""
        return mark is None or (self.bookmark is not None and mark < self.bookmark)

    def _change(self, row: Row) -> datetime | None:
        text = row.get(self.entity.change_column)
        return parse_stamp(text) if text else None

    def to_dict(self, key: str) -> dict[str, Any]:
        """As the state has it, with the bookmark under `key`."""
        told: dict[str, Any] = {}
        if self.bookmark:
            told[key] = stamp(self.bookmark)
            if self.start and self.start > self.bookmark:
                told["start"] = stamp(self.start)
        if self.is_whole:
            told["ids_until"] = self.ids_until
        if self.lists:
            told["lists"] = {path: each and stamp(each) for path, each in self.lists.items()}
        if self.omitted:
            told["omitted_fields"] = list(self.omitted)
        if self.scan:
            told["walk"] = {
                "position": self.scan.to_json(),
                "newest": stamp(self.newest) if self.newest else None,
                "highest_id": self.highest_id,
            }
        if self.unknown_fields:
            told["unknown_fields"] = sorted(self.unknown_fields)
        told |= self._children_to_dict()
        return told

    def _children_to_dict(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if self.pending:
            told["pending"] = {str(each): text for each, text in self.pending.items()}
        if self.doubted:
            told["doubted"] = {str(each): stamp(time) for each, time in self.doubted.items()}
        if self.answered is not None:
            told["answered"] = self.answered
        return told


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)
