"""Reading windowed entities: from a plan to chunks of rows, each of which can be committed by
itself.

No warehouse in here.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipedrive_assets.api import Answer, Client, Tally
from pipedrive_assets.entities import Entity, Listing
from pipedrive_assets.errors import PageMarkerExpired, PipedriveError
from pipedrive_assets.reading.chunk import Chunk, Row
from pipedrive_assets.reading.list_pages import (
    RESTARTS,
    Params,
    RowsMoved,
    check_not_gone,
    never_stands_still,
    pages,
)
from pipedrive_assets.reading.plan import Walk, restarted
from pipedrive_assets.windows import Window, parse_stamp

log = logging.getLogger(__name__)

CHUNK_PAGES = 10
"""Pages between two commits: what a killed run spends twice, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One list of a walk with its parameters; `keep` says which rows belong, `ends` after which
    page it is over.
    """

    listing: Listing
    params: Params
    keep: Callable[[Row], bool] = lambda _row: True
    ends: Callable[[Sequence[Row]], bool] = lambda _rows: False


def read_windowed(
    client: Client, entity: Entity, walk: Walk, tally: Tally, *, chunk_pages: int = CHUNK_PAGES
) -> Iterator[Chunk]:
    """Follow a walk from where it stands to its end; an expired page marker restarts it, once."""
    try:
        yield from _follow(client, entity, walk, tally, chunk_pages)
    except PageMarkerExpired:
        log.warning(
            "%s: Pipedrive no longer knows the page marker; walking it again from the start",
            entity.name,
        )
        yield from _follow(client, entity, restarted(walk), tally, chunk_pages)


def _follow(
    client: Client, entity: Entity, walk: Walk, tally: Tally, chunk_pages: int
) -> Iterator[Chunk]:
    gathered: list[Row] = []
    fresh_pages = 0
    try:
        for answer, stage, position in _positions(client, entity, walk, tally):
            walk = position
            gathered += filter(stage.keep, answer.page.rows)
            fresh_pages += 1
            if fresh_pages == chunk_pages:
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
    """Every page of the walk, with the position after it; a list whose rows moved between its pages
    is walked again from its start.
    """
    starts = 0
    restarted: RowsMoved | None = None
    while walk.listing < len(stages := _stages(entity, walk)):
        stage = stages[walk.listing]
        if stage is None:
            walk = replace(walk, listing=walk.listing + 1)
            continue
        try:
            for answer in pages(
                client, entity, stage.listing, tally, params=stage.params, marker=walk.marker
            ):
                check_not_gone(answer, restarted, stage.listing)
                restarted = None
                walk = _after(walk, stage, answer)
                yield answer, stage, walk
                if walk.marker is None:
                    break
        except RowsMoved as moved:
            starts += 1
            if starts == RESTARTS:
                raise never_stands_still(stage.listing, moved) from moved
            restarted = moved
            walk = replace(walk, marker=None)


def _after(walk: Walk, stage: Stage, answer: Answer) -> Walk:
    """The position after a page."""
    over = answer.page.marker is None or stage.ends(answer.page.rows)
    return replace(
        walk,
        started_at=walk.started_at or answer.read_at,
        listing=walk.listing + 1 if over else walk.listing,
        marker=None if over else answer.page.marker,
        pages=walk.pages + 1,
    )


def _stages(entity: Entity, walk: Walk) -> list[Stage | None]:
    """The lists of a walk in their order, the last two only where they are needed (None: not)."""
    lists = [_list_stage(entity, listing, walk.window) for listing in entity.listings]
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
    return _list_stage(entity, entity.listings[0], window)


def _newest_stage(entity: Entity, walk: Walk) -> Stage | None:
    """Rows that no window shows because they have no `update_time`: the newest ids, down to one
    already held.
    """
    above_id = walk.above_id
    if above_id is None or walk.until:
        return None
    return Stage(
        listing=entity.listings[0],
        params=(*entity.params, *_sorted(entity, "id", "desc")),
        keep=lambda row: row["id"] > above_id,
        ends=lambda rows: any(row["id"] <= above_id for row in rows),
    )


def _list_stage(entity: Entity, listing: Listing, window: Window | None) -> Stage:
    """Sorted so that an edit in mid-walk never moves a row behind the walk unread.

    By cursor pages: ascending by change, where an edited row moves ahead. By offset, where every
    move shifts the pages: by id.
    """
    if window is None:
        return Stage(listing=listing, params=(*entity.params, *_sorted(entity, "id", "asc")))
    if not listing.since:
        return _newest_change_first(entity, listing, window)
    column = "id" if entity.paging == "offset" else entity.cursor or "id"
    bounds = window.params(until=entity.until)
    params = (*entity.params, *bounds, *_sorted(entity, column, "asc"))
    if window.end is None or entity.until:
        return Stage(listing=listing, params=params)
    keep, end = _within(entity, window), window.end
    over = _any_change(entity, lambda moment: moment >= end)
    ends = (lambda _rows: False) if column == "id" else over
    return Stage(listing=listing, params=params, keep=keep, ends=ends)


def _newest_change_first(entity: Entity, listing: Listing, window: Window) -> Stage:
    """A list that takes no `updated_since` is read down to the first row that is too old."""
    return Stage(
        listing=listing,
        params=(*entity.params, *_sorted(entity, entity.cursor or "id", "desc")),
        keep=_within(entity, window),
        ends=_any_change(entity, lambda moment: moment < window.start),
    )


def _within(entity: Entity, window: Window) -> Callable[[Row], bool]:
    return lambda row: (moment := _change(entity, row)) is not None and moment in window


def _any_change(
    entity: Entity, test: Callable[[datetime], bool]
) -> Callable[[Sequence[Row]], bool]:
    return lambda rows: any(
        test(moment) for row in rows if (moment := _change(entity, row)) is not None
    )


def _change(entity: Entity, row: Row) -> datetime | None:
    moment = row.get(entity.cursor or "")
    return parse_stamp(moment) if isinstance(moment, str) and moment else None


def _sorted(entity: Entity, column: str, direction: str) -> Params:
    """The sorting parameters of either API version."""
    if entity.paging == "offset":
        return (("sort", f"{column} {direction.upper()}"),)
    return (("sort_by", column), ("sort_direction", direction))
