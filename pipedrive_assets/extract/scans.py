"""Read windowed tables: from a planned scan to chunks of rows that are committed one by one."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from pipedrive_assets.api import Answer, Client, RequestStats
from pipedrive_assets.errors import BadRequest, PageMarkerExpired, PipedriveError, Refused
from pipedrive_assets.extract.chunk import Chunk, Row
from pipedrive_assets.extract.list_ends import EndCheck, moment_of
from pipedrive_assets.extract.list_pages import (
    RESTARTS,
    Params,
    RowsMoved,
    check_not_gone,
    keeps_changing,
    pages,
)
from pipedrive_assets.extract.omitted_fields import fewer_fields
from pipedrive_assets.extract.plan import Scan, restarted
from pipedrive_assets.registry import Endpoint, Entity, Kind
from pipedrive_assets.windows import Window

log = logging.getLogger(__name__)

CHUNK_PAGES = 10
"""Pages per chunk. A run that is killed between two commits reads at most this many again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanStep:
    """One list of a scan.

    Attributes:
        endpoint: The list.
        params: Query parameters.
        keep: Returns whether a row belongs to the scan.
        ends: Returns whether a page is the last one to read.
        look: The purpose: reading a list, or reading the first list again for rows restored from
            the archive or for the newest ids.
    """

    endpoint: Endpoint
    params: Params
    keep: Callable[[Row], bool] = lambda _row: True
    ends: Callable[[Sequence[Row]], bool] = lambda _rows: False
    look: Literal["list", "moved back", "newest ids"] = "list"


def read_windowed(
    client: Client,
    entity: Entity,
    scan: Scan,
    stats: RequestStats,
    *,
    chunk_pages: int = CHUNK_PAGES,
) -> Iterator[Chunk]:
    """Read a scan from its position to its end.

    An expired page marker restarts the scan once. If Pipedrive refuses one of the further lists,
    the list is skipped and named in `Scan.refused`; rows that are not listed may then exist.

    Args:
        client: The client for Pipedrive.
        entity: The table that is read.
        scan: The scan, at its current position.
        stats: Statistics that the requests are added to.
        chunk_pages: Pages per chunk.

    Yields:
        Chunks to commit one by one, each with the position after it.

    Raises:
        PipedriveError: The first list was refused, or a list failed. Chunks read before are
            yielded first.
    """
    try:
        yield from _follow(client, entity, scan, stats, chunk_pages)
    except PageMarkerExpired:
        log.warning(
            "%s: Pipedrive no longer accepts the page marker; reading again from the start",
            entity.name,
        )
        yield from _follow(client, entity, restarted(scan), stats, chunk_pages)


def _follow(
    client: Client, entity: Entity, scan: Scan, stats: RequestStats, chunk_pages: int
) -> Iterator[Chunk]:
    gathered: list[Row] = []
    fresh_pages = 0
    try:
        for answer, step, position in _positions(client, entity, scan, stats):
            scan = position
            if answer is None:
                continue
            gathered += filter(step.keep, answer.page.rows)
            fresh_pages += 1
            if fresh_pages == chunk_pages:
                yield _chunk(gathered, scan, answer.read_at)
                gathered, fresh_pages = [], 0
    except PipedriveError:
        if gathered:
            yield _chunk(gathered, scan, None)
        raise
    yield _chunk(gathered, scan, None)


def _chunk(rows: list[Row], scan: Scan, read_at: datetime | None) -> Chunk:
    return Chunk(
        rows=[(None, row) for row in rows],
        scan=scan,
        read_at=read_at,
        refused=scan.refused,
        doubtful=scan.doubtful,
        omitted=scan.omitted,
        complete=scan.initial_load,
    )


def _positions(
    client: Client, entity: Entity, scan: Scan, stats: RequestStats
) -> Iterator[tuple[Answer | None, ScanStep, Scan]]:
    """Yield each page with the position after it; the page is None if the list was refused.

    A list that changed between two pages is read again from its start.
    """
    starts = 0
    asked: dict[int, tuple[str, ...]] = {}
    restarted: RowsMoved | None = None
    while scan.endpoint_index < len(steps := _steps(entity.without_fields(scan.omitted), scan)):
        step = steps[scan.endpoint_index]
        if step is None:
            scan = replace(scan, endpoint_index=scan.endpoint_index + 1)
            continue
        try:
            for answer in _pages(client, entity, step, scan, stats):
                check_not_gone(answer, restarted, step.endpoint)
                restarted = None
                scan = _after(entity, scan, step, answer)
                yield answer, step, scan
                if scan.marker is None:
                    break
        except RowsMoved as moved:
            starts += 1
            if starts == RESTARTS:
                raise keeps_changing(step.endpoint, moved) from moved
            restarted = moved
            scan = replace(scan, marker=None)
        except (Refused, BadRequest) as refusal:
            fewer = fewer_fields(entity, scan.omitted, refusal) if scan.marker is None else None
            if fewer:
                asked.setdefault(scan.endpoint_index, scan.omitted)
                scan = replace(scan, omitted=fewer)
                log.warning("%s: requesting without %s: %s", entity.name, ", ".join(fewer), refusal)
                continue
            if step.endpoint.path == entity.path:
                raise
            scan = replace(scan, omitted=asked.get(scan.endpoint_index, scan.omitted))
            scan = _without_list(entity, scan, step.endpoint, refusal)
            yield None, step, scan


def _pages(
    client: Client, entity: Entity, step: ScanStep, scan: Scan, stats: RequestStats
) -> Iterator[Answer]:
    """Yield the pages of one list from the scan's position, and check its end."""
    end = EndCheck(began=scan.started_at, is_from_start=scan.marker is None)
    what = (client, entity, step.endpoint, stats)
    for answer in pages(*what, params=step.params, marker=scan.marker, null_is_empty=True):
        end.note(answer)
        if answer.page.ends_empty and step.look == "list":
            end.check(*what, params=step.params, keep=step.keep)
        yield answer


def _without_list(
    entity: Entity, scan: Scan, endpoint: Endpoint, refusal: Refused | BadRequest
) -> Scan:
    """Return the position after a list that Pipedrive refuses."""
    log.warning("%s: skipping /%s: %s", entity.name, endpoint.path, refusal)
    reason = refusal.quote or f"status {refusal.status}"
    refused = {**scan.refused, endpoint.path: reason}
    return replace(scan, endpoint_index=scan.endpoint_index + 1, marker=None, refused=refused)


def first_page(entity: Entity, endpoint: Endpoint) -> Params:
    """Return the query parameters with which an initial load requests the start of a list."""
    if entity.kind is Kind.WINDOWED:
        return _list_step(entity, endpoint, None).params
    return (*entity.params, *entity.variants[0])


def _after(entity: Entity, scan: Scan, step: ScanStep, answer: Answer) -> Scan:
    """Return the position after a page."""
    over = answer.page.marker is None or step.ends(answer.page.rows)
    path, rows = step.endpoint.path, answer.page.rows
    changes = [scan.newest.get(path), *(_change(entity, row) for row in rows)]
    newest = max(filter(None, changes), default=None) if step.look == "list" else None
    return replace(
        scan,
        newest={**scan.newest, path: newest} if newest else scan.newest,
        saw_ids=_saw_ids(scan, step, answer),
        doubtful=(*scan.doubtful, path) if answer.page.is_null else scan.doubtful,
        started_at=scan.started_at or answer.read_at,
        endpoint_index=scan.endpoint_index + 1 if over else scan.endpoint_index,
        marker=None if over else answer.page.marker,
        pages=scan.pages + 1,
    )


def _saw_ids(scan: Scan, step: ScanStep, answer: Answer) -> bool:
    """Return whether the request for the newest ids has returned a row so far."""
    if step.look != "newest ids":
        return scan.saw_ids
    return not answer.page.ends_empty and (scan.saw_ids or bool(answer.page.rows))


def _steps(entity: Entity, scan: Scan) -> list[ScanStep | None]:
    """Return the steps of a scan in order; the last two are None if they are not needed."""
    lists = [
        _list_step(entity, endpoint, scan.window_of(endpoint.path)) for endpoint in entity.endpoints
    ]
    return [*lists, _moved_back_step(entity, scan), _newest_step(entity, scan)]


def _moved_back_step(entity: Entity, scan: Scan) -> ScanStep | None:
    """Return the step for rows restored from the archive during a scan of several pages."""
    if not (
        entity.archived and scan.started_at and scan.advances and scan.pages > len(entity.endpoints)
    ):
        return None
    window = Window(start=scan.started_at, end=scan.until)
    return replace(_list_step(entity, entity.endpoints[0], window), look="moved back")


def _newest_step(entity: Entity, scan: Scan) -> ScanStep | None:
    """Return the step for new rows without an `update_time`, which are in no window.

    It reads the newest ids in descending order, down to an id that is already loaded.
    """
    above_id = scan.above_id
    if above_id is None or scan.until:
        return None
    return ScanStep(
        endpoint=entity.endpoints[0],
        params=(*entity.params, *_sorted(entity, "id", "desc")),
        keep=lambda row: row["id"] > above_id,
        ends=lambda rows: any(row["id"] <= above_id for row in rows),
        look="newest ids",
    )


def _list_step(entity: Entity, endpoint: Endpoint, window: Window | None) -> ScanStep:
    """Return the step for a list, sorted so that a concurrent edit cannot skip a row.

    Lists with cursors are sorted by update time, so an edited row moves ahead. Lists with offsets
    are sorted by id, because every move would shift the pages.
    """
    if window is None:
        return ScanStep(endpoint=endpoint, params=(*entity.params, *_sorted(entity, "id", "asc")))
    if not endpoint.supports_updated_since:
        return _newest_change_first(entity, endpoint, window)
    column = "id" if entity.paging == "offset" else entity.cursor or "id"
    bounds = window.params(until=entity.supports_updated_until)
    params = (*entity.params, *bounds, *_sorted(entity, column, "asc"))
    if window.end is None or entity.supports_updated_until:
        return ScanStep(endpoint=endpoint, params=params)
    keep, end = _within(entity, window), window.end
    over = _any_change(entity, lambda moment: moment >= end)
    ends = (lambda _rows: False) if column == "id" else over
    return ScanStep(endpoint=endpoint, params=params, keep=keep, ends=ends)


def _newest_change_first(entity: Entity, endpoint: Endpoint, window: Window) -> ScanStep:
    """Return the step for a list without `updated_since`: latest change first, down to `start`."""
    return ScanStep(
        endpoint=endpoint,
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
    """Return the sort parameters of API v1 (offset) or v2."""
    if entity.paging == "offset":
        return (("sort", f"{column} {direction.upper()}"),)
    return (("sort_by", column), ("sort_direction", direction))
