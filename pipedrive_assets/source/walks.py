"""Reading: from a plan to chunks of rows, each of which can be committed by itself.

No warehouse in here.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipedrive_assets.api import Answer, Client, Tally
from pipedrive_assets.entities import Entity, Listing
from pipedrive_assets.errors import PageMarkerExpired, PipedriveError, Refused
from pipedrive_assets.source.ledger import ChildrenRead, Parent
from pipedrive_assets.source.plan import Walk, restarted
from pipedrive_assets.windows import Window, parse_stamp, utc_now

log = logging.getLogger(__name__)

CHUNK_PAGES = 10
"""Pages between two commits: what a killed run spends twice, at most."""

CHUNK_CALLS = 100
"""Child calls between two commits."""

CHILD_THREADS = 8
REFUSALS = 4
"""So many refusals and not one answer: it is not the parents that are missing, the endpoint is
closed."""

Row = dict[str, Any]


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
    """Parents that refused: what is held of them stays, and they are not asked again until they
    change."""

    whole: bool = False
    """Whether the rows are everything that a snapshot lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One list of a walk with its parameters; `keep` says which rows belong, `ends` after which
    page it is over.
    """

    listing: Listing
    params: tuple[tuple[str, str], ...]
    keep: Callable[[Row], bool] = lambda _row: True
    ends: Callable[[Sequence[Row]], bool] = lambda _rows: False


def read_windowed(client: Client, entity: Entity, walk: Walk, tally: Tally) -> Iterator[Chunk]:
    """Follow a walk from where it stands to its end; an expired page marker restarts it, once."""
    try:
        yield from _follow(client, entity, walk, tally)
    except PageMarkerExpired:
        log.warning(
            "%s: Pipedrive no longer knows the page marker; walking it again from the start",
            entity.name,
        )
        yield from _follow(client, entity, restarted(walk), tally)


def _follow(client: Client, entity: Entity, walk: Walk, tally: Tally) -> Iterator[Chunk]:
    gathered: list[Row] = []
    fresh_pages = 0
    try:
        for answer, stage, position in _positions(client, entity, walk, tally):
            walk = position
            gathered += filter(stage.keep, answer.page.rows)
            fresh_pages += 1
            if fresh_pages == CHUNK_PAGES:
                yield _chunk(gathered, walk, answer.read_at)
                gathered, fresh_pages = [], 0
    except PipedriveError:
        if gathered:
            yield _chunk(gathered, walk, None)
        raise
    yield _chunk(gathered, walk, None)


def _chunk(rows: list[Row], walk: Walk, read_at: datetime | None) -> Chunk:
    return Chunk(rows=[(None, row) for row in rows], walk=walk, read_at=read_at)


def _positions(
    client: Client, entity: Entity, walk: Walk, tally: Tally
) -> Iterator[tuple[Answer, Stage, Walk]]:
    """Every page of the walk, with the position after it."""
    while walk.listing < len(stages := _stages(entity, walk)):
        stage = stages[walk.listing]
        if stage is None:
            walk = replace(walk, listing=walk.listing + 1)
            continue
        for answer in client.pages(
            stage.listing.path,
            cost=stage.listing.cost,
            paging=entity.paging,
            page_rows=entity.page_rows,
            params=stage.params,
            marker=walk.marker,
            tally=tally,
        ):
            over = answer.page.marker is None or stage.ends(answer.page.rows)
            walk = replace(
                walk,
                started_at=walk.started_at or answer.read_at,
                listing=walk.listing + 1 if over else walk.listing,
                marker=None if over else answer.page.marker,
                pages=walk.pages + 1,
            )
            yield answer, stage, walk
            if over:
                break


def _stages(entity: Entity, walk: Walk) -> list[Stage | None]:
    """The lists of a walk in their order, the last two only where they are needed (None: not)."""
    lists = [_list_stage(entity, listing, walk) for listing in entity.listings]
    return [*lists, _moved_back_stage(entity, walk), _newest_stage(entity, walk)]


def _moved_back_stage(entity: Entity, walk: Walk) -> Stage | None:
    """Rows that left the archive while it was read; only a walk of several pages leaves the time
    for that.
    """
    if not (
        entity.archived and walk.started_at and walk.moves and walk.pages > len(entity.listings)
    ):
        return None
    window = Window(start=walk.started_at, end=walk.until)
    return Stage(listing=entity.listings[0], params=_params(entity, window))


def _newest_stage(entity: Entity, walk: Walk) -> Stage | None:
    """Rows that no window shows because they have no `update_time`: the newest ids, down to one
    already held.
    """
    above_id = walk.above_id
    if above_id is None or walk.until:
        return None
    params = (*entity.params, ("sort_by", "id"), ("sort_direction", "desc"))
    return Stage(
        listing=entity.listings[0],
        params=params,
        ends=lambda rows: any(row["id"] <= above_id for row in rows),
    )


def _list_stage(entity: Entity, listing: Listing, walk: Walk) -> Stage:
    window = walk.window
    if window is None or window.end is None or entity.until:
        return Stage(listing=listing, params=_params(entity, window))
    cursor, bound = entity.cursor or "", window

    def within(row: Row) -> bool:
        moment = row.get(cursor)
        return isinstance(moment, str) and bool(moment) and parse_stamp(moment) in bound

    def beyond(rows: Sequence[Row]) -> bool:
        return any(row.get(cursor) and not within(row) for row in rows)

    return Stage(listing=listing, params=_params(entity, window), keep=within, ends=beyond)


def _params(entity: Entity, window: Window | None) -> tuple[tuple[str, str], ...]:
    """Ascending always: a row edited in mid-walk then moves ahead of the walk, where it is read
    again.
    """
    if window is None:
        return (*entity.params, ("sort_by", "id"), ("sort_direction", "asc"))
    bounds = window.params(until=entity.until)
    return (*entity.params, *bounds, ("sort_by", entity.cursor or "id"), ("sort_direction", "asc"))


def read_snapshot(client: Client, entity: Entity, tally: Tally) -> Iterator[Chunk]:
    """Everything a small list holds, in one chunk."""
    rows: list[Row] = []
    read_at = None
    for answer in client.pages(
        entity.path,
        cost=entity.cost,
        paging=entity.paging,
        page_rows=entity.page_rows,
        params=entity.params,
        tally=tally,
    ):
        rows += answer.page.rows
        read_at = read_at or answer.read_at
    yield Chunk(rows=[(None, row) for row in rows], read_at=read_at, whole=True)


def read_children(
    client: Client, entity: Entity, parents: Sequence[Parent], tally: Tally
) -> Iterator[Chunk]:
    """The children of each parent, several parents at a time, most recent parent first.

    A parent that vanished since it was listed is skipped. Raises the refusal where every parent
    is refused.
    """
    rows: list[tuple[int | None, Row]] = []
    reads: list[ChildrenRead] = []
    skipped: list[ChildrenRead] = []
    answered = 0
    try:
        for parent, outcome in _side_by_side(client, entity, parents, tally):
            if isinstance(outcome, Refused):
                log.info("%s of %s %s: %s", entity.name, entity.parent, parent.id, outcome)
                skipped.append(ChildrenRead(parent=parent, read_at=utc_now()))
                if len(skipped) >= REFUSALS and not answered:
                    raise outcome
                continue
            answered += 1
            rows += [(parent.id, row) for row in outcome[0]]
            reads.append(ChildrenRead(parent=parent, read_at=outcome[1]))
            if len(reads) == CHUNK_CALLS:
                yield Chunk(rows=rows, reads=reads)
                rows, reads = [], []
    except PipedriveError:
        if reads:
            yield Chunk(rows=rows, reads=reads)
        raise
    yield Chunk(rows=rows, reads=reads, skipped=skipped)


Outcome = tuple[list[Row], datetime] | Refused


def _side_by_side(
    client: Client, entity: Entity, parents: Sequence[Parent], tally: Tally
) -> Iterator[tuple[Parent, Outcome]]:
    """Outcomes as they come in, never many calls ahead of whoever takes them.

    When one fails, the calls under way are still taken (they are paid for) before the failure
    is raised.
    """
    waiting = iter(parents)
    failure: PipedriveError | None = None
    running: dict[Future[Outcome], Parent] = {}
    with ThreadPoolExecutor(CHILD_THREADS, thread_name_prefix=entity.name) as pool:
        try:
            while True:
                while (
                    not failure and len(running) < CHILD_THREADS and (parent := next(waiting, None))
                ):
                    running[pool.submit(_read_one, client, entity, parent, tally)] = parent
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    parent = running.pop(future)
                    try:
                        outcome = future.result()
                    except PipedriveError as error:
                        failure = failure or error
                        continue
                    yield parent, outcome
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    if failure:
        raise failure


def _read_one(client: Client, entity: Entity, parent: Parent, tally: Tally) -> Outcome:
    rows: list[Row] = []
    read_at = None
    try:
        for answer in client.pages(
            entity.path.format(id=parent.id),
            cost=entity.cost,
            paging=entity.paging,
            page_rows=entity.page_rows,
            params=entity.params,
            tally=tally,
        ):
            rows += answer.page.rows
            read_at = read_at or answer.read_at
    except Refused as refusal:
        return refusal
    if read_at is None:
        raise AssertionError("a walk has at least one page")
    return rows, read_at
