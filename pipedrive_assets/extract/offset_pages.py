"""Read the pages of a list with offsets, and recognize that it changed between two pages."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pipedrive_assets.api import (
    EMPTY_PAGES,
    Answer,
    Client,
    RequestStats,
    endless_pages,
    looping_pagination,
)
from pipedrive_assets.api.calls import ATTEMPTS
from pipedrive_assets.api.paging import Page
from pipedrive_assets.errors import PipedriveNull200Error
from pipedrive_assets.extract.read_ahead import ReadAhead
from pipedrive_assets.registry import Endpoint, Entity
from pipedrive_assets.rows.child import record_in
from pipedrive_assets.rows.fingerprint import fingerprint
from pipedrive_assets.rows.flow import event_key

RESTARTS = 5
"""How often a list that changes while it is read is read from its start, before it is an error."""

Row = dict[str, Any]
Params = tuple[tuple[str, str], ...]


class RowsMoved(Exception):
    """The list changed between two pages, so rows may have been skipped."""


def overlapping_pages(
    entity: Entity,
    endpoint: Endpoint,
    ask: Callable[[str], Answer],
    ahead: ReadAhead,
    marker: str | None,
) -> Iterator[Answer]:
    """Read overlapping pages; a marker is an offset, followed by `@` and the row at that offset.

    A page can be returned twice if rows were inserted before it.

    Args:
        entity: The table that the list belongs to.
        endpoint: The list.
        ask: Requests the page at an offset.
        ahead: Pages that were requested before their turn.
        marker: Where to start; None for the start of the list.

    Yields:
        Each page in order.

    Raises:
        RowsMoved: The list changed between two pages.
        DataError: The same page is returned again and again (Pipedrive ignores the offset), or
            pages without rows.
    """
    last_shown: list[str] = []
    repeated = empty = 0
    while True:
        start, _, border = (marker or "0").partition("@")
        answer = ahead.take(int(start))
        if answer is None or not _has_border(entity, answer, border):
            # A page that was requested before its turn may be older than a change of the list.
            ahead.discard()
            answer = _reached(ask, start)
        if not _has_border(entity, answer, border):
            raise RowsMoved
        rows = answer.page.rows
        shown = [border_of(entity, row) for row in rows]
        repeated = repeated + 1 if shown == last_shown != [] else 0
        if repeated == RESTARTS:
            raise looping_pagination(endpoint.path)
        empty = 0 if shown else empty + 1
        if empty == EMPTY_PAGES and answer.page.marker is not None:
            raise endless_pages(endpoint.path)
        last_shown = shown
        # Without an end flag, a page that has only the overlapping row is the last page.
        over = bool(border) and len(rows) == 1 and not answer.page.has_end_flag
        marker = None if over else next_marker(entity, int(start), shown, answer.page)
        offset, overlap, _ = (marker or "").partition("@")
        if overlap:
            ahead.expect(int(offset), int(offset) - int(start))
        yield replace(answer, page=replace(answer.page, marker=marker))
        if marker is None:
            return


def _has_border(entity: Entity, answer: Answer, border: str) -> bool:
    return not border or border in (border_of(entity, row) for row in answer.page.rows)


def _reached(ask: Callable[[str], Answer], start: str) -> Answer:
    try:
        return ask(start)
    except PipedriveNull200Error as error:
        # If the list has become shorter than the offset, v1 returns `data: null`.
        if start != "0":
            raise RowsMoved from error
        raise


def request_page(  # noqa: PLR0913, PLR0917 - the properties of a list
    client: Client,
    entity: Entity,
    endpoint: Endpoint,
    stats: RequestStats,
    params: Params,
    start: str,
    *,
    null_is_empty: bool = False,
    attempts: int = ATTEMPTS,
) -> Answer:
    """Request one page.

    Args:
        client: The client for Pipedrive.
        entity: The table that the list belongs to.
        endpoint: The list.
        stats: Statistics that the request is added to.
        params: Query parameters.
        start: The offset.
        null_is_empty: Whether a first page of API v2 is empty if `data` is null twice in a row.
        attempts: Attempts before a transient fault becomes an error.

    Returns:
        The page.
    """
    answer = next(
        client.pages(
            endpoint.path,
            cost=endpoint.tokens_per_page,
            paging=entity.paging,
            page_rows=entity.page_rows,
            params=params,
            marker=start if start != "0" else None,
            stats=stats,
            null_is_empty=null_is_empty,
            data_key=entity.data_key,
            attempts=attempts,
        )
    )
    if entity.record_key is None:
        return answer
    rows = [record_in(row, entity.record_key) for row in answer.page.rows]
    return replace(answer, page=replace(answer.page, rows=rows))


def next_marker(entity: Entity, start: int, shown: list[str], page: Page) -> str | None:
    """Return the marker of the next page, which starts with the last row of this page.

    Pages of one row do not overlap, because the same page would be returned again; without an end
    flag they do, and a page of one row is the end. A page can have more rows than its limit:
    Pipedrive can repeat planned activities at the top of each page of a history. The offset is then
    based on the limit.

    Args:
        entity: The table that the list belongs to.
        start: Offset of this page.
        shown: What identifies each of its rows; see `border_of`.
        page: This page.

    Returns:
        The marker; None after the last page.
    """
    if page.marker is None:
        return None
    following = min(int(page.marker), start + entity.page_rows)
    if start + page.has_end_flag < following <= start + len(shown):
        return f"{following - 1}@{shown[-1]}"
    return str(following)


def border_of(entity: Entity, row: Row) -> str:
    """Return a text that identifies a row on two pages of one list.

    The content of a row can change between two pages, so it is used only if there is no id or key.

    Args:
        entity: The entity that the list belongs to.
        row: A row as Pipedrive sent it.

    Returns:
        The row's id, an event's kind and id, the key, or a hash of the row.
    """
    if entity.shape == "flow":
        return event_key(row)
    own = entity.key[1:] if entity.parent or entity.list_per else entity.key
    values = [row.get("id")] if "id" in row else [row.get(name) for name in own]
    return str(fingerprint(row)) if None in values else ":".join(map(str, values))
