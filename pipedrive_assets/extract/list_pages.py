"""Read the pages of one list without skipping rows.

In a list with offsets, rows shift when a row is deleted or moved, and the row at a page boundary
can be skipped. Pages therefore overlap by one row. If that row is missing on the next page, the
list has changed and is read again from its start.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from pipedrive_assets.api import Answer, Client, RequestStats
from pipedrive_assets.errors import PageMarkerExpired, TransientApiError
from pipedrive_assets.extract.background import Background
from pipedrive_assets.extract.coerce import coerced_rows
from pipedrive_assets.extract.offset_pages import (
    RESTARTS,
    Params,
    Row,
    RowsMoved,
    border_of,
    next_marker,
    overlapping_pages,
    request_page,
)
from pipedrive_assets.extract.read_ahead import PAGES_AHEAD, ReadAhead
from pipedrive_assets.registry import Endpoint, Entity
from pipedrive_assets.rows.flow import separate_events


def pages(  # noqa: PLR0913 - the properties of a list
    client: Client,
    entity: Entity,
    endpoint: Endpoint,
    stats: RequestStats,
    *,
    params: Params,
    marker: str | None = None,
    null_is_empty: bool = False,
    is_by_id: bool = False,
) -> Iterator[Answer]:
    """Read the pages of a list, with the columns that scans depend on coerced to their types.

    Args:
        client: The client for Pipedrive.
        entity: The table that the list belongs to.
        endpoint: The list.
        stats: Statistics that the requests are added to.
        params: Query parameters.
        marker: Where to start; None for the start of the list.
        null_is_empty: Whether a first page of API v2 is empty if `data` is null twice in a row.
        is_by_id: Whether the list is sorted by id. If it has offsets, pages are then requested
            before their turn.

    Yields:
        Each page in order.

    Raises:
        RowsMoved: The list changed between two pages.
        PageMarkerExpired: Pipedrive no longer accepts the marker.
        DataError: A row has no valid key, or the pagination is looping.
        ApiError: Pipedrive refused a request, or retries were exhausted.
    """
    read = _pages(
        *(client, entity, endpoint, stats, params, marker),
        null_is_empty=null_is_empty,
        ahead=PAGES_AHEAD if is_by_id else 0,
    )
    for answer in read:
        rows = coerced_rows(entity, endpoint.path, answer.page.rows)
        yield replace(answer, page=replace(answer.page, rows=rows))


def _pages(  # noqa: PLR0913, PLR0917 - the properties of a list
    client: Client,
    entity: Entity,
    endpoint: Endpoint,
    stats: RequestStats,
    params: Params,
    marker: str | None,
    *,
    null_is_empty: bool,
    ahead: int,
) -> Iterator[Answer]:
    """Yield pages as Pipedrive sent them.

    If a list that is declared without pages has further pages, they are read with the pagination of
    its reply. A last page is requested twice if nothing shows that it is (`Page.is_open_end`).
    """
    if entity.paging == "none":
        first = request_page(
            client, entity, endpoint, stats, params, "0", null_is_empty=null_is_empty
        )
        marker = first.page.marker
        entity = replace(entity, paging=first.page.paging)
        if marker and entity.paging == "offset":
            shown = [border_of(entity, row) for row in first.page.rows]
            marker = next_marker(entity, 0, shown, first.page)
        yield replace(first, page=replace(first.page, marker=marker))
        if marker is None:
            return
    if entity.paging == "offset":
        at = partial(request_page, client, entity, endpoint, stats, params)
        with Background("read ahead") as background:
            early = ReadAhead(
                lambda offset: at(str(offset), attempts=1),
                background,
                most=ahead,
                has_room=client.pace.has_room,
            )
            yield from overlapping_pages(entity, endpoint, at, early, marker)
        return
    ask = partial(
        client.pages,
        endpoint.path,
        cost=endpoint.tokens_per_page,
        paging=entity.paging,
        page_rows=entity.page_rows,
        params=params,
        stats=stats,
        null_is_empty=null_is_empty,
        data_key=entity.data_key,
    )
    yield from _by_cursor(ask, marker, entity.page_rows)


def _by_cursor(
    ask: Callable[..., Iterator[Answer]], marker: str | None, page_rows: int
) -> Iterator[Answer]:
    for answer in ask(marker=marker):
        if not _is_open_end(answer, marker, page_rows):
            yield answer
            marker = answer.page.marker
            continue
        again = next(ask(marker=marker))
        is_open_end = _is_open_end(again, marker, page_rows)
        yield replace(again, page=replace(again.page, is_open_end=is_open_end))
        if again.page.marker:
            yield from _by_cursor(ask, again.page.marker, page_rows)
        return


def _is_open_end(answer: Answer, marker: str | None, page_rows: int) -> bool:
    """Return whether the list may have more rows, although the reply has no next page."""
    page = answer.page
    if page.marker:
        return False
    is_empty = marker is not None and not page.rows
    is_full = len(page.rows) >= page_rows and not page.has_end_flag
    return is_empty or is_full


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeList:
    """All rows of a list.

    Attributes:
        rows: The rows.
        read_at: When the first page was read (UTC).
        is_doubtful: Whether there may be more rows, because of `data: null` or an uncertain end.
    """

    rows: list[Row]
    read_at: datetime
    is_doubtful: bool = False


def whole_list(
    client: Client, entity: Entity, endpoint: Endpoint, stats: RequestStats, params: Params
) -> tuple[list[Row], datetime]:
    """Read a list from its start to its end.

    Args:
        client: The client for Pipedrive.
        entity: The table that the list belongs to.
        endpoint: The list.
        stats: Statistics that the requests are added to.
        params: Query parameters.

    Returns:
        All rows, and when the first page was read (UTC).

    Raises:
        PageMarkerExpired: Pipedrive refused page markers in every attempt.
        TransientApiError: The list changed during every attempt.
    """
    found = read_whole(client, entity, endpoint, stats, params)
    return found.rows, found.read_at


def read_whole(  # noqa: PLR0913 - the properties of a list
    client: Client,
    entity: Entity,
    endpoint: Endpoint,
    stats: RequestStats,
    params: Params,
    *,
    null_is_empty: bool = False,
) -> WholeList:
    """Read a list from its start to its end.

    A list whose end is not certain is read again, and accepted if both results are equal.

    Args:
        client: The client for Pipedrive.
        entity: The table that the list belongs to.
        endpoint: The list.
        stats: Statistics that the requests are added to.
        params: Query parameters.
        null_is_empty: Whether to accept `data: null` on the first page if it is returned twice.

    Returns:
        All rows, and whether there may be more.

    Raises:
        PageMarkerExpired: Pipedrive refused page markers in every attempt.
        TransientApiError: The list changed during every attempt.
    """
    expired: PageMarkerExpired | None = None
    moved: RowsMoved | None = None
    before: list[str] | None = None
    nulls_asked_again = not null_is_empty
    ask = partial(pages, client, entity, endpoint, stats, params=params)
    for _ in range(RESTARTS):
        try:
            answers = list(ask(null_is_empty=null_is_empty))
        except RowsMoved as found:
            moved = found
            continue
        except PageMarkerExpired as error:
            expired = error
            continue
        check_not_gone(answers[0], moved, endpoint)
        if answers[0].page.is_v1_null and not nulls_asked_again:
            nulls_asked_again = True
            continue
        rows = [row for answer in answers for row in answer.page.rows]
        shown, has_open_end = [border_of(entity, row) for row in rows], answers[-1].page.is_open_end
        if has_open_end and shown != before:
            before = shown
            continue
        if entity.shape == "flow":
            separate_events(rows)
        is_doubtful = has_open_end or answers[0].page.is_null
        return WholeList(rows=rows, read_at=answers[0].read_at, is_doubtful=is_doubtful)
    raise expired or keeps_changing(endpoint, moved)


def check_not_gone(first: Answer, moved: RowsMoved | None, endpoint: Endpoint) -> None:
    """Refuse an empty list if it had rows a moment ago, when it was read before.

    Args:
        first: The first page of the list.
        moved: Why the list is read again; None if it is read for the first time.
        endpoint: The list.

    Raises:
        TransientApiError: The list had rows before and has none now.
    """
    if moved and not first.page.rows:
        raise keeps_changing(endpoint, moved)


def keeps_changing(endpoint: Endpoint, moved: RowsMoved | None) -> TransientApiError:
    """Return the error for a list that changed, or lacked a page, during every attempt."""
    if moved and isinstance(moved.__cause__, TransientApiError):
        return moved.__cause__
    return TransientApiError(
        path=endpoint.path,
        status=200,
        quote=f"the list changed while it was being paged, {RESTARTS} attempts in a row",
        attempts=RESTARTS,
    )
