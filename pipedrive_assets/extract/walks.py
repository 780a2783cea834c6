"""Reading windowed entities: from a plan to chunks of rows, each of which can be committed by
itself.

No warehouse in here.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from pipedrive_assets.api import Answer, Client, Tally
from pipedrive_assets.errors import BadRequest, PageMarkerExpired, PipedriveError, Refused
from pipedrive_assets.extract.chunk import Chunk, Row
from pipedrive_assets.extract.list_ends import EndCheck, moment_of
from pipedrive_assets.extract.list_pages import (
    RESTARTS,
    Params,
    RowsMoved,
    check_not_gone,
    never_stands_still,
    pages,
)
from pipedrive_assets.extract.omitted_fields import fewer_fields
from pipedrive_assets.extract.plan import Walk, restarted
from pipedrive_assets.registry import Entity, Kind, Listing
from pipedrive_assets.windows import Window

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
    look: Literal["list", "moved back", "newest ids"] = "list"
    """What it is for: reading one of the lists, or a second look at the first one."""


def read_windowed(
    client: Client, entity: Entity, walk: Walk, tally: Tally, *, chunk_pages: int = CHUNK_PAGES
) -> Iterator[Chunk]:
    """Follow a walk from its position to its end.

    An expired page marker restarts it, once. A list other than the first that Pipedrive refuses is
    left out: `walk.refused` names it, and nothing may be concluded from the rows it would show.

    Raises:
        PipedriveError: The first list failed; chunks read before are complete.
    """
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
            if answer is None:
                continue
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
    return Chunk(
        rows=[(None, row) for row in rows],
        walk=walk,
        read_at=read_at,
        refused=walk.refused,
        doubtful=walk.doubtful,
        omitted=walk.omitted,
        complete=walk.baseline,
    )


def _positions(
    client: Client, entity: Entity, walk: Walk, tally: Tally
) -> Iterator[tuple[Answer | None, Stage, Walk]]:
    """Every page of the walk, with the position after it (no page: the list was refused); a list
    whose rows moved between its pages is walked again from its start.
    """
    starts = 0
    asked: dict[int, tuple[str, ...]] = {}
    restarted: RowsMoved | None = None
    while walk.listing < len(stages := _stages(entity.without_fields(walk.omitted), walk)):
        stage = stages[walk.listing]
        if stage is None:
            walk = replace(walk, listing=walk.listing + 1)
            continue
        try:
            for answer in _pages(client, entity, stage, walk, tally):
                check_not_gone(answer, restarted, stage.listing)
                restarted = None
                walk = _after(entity, walk, stage, answer)
                yield answer, stage, walk
                if walk.marker is None:
                    break
        except RowsMoved as moved:
            starts += 1
            if starts == RESTARTS:
                raise never_stands_still(stage.listing, moved) from moved
            restarted = moved
            walk = replace(walk, marker=None)
        except (Refused, BadRequest) as refusal:
            fewer = fewer_fields(entity, walk.omitted, refusal) if walk.marker is None else None
            if fewer:
                asked.setdefault(walk.listing, walk.omitted)
                walk = replace(walk, omitted=fewer)
                log.warning("%s: asking without %s: %s", entity.name, ", ".join(fewer), refusal)
                continue
            if stage.listing.path == entity.path:
                raise
            walk = replace(walk, omitted=asked.get(walk.listing, walk.omitted))
            walk = _without_list(entity, walk, stage.listing, refusal)
            yield None, stage, walk


def _pages(
    client: Client, entity: Entity, stage: Stage, walk: Walk, tally: Tally
) -> Iterator[Answer]:
    """The pages of one list from the walk's position, its end being checked."""
    end = EndCheck(began=walk.started_at, is_from_start=walk.marker is None)
    what = (client, entity, stage.listing, tally)
    for answer in pages(*what, params=stage.params, marker=walk.marker, null_is_empty=True):
        end.note(answer)
        if answer.page.ends_empty and stage.look == "list":
            end.check(*what, params=stage.params, keep=stage.keep)
        yield answer


def _without_list(
    entity: Entity, walk: Walk, listing: Listing, refusal: Refused | BadRequest
) -> Walk:
    """The position behind a list that Pipedrive refuses."""
    log.warning("%s: /%s is not read: %s", entity.name, listing.path, refusal)
    reason = refusal.quote or f"status {refusal.status}"
    refused = {**walk.refused, listing.path: reason}
    return replace(walk, listing=walk.listing + 1, marker=None, refused=refused)


def first_page(entity: Entity, listing: Listing) -> Params:
    """The parameters with which a first load asks for the first page of a list."""
    if entity.kind is Kind.WINDOWED:
        return _list_stage(entity, listing, None).params
    return (*entity.params, *entity.variants[0])


def _after(entity: Entity, walk: Walk, stage: Stage, answer: Answer) -> Walk:
    """The position after a page."""
    over = answer.page.marker is None or stage.ends(answer.page.rows)
    path, rows = stage.listing.path, answer.page.rows
    changes = [walk.newest.get(path), *(_change(entity, row) for row in rows)]
    newest = max(filter(None, changes), default=None) if stage.look == "list" else None
    return replace(
        walk,
        newest={**walk.newest, path: newest} if newest else walk.newest,
        saw_ids=_saw_ids(walk, stage, answer),
        doubtful=(*walk.doubtful, path) if answer.page.is_null else walk.doubtful,
        started_at=walk.started_at or answer.read_at,
        listing=walk.listing + 1 if over else walk.listing,
        marker=None if over else answer.page.marker,
        pages=walk.pages + 1,
    )


def _saw_ids(walk: Walk, stage: Stage, answer: Answer) -> bool:
    """Whether the look at the newest ids has come as far as it had to."""
    if stage.look != "newest ids":
        return walk.saw_ids
    return not answer.page.ends_empty and (walk.saw_ids or bool(answer.page.rows))


def _stages(entity: Entity, walk: Walk) -> list[Stage | None]:
    """The lists of a walk in their order, the last two only where they are needed (None: not)."""
    lists = [
        _list_stage(entity, listing, walk.window_of(listing.path)) for listing in entity.listings
    ]
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
    return replace(_list_stage(entity, entity.listings[0], window), look="moved back")


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
        look="newest ids",
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
    return moment_of(row.get(entity.cursor or ""))


def _sorted(entity: Entity, column: str, direction: str) -> Params:
    """The sorting parameters of either API version."""
    if entity.paging == "offset":
        return (("sort", f"{column} {direction.upper()}"),)
    return (("sort_by", column), ("sort_direction", direction))
