"""What to read next, decided purely from what the warehouse already holds."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.windows import Window, earlier, parse_stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A walk over an entity's lists, and how far it has come: what a later run needs to go on.

    `since`/`until` bound `update_time` (None: unbounded). `started_at` is Pipedrive's clock at
    the first page. The next page is the one of list `listing` at `marker`; `pages` counts those
    behind.
    """

    baseline: bool
    moves: bool
    """Whether its end extends what is complete; a window of the past does not."""

    since: datetime | None = None
    until: datetime | None = None
    started_at: datetime | None = None
    listing: int = 0
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
    """By path, why Pipedrive refused a list. The walk goes on without it."""

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
        return self.baseline or (self.saw_ids and self.until is None)

    def complete_until(self) -> datetime | None:
        """Once it is finished: the moment up to which the warehouse holds everything, None if it
        does not tell.
        """
        if not self.moves or self.started_at is None:
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
        """Where each list is read on once this walk is finished.

        The mark of a list moves only with rows that the list itself returned. A list that was
        refused, or empty by mistake, is therefore read again from where it was.

        Args:
            known: The marks before this walk.
            paths: The lists that this walk reads.

        Returns:
            By path the newest change that the list has returned; None: read it from its start.
        """
        return {path: self._mark_after(known, path) for path in paths}

    def omitted_after(self, known: Iterable[str]) -> tuple[str, ...]:
        """The fields that some rows lack once this walk is finished, `known` before it."""
        return self.omitted if self.baseline else tuple(sorted({*known, *self.omitted}))

    def _mark_after(self, known: Mapping[str, datetime | None], path: str) -> datetime | None:
        start, newest = self.start_of(path), self.newest.get(path)
        before = known.get(path, start)
        if path in self.refused or newest is None:
            again = self.baseline or (path in self.refused and not self.moves)
            return earliest(before, start) if again else before
        if not self.moves:
            return before
        return newest if self.baseline or before is None else max(before, newest)

    def __str__(self) -> str:
        """For people: what this walk reads."""
        if self.window:
            return f"{'history since ' if self.baseline else ''}{self.window}"
        return "complete history"

    def to_json(self) -> str:
        """For the ledger."""
        return json.dumps(asdict(self), default=datetime.isoformat)

    @classmethod
    def from_json(cls, text: str) -> "Walk":
        """Back from the ledger."""
        facts = json.loads(text)
        for name in ("since", "until", "started_at"):
            facts[name] = _moment(facts[name])
        for name in ("lists", "newest"):
            facts[name] = lists_from_json(facts.get(name, {}))
        for name in ("omitted", "doubtful"):
            facts[name] = tuple(facts.get(name, ()))
        return cls(**facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the ledger holds of an entity."""

    baseline_at: datetime | None = None
    complete_until: datetime | None = None
    ids_until: int | None = None
    """Every row up to this id was listed once; None where ids are no numbers."""

    lists: Mapping[str, datetime | None] = field(default_factory=dict)
    """By path, the newest change that each list has returned; None: it never returned a row, so it
    is read from its start. A list without an entry goes by `Held.newest`."""

    omitted: tuple[str, ...] = ()
    """Fields that some rows were loaded without, because Pipedrive refused them."""

    walk: Walk | None = None
    """A walk that was begun and not finished."""

    def during(self, walk: Walk | None, omitted: Iterable[str]) -> "Coverage":
        """The coverage after a chunk: the position, and the fields that some rows lack."""
        names = tuple(sorted({*self.omitted, *omitted}))
        return replace(self, walk=walk or self.walk, omitted=names)

    def after(self, walk: Walk, paths: Iterable[str], held: "Held", now: datetime) -> "Coverage":
        """The coverage once a walk over the lists `paths` is finished and the table is `held`."""
        moments = [self.complete_until, walk.complete_until()]
        return Coverage(
            ids_until=held.highest_id if walk.saw_newest_ids else self.ids_until,
            lists=walk.lists_after(self.lists, paths),
            omitted=walk.omitted_after(self.omitted),
            baseline_at=(self.baseline_at or now) if walk.moves else self.baseline_at,
            complete_until=max(filter(None, moments), default=None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the table itself tells: its newest change and its highest id."""

    newest: datetime | None = None
    highest_id: int | None = None


def plan(  # noqa: PLR0913 - the facts that a plan rests on
    coverage: Coverage,
    window: Window,
    *,
    held: Held,
    overlap: timedelta,
    since: datetime | None = None,
    full: bool = False,
    omitted: tuple[str, ...] = (),
) -> Walk:
    """The walk that makes `window` complete, resuming an unfinished one that is the same.

    A window never starts later than the table's newest change, so that a clock that runs ahead
    of the account's changes loses nothing; each list has its own newest change, so that one that
    was refused or empty by mistake is read again from where it was. `since` limits the baseline. A
    table that holds no change at all is read whole, and so is one whose rows were loaded without
    fields that are no longer `omitted`.
    """
    full = full or bool(set(coverage.omitted) - set(omitted))
    wanted = _wanted(coverage, window, held=held, overlap=overlap, since=since, full=full)
    wanted = replace(wanted, omitted=omitted)
    begun = coverage.walk
    return begun if begun and _continues(begun, wanted) else wanted


def _wanted(  # noqa: PLR0913 - the facts that a plan rests on
    coverage: Coverage,
    window: Window,
    *,
    held: Held,
    overlap: timedelta,
    since: datetime | None,
    full: bool,
) -> Walk:
    known = coverage.complete_until
    if full or not coverage.baseline_at or known is None or held.newest is None:
        return Walk(baseline=True, moves=True, since=since)
    if window.end and window.end <= known:
        return Walk(baseline=False, moves=False, since=window.start, until=window.end)
    start = _start(window, min(known, held.newest), overlap)
    starts = {
        path: _start(window, min(known, newest), overlap) if newest else since
        for path, newest in coverage.lists.items()
    }
    return Walk(
        baseline=False,
        moves=True,
        since=start,
        until=window.end,
        above_id=coverage.ids_until,
        lists={path: each for path, each in starts.items() if each != start},
    )


def _start(window: Window, reached: datetime, overlap: timedelta) -> datetime:
    """From when a list is read; a window with an end is read as a whole."""
    start = earlier(reached, overlap)
    return min(start, window.start) if window.end else start


def _continues(begun: Walk, wanted: Walk) -> bool:
    """Whether finishing `begun` also does what is wanted.

    A window that began earlier covers one that begins later.
    """
    same = ("baseline", "moves", "until", "omitted")
    if any(getattr(begun, name) != getattr(wanted, name) for name in same):
        return False
    if begun.baseline or begun.since is None or wanted.since is None:
        return begun.since == wanted.since
    return begun.since <= wanted.since and all(
        earliest(begun.start_of(path), wanted.start_of(path)) == begun.start_of(path)
        for path in {*begun.lists, *wanted.lists}
    )


def restarted(walk: Walk) -> Walk:
    """The same walk from its first page."""
    return replace(
        walk,
        started_at=None,
        listing=0,
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
