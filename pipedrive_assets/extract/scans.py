"""Read windowed tables: from a planned scan to chunks of rows that are committed one by one."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

from pipedrive_assets.api import Answer, Client, RequestStats
from pipedrive_assets.errors import BadRequest, PageMarkerExpired, PipedriveError, Refused
from pipedrive_assets.extract.both_ends import Part, read_from_both_ends
from pipedrive_assets.extract.chunk import Chunk, Row
from pipedrive_assets.extract.list_ends import EndCheck, reversed_order
from pipedrive_assets.extract.list_pages import check_not_gone, keeps_changing, pages
from pipedrive_assets.extract.offset_pages import RESTARTS, RowsMoved
from pipedrive_assets.extract.omitted_fields import fewer_fields
from pipedrive_assets.extract.plan import Scan, restarted
from pipedrive_assets.extract.scan_steps import ScanStep, change_of, steps_of
from pipedrive_assets.registry import Endpoint, Entity

log = logging.getLogger(__name__)

CHUNK_PAGES = 10
"""Pages per chunk. A run that is killed between two commits reads at most this many again."""

CHUNK_BYTES = 8_000_000
"""A chunk ends with the page that brings its replies to this size, so that memory does not depend
on the width of rows."""


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
        chunk_pages: Pages per chunk at most; see also `CHUNK_BYTES`.

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
    fresh_pages = fresh_bytes = 0
    try:
        for answer, step, position in _positions(client, entity, scan, stats):
            scan = position
            if answer is None:
                continue
            gathered += filter(step.keep, answer.page.rows)
            fresh_pages += 1
            fresh_bytes += answer.size
            if fresh_pages == chunk_pages or fresh_bytes >= CHUNK_BYTES:
                yield _chunk(gathered, scan, answer.read_at)
                gathered, fresh_pages, fresh_bytes = [], 0, 0
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
    while scan.endpoint_index < len(steps := steps_of(entity.without_fields(scan.omitted), scan)):
        step = steps[scan.endpoint_index]
        if step is None:
            scan = replace(scan, endpoint_index=scan.endpoint_index + 1)
            continue
        try:
            for part in _pages(client, entity, step, scan, stats):
                check_not_gone(part.answer, restarted, step.endpoint)
                restarted = None
                scan = _after(entity, scan, step, part)
                yield part.answer, step, scan
                # At its own end, the list waits for requests that are still running.
                if step.ends(part.answer.page.rows):
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
) -> Iterator[Part]:
    """Yield the pages of one list from the scan's position, and check its end."""
    ask = partial(pages, client, entity, step.endpoint, stats)
    front = _checked(client, entity, step, scan, stats)
    if entity.paging != "cursor" or step.look != "list" or not step.is_by_id:
        yield from (Part(answer=answer) for answer in front)
        return
    yield from read_from_both_ends(
        front,
        lambda marker: ask(params=reversed_order(step.params), marker=marker),
        scan.descent,
        from_start=scan.marker is None,
    )


def _checked(
    client: Client, entity: Entity, step: ScanStep, scan: Scan, stats: RequestStats
) -> Iterator[Answer]:
    end = EndCheck(began=scan.started_at, is_from_start=scan.marker is None)
    what = (client, entity, step.endpoint, stats)
    ask = partial(pages, *what, null_is_empty=True, is_by_id=step.is_by_id)
    for answer in ask(params=step.params, marker=scan.marker):
        end.note(answer)
        if answer.page.is_open_end and step.look == "list":
            end.check(*what, params=step.params, keep=step.keep)
        yield answer


def _without_list(
    entity: Entity, scan: Scan, endpoint: Endpoint, refusal: Refused | BadRequest
) -> Scan:
    """Return the position after a list that Pipedrive refuses."""
    log.warning("%s: skipping /%s: %s", entity.name, endpoint.path, refusal)
    reason = refusal.quote or f"status {refusal.status}"
    refused = {**scan.refused, endpoint.path: reason}
    following = scan.endpoint_index + 1
    return replace(scan, endpoint_index=following, marker=None, descent=None, refused=refused)


def _after(entity: Entity, scan: Scan, step: ScanStep, part: Part) -> Scan:
    """Return the position after a page."""
    answer, descent = part.answer, part.descent
    path, rows = step.endpoint.path, answer.page.rows
    marker = scan.marker if part.is_from_end else answer.page.marker
    over = part.is_last or (not part.is_from_end and (marker is None or step.ends(rows)))
    changes = [scan.newest.get(path), *(change_of(entity, row) for row in rows)]
    newest = max(filter(None, changes), default=None) if step.look == "list" else None
    return replace(
        scan,
        newest={**scan.newest, path: newest} if newest else scan.newest,
        saw_ids=_saw_ids(scan, step, answer),
        doubtful=(*scan.doubtful, path) if answer.page.is_null else scan.doubtful,
        started_at=scan.started_at or answer.read_at,
        endpoint_index=scan.endpoint_index + 1 if over else scan.endpoint_index,
        marker=None if over else marker,
        descent=None if over else descent,
        top_id=scan.ids_until(descent.top) if descent else scan.top_id,
        pages=scan.pages + 1,
    )


def _saw_ids(scan: Scan, step: ScanStep, answer: Answer) -> bool:
    """Return whether the request for the newest ids has returned a row so far."""
    if step.look != "newest ids":
        return scan.saw_ids
    return not answer.page.is_open_end and (scan.saw_ids or bool(answer.page.rows))
