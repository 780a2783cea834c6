"""Plan the next scan of a table from its watermark, without I/O."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.extract.descent import Descent
from pipedrive_assets.windows import Window, earlier, parse_stamp

STORED_NAMES = {"initial_load": "baseline", "advances": "moves", "endpoint_index": "listing"}
"""Fields of a scan that have another name in ledgers and states, since version 0.1.0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan of all lists of a table, and its position, from which a later run can resume.

    Attributes:
        initial_load: Whether the scan reads the whole table.
        advances: Whether the scan moves the watermark; a window of the past does not.
        since: Earliest `update_time` to read (UTC); None for no limit.
        until: First `update_time` that is not read (UTC); None for no limit.
        started_at: Pipedrive's clock at the first page (UTC); None before the first page.
        endpoint_index: Index of the list that is read next.
        marker: Marker of the next page; None for the start of the list.
        descent: Progress of a second walk through the current list; None if there is none.
        top_id: The lowest of the highest ids at which second walks began; rows above it may have
            been created since. None without second walks.
        pages: Pages read so far.
        above_id: Rows above this id are read as well, because new rows without an `update_time` are
            in no window; None if that is not needed.
        saw_ids: Whether the request for the newest ids returned a row.
        lists: By path, the time from which a list is read if it differs from `since` (None: from
            its start).
        newest: By path, the latest change that a list has returned so far.
        refused: By path, why Pipedrive refused a list; the scan continues without it.
        doubtful: Paths of lists that ended with `data: null`; a row that is not listed may exist.
        omitted: Names omitted from `include_fields`, because Pipedrive refuses them.
    """

    initial_load: bool
    advances: bool
    since: datetime | None = None
    until: datetime | None = None
    started_at: datetime | None = None
    endpoint_index: int = 0
    marker: str | None = None
    descent: Descent | None = None
    top_id: int | None = None
    pages: int = 0
    above_id: int | None = None
    saw_ids: bool = False
    lists: Mapping[str, datetime | None] = field(default_factory=dict)
    newest: Mapping[str, datetime] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()

    @property
    def resumed(self) -> bool:
        """Whether an earlier run started the scan."""
        return self.started_at is not None

    @property
    def window(self) -> Window | None:
        """The time window of the scan; None if it reads everything."""
        return Window(start=self.since, end=self.until) if self.since else None

    def start_of(self, path: str) -> datetime | None:
        """Return the time from which a list is read (UTC); None for its start."""
        return self.lists.get(path, self.since)

    def window_of(self, path: str) -> Window | None:
        """Return the time window of a list; None if it is read from its start."""
        start = self.start_of(path)
        return Window(start=start, end=self.until) if start else None

    @property
    def earliest(self) -> datetime | None:
        """Earliest time from which any of the lists is read (UTC); None for its start."""
        starts = [self.since, *self.lists.values()]
        return None if None in starts else min(filter(None, starts))

    @property
    def saw_newest_ids(self) -> bool:
        """Whether the finished scan has read every row up to the highest id."""
        return self.initial_load or (self.saw_ids and self.until is None)

    def ids_until(self, highest_id: int | None) -> int | None:
        """Return up to which id the finished scan has read every row; `highest_id` is loaded."""
        return min(filter(None, (highest_id, self.top_id)), default=None)

    def complete_until(self) -> datetime | None:
        """Return until when the table is complete after this scan (UTC); None if unchanged."""
        if not self.advances or self.started_at is None:
            return None
        return min(self.started_at, self.until) if self.until else self.started_at

    def concerns(self, row: Mapping[str, Any], column: str, path: str) -> bool:
        """Check whether a row changed after the start of its list's window.

        Used for lists that do not accept `updated_since`.

        Args:
            row: The row.
            column: The column with the time of its last change.
            path: The path of the list.

        Returns:
            True if the row changed since then, or has no time of change.
        """
        change, start = row.get(column), self.start_of(path)
        return start is None or not change or parse_stamp(change) >= start

    def lists_after(
        self, known: Mapping[str, datetime | None], paths: Iterable[str]
    ) -> dict[str, datetime | None]:
        """Return the watermark of each list after this scan.

        The watermark of a list moves only with rows that the list itself returned. A list that was
        refused, or empty by mistake, is therefore read again from its earlier position.

        Args:
            known: The watermarks before this scan, by path.
            paths: The paths of the lists that this scan reads.

        Returns:
            By path, the latest change that the list has returned (UTC); None to read it from its
            start.
        """
        return {path: self._mark_after(known, path) for path in paths}

    def omitted_after(self, known: Iterable[str]) -> tuple[str, ...]:
        """Return the fields that some rows lack after this scan; `known` are those before it."""
        return self.omitted if self.initial_load else tuple(sorted({*known, *self.omitted}))

    def _mark_after(self, known: Mapping[str, datetime | None], path: str) -> datetime | None:
        start, newest = self.start_of(path), self.newest.get(path)
        before = known.get(path, start)
        if path in self.refused or newest is None:
            again = self.initial_load or (path in self.refused and not self.advances)
            return earliest(before, start) if again else before
        if not self.advances:
            return before
        return newest if self.initial_load or before is None else max(before, newest)

    def __str__(self) -> str:
        """Return a description of the scan for logs."""
        if self.window:
            return f"{'history since ' if self.initial_load else ''}{self.window}"
        return "complete history"

    def to_json(self) -> str:
        """Return the scan as JSON, for the ledger."""
        facts = {STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}
        return json.dumps(facts, default=datetime.isoformat)

    @classmethod
    def from_json(cls, text: str) -> "Scan":
        """Read a scan from the ledger."""
        facts = json.loads(text)
        for name, stored in STORED_NAMES.items():
            facts[name] = facts.pop(stored)
        for name in ("since", "until", "started_at"):
            facts[name] = _moment(facts[name])
        for name in ("lists", "newest"):
            facts[name] = lists_from_json(facts.get(name, {}))
        for name in ("omitted", "doubtful"):
            facts[name] = tuple(facts.get(name, ()))
        facts["descent"] = Descent.stored(facts.get("descent"))
        return cls(**facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """Progress of a table, as stored in the ledger.

    Attributes:
        initial_load_at: When the first load of the whole table finished (UTC); None before that.
        complete_until: Until when the table has all changes (UTC); None before the first load.
        ids_until: Every row up to this id has been listed; None if ids are not numbers.
        lists: By path, the latest change that each list has returned (UTC); None if it never
            returned a row, so that it is read from its start. `TableStats.newest` is used for a
            list without an entry.
        omitted: Fields that some rows were loaded without, because Pipedrive refused them.
        scan: The unfinished scan; None if there is none.
    """

    initial_load_at: datetime | None = None
    complete_until: datetime | None = None
    ids_until: int | None = None
    lists: Mapping[str, datetime | None] = field(default_factory=dict)
    omitted: tuple[str, ...] = ()
    scan: Scan | None = None

    def during(self, scan: Scan | None, omitted: Iterable[str]) -> "Watermark":
        """Return the watermark after a chunk: with the scan's position and the omitted fields."""
        names = tuple(sorted({*self.omitted, *omitted}))
        return replace(self, scan=scan or self.scan, omitted=names)

    def was_reset(self, earlier: "Watermark") -> bool:
        """Return whether `read_from_start` has changed this watermark since `earlier`."""
        gave_up = earlier.scan is not None and self.scan is None
        return gave_up or self.lists != earlier.lists

    def after(
        self, scan: Scan, paths: Iterable[str], table_stats: "TableStats", now: datetime
    ) -> "Watermark":
        """Compute the watermark after a finished scan.

        Args:
            scan: The finished scan.
            paths: The paths of the lists that the scan read.
            table_stats: Latest change and highest id in the table after the scan.
            now: The current time (UTC).

        Returns:
            The new watermark, without an unfinished scan.
        """
        moments = [self.complete_until, scan.complete_until()]
        return Watermark(
            ids_until=scan.ids_until(table_stats.highest_id)
            if scan.saw_newest_ids
            else self.ids_until,
            lists=scan.lists_after(self.lists, paths),
            omitted=scan.omitted_after(self.omitted),
            initial_load_at=(self.initial_load_at or now)
            if scan.advances
            else self.initial_load_at,
            complete_until=max(filter(None, moments), default=None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStats:
    """Latest change and highest id in a loaded table.

    Attributes:
        newest: The latest `update_time` (UTC); None for an empty table.
        highest_id: The highest id; None for an empty table, or if ids are not numbers.
    """

    newest: datetime | None = None
    highest_id: int | None = None


def plan(  # noqa: PLR0913 - all inputs of a plan
    watermark: Watermark,
    window: Window,
    *,
    table_stats: TableStats,
    overlap: timedelta,
    since: datetime | None = None,
    full: bool = False,
    omitted: tuple[str, ...] = (),
) -> Scan:
    """Plan the next scan of a table.

    A scan never starts later than the latest change in the table, so a fast clock skips no change.
    Each list has its own latest change, so a list that was refused, or empty by mistake, continues
    from its earlier position. A table without any change time is read in full, and so is a table
    whose rows lack fields that are no longer omitted.

    Args:
        watermark: The progress of the table.
        window: The time window that must be complete after the scan.
        table_stats: Latest change and highest id in the table.
        overlap: Time before the watermark that is read again.
        since: Start of the initial load (UTC); None to read everything.
        full: Whether to read the whole table again.
        omitted: Fields that Pipedrive refuses.

    Returns:
        The unfinished scan if finishing it covers the window, else a new scan.
    """
    full = full or bool(set(watermark.omitted) - set(omitted))
    planned = _planned(
        watermark, window, table_stats=table_stats, overlap=overlap, since=since, full=full
    )
    planned = replace(planned, omitted=omitted)
    unfinished = watermark.scan
    return unfinished if unfinished and _continues(unfinished, planned) else planned


def _planned(  # noqa: PLR0913 - all inputs of a plan
    watermark: Watermark,
    window: Window,
    *,
    table_stats: TableStats,
    overlap: timedelta,
    since: datetime | None,
    full: bool,
) -> Scan:
    known = watermark.complete_until
    if full or not watermark.initial_load_at or known is None or table_stats.newest is None:
        return Scan(initial_load=True, advances=True, since=since)
    if window.end and window.end <= known:
        return Scan(initial_load=False, advances=False, since=window.start, until=window.end)
    start = _start(window, min(known, table_stats.newest), overlap)
    starts = {
        path: _start(window, min(known, newest), overlap) if newest else since
        for path, newest in watermark.lists.items()
    }
    return Scan(
        initial_load=False,
        advances=True,
        since=start,
        until=window.end,
        above_id=watermark.ids_until,
        lists={path: each for path, each in starts.items() if each != start},
    )


def _start(window: Window, reached: datetime, overlap: timedelta) -> datetime:
    """Return the time from which a list is read; a window with an end is read as a whole."""
    start = earlier(reached, overlap)
    return min(start, window.start) if window.end else start


def _continues(unfinished: Scan, planned: Scan) -> bool:
    """Return whether the unfinished scan, once finished, covers the planned scan.

    A window with an earlier start covers one with a later start.
    """
    same = ("initial_load", "advances", "until", "omitted")
    if any(getattr(unfinished, name) != getattr(planned, name) for name in same):
        return False
    if unfinished.initial_load or unfinished.since is None or planned.since is None:
        return unfinished.since == planned.since
    return unfinished.since <= planned.since and all(
        earliest(unfinished.start_of(path), planned.start_of(path)) == unfinished.start_of(path)
        for path in {*unfinished.lists, *planned.lists}
    )


def restarted(scan: Scan) -> Scan:
    """Return the scan, reset to its first page."""
    return replace(
        scan,
        started_at=None,
        endpoint_index=0,
        marker=None,
        descent=None,
        top_id=None,
        pages=0,
        saw_ids=False,
        newest={},
        refused={},
        doubtful=(),
    )


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the earlier of two starts; None is the start of the list."""
    return min(one, other) if one and other else None


def lists_from_json(stored: str | Mapping[str, Any]) -> dict[str, Any]:
    """Read times by path (UTC) from JSON."""
    facts = json.loads(stored) if isinstance(stored, str) else stored
    return {path: _moment(text) for path, text in facts.items()}


def _moment(text: str | None) -> datetime | None:
    return parse_stamp(text) if text else None
