"""What to read next, decided purely from what the warehouse already holds."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.windows import Window, earlier, parse_stamp

STORED_NAMES = {"initial_load": "baseline", "advances": "moves", "endpoint_index": "listing"}
"""Fields of a scan whose name in ledgers and states of version 0.1.0 is another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan over an entity's lists, and how far it has come: what a later run needs to go on.

    `since`/`until` bound `update_time` (None: unbounded). `started_at` is Pipedrive's clock at
    the first page. The next page is the one of list `endpoint_index` at `marker`; `pages` counts
    those already read.
    """

    initial_load: bool
    advances: bool
    """Whether its end extends what is complete; a window of the past does not."""

    since: datetime | None = None
    until: datetime | None = None
    started_at: datetime | None = None
    endpoint_index: int = 0
    marker: str | None = None
    pages: int = 0
    above_id: int | None = None
    """New rows may have no `update_time`, and no window shows those: the id up to which all are
    held (None: do not look)."""

    saw_ids: bool = False
    """Whether the look at the newest ids returned a row; an empty reply proves nothing."""

    lists: Mapping[str, datetime | None] = field(default_factory=dict)
    """By path, where a list is read from another moment than `since` (None: from its start)."""

    newest: Mapping[str, datetime] = field(default_factory=dict)
    """By path, the newest change that a list has returned so far."""

    refused: Mapping[str, str] = field(default_factory=dict)
    """By path, why Pipedrive refused a list. The scan goes on without it."""

    doubtful: tuple[str, ...] = ()
    """Paths of lists that Pipedrive ended with `data: null`: no proof that a row is gone."""

    omitted: tuple[str, ...] = ()
    """Names left out of `include_fields`, because Pipedrive refuses them."""

    @property
    def resumed(self) -> bool:
        """Whether an earlier run began it."""
        return self.started_at is not None

    @property
    def window(self) -> Window | None:
        """The bounds as a window; None: everything."""
        return Window(start=self.since, end=self.until) if self.since else None

    def start_of(self, path: str) -> datetime | None:
        """From when a list is read; None: from its start."""
        return self.lists.get(path, self.since)

    def window_of(self, path: str) -> Window | None:
        """The bounds of one list as a window; None: everything."""
        start = self.start_of(path)
        return Window(start=start, end=self.until) if start else None

    @property
    def earliest(self) -> datetime | None:
        """The earliest moment from which any of the lists is read; None: from its start."""
        starts = [self.since, *self.lists.values()]
        return None if None in starts else min(filter(None, starts))

    @property
    def saw_newest_ids(self) -> bool:
        """Whether, once finished, it has seen every row up to the highest id."""
        return self.initial_load or (self.saw_ids and self.until is None)

    def complete_until(self) -> datetime | None:
        """Once it is finished: the moment up to which the warehouse holds everything, None if it
        does not tell.
        """
        if not self.advances or self.started_at is None:
            return None
        return min(self.started_at, self.until) if self.until else self.started_at

    def concerns(self, row: Mapping[str, Any], column: str, path: str) -> bool:
        """Whether a row of a list that takes no `updated_since` changed since that list is read.

        Args:
            row: The row.
            column: The column of its last change.
            path: The list.
        """
        change, start = row.get(column), self.start_of(path)
        return start is None or not change or parse_stamp(change) >= start

    def lists_after(
        self, known: Mapping[str, datetime | None], paths: Iterable[str]
    ) -> dict[str, datetime | None]:
        """Where each list is read on once this scan is finished.

        The mark of a list moves only with rows that the list itself returned. A list that was
        refused, or empty by mistake, is therefore read again from where it was.

        Args:
            known: The marks before this scan.
            paths: The lists that this scan reads.

        Returns:
            By path the newest change that the list has returned; None: read it from its start.
        """
        return {path: self._mark_after(known, path) for path in paths}

    def omitted_after(self, known: Iterable[str]) -> tuple[str, ...]:
        """The fields that some rows lack once this scan is finished, `known` before it."""
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
        """For people: what this scan reads."""
        if self.window:
            return f"{'history since ' if self.initial_load else ''}{self.window}"
        return "complete history"

    def to_json(self) -> str:
        """For the ledger."""
        facts = {STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}
        return json.dumps(facts, default=datetime.isoformat)

    @classmethod
    def from_json(cls, text: str) -> "Scan":
        """Back from the ledger."""
        facts = json.loads(text)
        for name, stored in STORED_NAMES.items():
            facts[name] = facts.pop(stored)
        for name in ("since", "until", "started_at"):
            facts[name] = _moment(facts[name])
        for name in ("lists", "newest"):
            facts[name] = lists_from_json(facts.get(name, {}))
        for name in ("omitted", "doubtful"):
            facts[name] = tuple(facts.get(name, ()))
        return cls(**facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """What the ledger holds of an entity."""

    initial_load_at: datetime | None = None
    complete_until: datetime | None = None
    ids_until: int | None = None
    """Every row up to this id was listed once; None where ids are no numbers."""

    lists: Mapping[str, datetime | None] = field(default_factory=dict)
    """By path, the newest change that each list has returned; None: it never returned a row, so it
    is read from its start. A list without an entry goes by `Held.newest`."""

    omitted: tuple[str, ...] = ()
    """Fields that some rows were loaded without, because Pipedrive refused them."""

    scan: Scan | None = None
    """A scan that was begun and not finished."""

    def during(self, scan: Scan | None, omitted: Iterable[str]) -> "Watermark":
        """The watermark after a chunk: the position, and the fields that some rows lack."""
        names = tuple(sorted({*self.omitted, *omitted}))
        return replace(self, scan=scan or self.scan, omitted=names)

    def after(
        self, scan: Scan, paths: Iterable[str], table_stats: "TableStats", now: datetime
    ) -> "Watermark":
        """The watermark once a scan over the lists `paths` is finished."""
        moments = [self.complete_until, scan.complete_until()]
        return Watermark(
            ids_until=table_stats.highest_id if scan.saw_newest_ids else self.ids_until,
            lists=scan.lists_after(self.lists, paths),
            omitted=scan.omitted_after(self.omitted),
            initial_load_at=(self.initial_load_at or now)
            if scan.advances
            else self.initial_load_at,
            complete_until=max(filter(None, moments), default=None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStats:
    """What the table itself tells: its newest change and its highest id."""

    newest: datetime | None = None
    highest_id: int | None = None


def plan(  # noqa: PLR0913 - the facts that a plan rests on
    watermark: Watermark,
    window: Window,
    *,
    table_stats: TableStats,
    overlap: timedelta,
    since: datetime | None = None,
    full: bool = False,
    omitted: tuple[str, ...] = (),
) -> Scan:
    """The scan that makes `window` complete, resuming an unfinished one that is the same.

    A window never starts later than the table's newest change, so that a clock that runs ahead
    of the account's changes loses nothing; each list has its own newest change, so that one that
    was refused or empty by mistake is read again from where it was. `since` limits the initial
    load. A table that holds no change at all is read whole, and so is one whose rows were loaded
    without fields that are no longer `omitted`.
    """
    full = full or bool(set(watermark.omitted) - set(omitted))
    wanted = _wanted(
        watermark, window, table_stats=table_stats, overlap=overlap, since=since, full=full
    )
    wanted = replace(wanted, omitted=omitted)
    begun = watermark.scan
    return begun if begun and _continues(begun, wanted) else wanted


def _wanted(  # noqa: PLR0913 - the facts that a plan rests on
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
    """From when a list is read; a window with an end is read as a whole."""
    start = earlier(reached, overlap)
    return min(start, window.start) if window.end else start


def _continues(begun: Scan, wanted: Scan) -> bool:
    """Whether finishing `begun` also does what is wanted.

    A window that began earlier covers one that begins later.
    """
    same = ("initial_load", "advances", "until", "omitted")
    if any(getattr(begun, name) != getattr(wanted, name) for name in same):
        return False
    if begun.initial_load or begun.since is None or wanted.since is None:
        return begun.since == wanted.since
    return begun.since <= wanted.since and all(
        earliest(begun.start_of(path), wanted.start_of(path)) == begun.start_of(path)
        for path in {*begun.lists, *wanted.lists}
    )


def restarted(scan: Scan) -> Scan:
    """The same scan from its first page."""
    return replace(
        scan,
        started_at=None,
        endpoint_index=0,
        marker=None,
        pages=0,
        saw_ids=False,
        newest={},
        refused={},
        doubtful=(),
    )


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two starts; None is the start of the list."""
    return min(one, other) if one and other else None


def lists_from_json(told: str | Mapping[str, Any]) -> dict[str, Any]:
    """Moments by path, back from JSON."""
    facts = json.loads(told) if isinstance(told, str) else told
    return {path: _moment(text) for path, text in facts.items()}


def _moment(text: str | None) -> datetime | None:
    return parse_stamp(text) if text else None
