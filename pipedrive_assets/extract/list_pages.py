"""Pages of one list, so that none of its rows is passed over.

A list read by offset shifts when a row leaves it or moves in it, and the row at the page border is
then never shown. Its pages therefore overlap by one row; where that row is not on the next page,
something moved, and the list is read again from its start.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from pipedrive_assets.api import Answer, Client, RequestStats, looping_pagination
from pipedrive_assets.api.paging import Page
from pipedrive_assets.errors import PageMarkerExpired, PipedriveNull200Error, TransientApiError
from pipedrive_assets.extract.coerce import coerced_rows
from pipedrive_assets.registry import Endpoint, Entity
from pipedrive_assets.rows.fingerprint import fingerprint
from pipedrive_assets.rows.flow import event_key, separate_events

RESTARTS = 5
"""How often a list is read from its start before it counts as never standing still."""

Row = dict[str, Any]
Params = tuple[tuple[str, str], ...]


class RowsMoved(Exception):
    """The row at a page border is not where it was: rows may have been passed over."""


def pages(  # noqa: PLR0913 - what a list is
    client: Client,
    entity: Entity,
    endpoint: Endpoint,
    stats: RequestStats,
    *,
    params: Params,
    marker: str | None = None,
    null_is_empty: bool = False,
) -> Iterator[Answer]:
    """Scan a list from `marker` (None: its start) to its end; raises RowsMoved.

    The columns of the rows that decisions depend on have their column's type.
    """
    read = _pages(client, entity, endpoint, stats, params, marker, null_is_empty=null_is_empty)
    for answer in read:
        rows = coerced_rows(entity, endpoint.path, answer.page.rows)
        yield replace(answer, page=replace(answer.page, rows=rows))


def _pages(  # noqa: PLR0913, PLR0917 - what a list is
    client: Client,
    entity: Entity,
    endpoint: Endpoint,
    stats: RequestStats,
    params: Params,
    marker: str | None,
    *,
    null_is_empty: bool,
) -> Iterator[Answer]:
    """Pages as Pipedrive sent them.

    A list that is declared without pages is followed by whatever paging its reply has. An empty
    last page that the page before did not announce is asked for twice (`Page.ends_empty`).
    """
    if entity.paging == "none":
        first = _page(client, entity, endpoint, stats, params, "0", null_is_empty=null_is_empty)
        marker = first.page.marker
        entity = replace(entity, paging=first.page.paging)
        if marker and entity.paging == "offset":
            shown = [border_of(entity, row) for row in first.page.rows]
            marker = _following(entity, 0, shown, first.page)
        yield replace(first, page=replace(first.page, marker=marker))
        if marker is None:
            return
    if entity.paging == "offset":
        yield from _overlapping(client, entity, endpoint, stats, params, marker)
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
    yield from _by_cursor(ask, marker)


def _by_cursor(ask: Callable[..., Iterator[Answer]], marker: str | None) -> Iterator[Answer]:
    for answer in ask(marker=marker):
        page = answer.page
        if marker is None or page.rows or page.marker:
            yield answer
            marker = page.marker
            continue
        again = next(ask(marker=marker))
        is_empty = not again.page.rows and again.page.marker is None
        yield replace(again, page=replace(again.page, ends_empty=is_empty))
        if again.page.marker:
            yield from _by_cursor(ask, again.page.marker)
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeList:
    """Every row of a list, and when its first page was read."""

    rows: list[Row]
    read_at: datetime
    is_doubtful: bool = False
    """Whether `data: null` or an empty last page leaves open that there are more rows."""


def whole_list(
    client: Client, entity: Entity, endpoint: Endpoint, stats: RequestStats, params: Params
) -> tuple[list[Row], datetime]:
    """Every row of a list, and when its first page was read.

    Raises PageMarkerExpired where page markers are refused however often it is read anew.
    """
    found = read_whole(client, entity, endpoint, stats, params)
    return found.rows, found.read_at


def read_whole(  # noqa: PLR0913 - what a list is
    client: Client,
    entity: Entity,
    endpoint: Endpoint,
    stats: RequestStats,
    params: Params,
    *,
    null_is_empty: bool = False,
) -> WholeList:
    """Read a list from its start to its end.

    A list that ends with an empty page is read again, and believed where it ends so twice. With
    `null_is_empty`, the same holds for a first page of `data: null`.

    Raises:
        PageMarkerExpired: Page markers are refused however often it is read again.
        TransientApiError: Its rows move, or its end differs, each time it is read.
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
        shown, ends_empty = [border_of(entity, row) for row in rows], answers[-1].page.ends_empty
        if ends_empty and shown != before:
            before = shown
            continue
        if entity.shape == "flow":
            separate_events(rows)
        is_doubtful = ends_empty or answers[0].page.is_null
        return WholeList(rows=rows, read_at=answers[0].read_at, is_doubtful=is_doubtful)
    raise expired or keeps_changing(endpoint, moved)


def check_not_gone(first: Answer, moved: RowsMoved | None, endpoint: Endpoint) -> None:
    """Raise where a list that had rows shows none when it is read again: it has not become empty,
    it fails.
    """
    if moved and not first.page.rows:
        raise keeps_changing(endpoint, moved)


def keeps_changing(endpoint: Endpoint, moved: RowsMoved | None) -> TransientApiError:
    """The error for a list whose rows move whenever it is read, or that lacks a page every time."""
    if moved and isinstance(moved.__cause__, TransientApiError):
        return moved.__cause__
    return TransientApiError(
        path=endpoint.path,
        status=200,
        quote="rows left the list between its pages, every time",
        attempts=RESTARTS,
    )


def _overlapping(  # noqa: PLR0913, PLR0917 - what a list is
    client: Client,
    entity: Entity,
    endpoint: Endpoint,
    stats: RequestStats,
    params: Params,
    marker: str | None,
) -> Iterator[Answer]:
    """The marker is the offset, and after an @ the row that stood there.

    A page may come again where rows were put before it meanwhile; where it comes time after time,
    the offset is not heeded, the list would never end, and DataError is raised.
    """
    last_shown: list[str] = []
    repeated = 0
    while True:
        start, _, border = (marker or "0").partition("@")
        answer = _page(client, entity, endpoint, stats, params, start)
        rows = answer.page.rows
        shown = [border_of(entity, row) for row in rows]
        if border and border not in shown:
            raise RowsMoved
        repeated = repeated + 1 if shown == last_shown != [] else 0
        if repeated == RESTARTS:
            raise looping_pagination(endpoint.path)
        last_shown = shown
        # Where nothing tells of further pages, a page of only the row that was there is the end.
        over = bool(border) and len(rows) == 1 and not answer.page.has_end_flag
        marker = None if over else _following(entity, int(start), shown, answer.page)
        yield replace(answer, page=replace(answer.page, marker=marker))
        if marker is None:
            return


def _page(  # noqa: PLR0913, PLR0917 - what a list is
    client: Client,
    entity: Entity,
    endpoint: Endpoint,
    stats: RequestStats,
    params: Params,
    start: str,
    *,
    null_is_empty: bool = False,
) -> Answer:
    try:
        return next(
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
            )
        )
    except PipedriveNull200Error as error:
        # Beyond a list that has become shorter, v1 answers `data: null` instead of a page.
        if start != "0":
            raise RowsMoved from error
        raise


def _following(entity: Entity, start: int, shown: list[str], page: Page) -> str | None:
    """The marker of the next page, which begins with the last row of this one.

    A page of one row would come again and again, unless nothing tells of further pages: then that
    is the end. A page may have more rows than its limit: Pipedrive may repeat planned activities at
    the top of each page of a history. The offset then counts the limit, not the rows.
    """
    if page.marker is None:
        return None
    following = min(int(page.marker), start + entity.page_rows)
    if start + page.has_end_flag < following <= start + len(shown):
        return f"{following - 1}@{shown[-1]}"
    return str(following)


def border_of(entity: Entity, row: Row) -> str:
    """Return what identifies a row on two pages of one list.

    The content of a row may change between two pages, so it counts only where nothing else does.

    Args:
        entity: The entity that the list belongs to.
        row: A row as Pipedrive sent it.

    Returns:
        The row's id, an event's kind and id, the rest of the key, or else a hash of the row.
    """
    if entity.shape == "flow":
        return event_key(row)
    own = entity.key[1:] if entity.parent or entity.list_per else entity.key
    values = [row.get("id")] if "id" in row else [row.get(name) for name in own]
    return str(fingerprint(row)) if None in values else ":".join(map(str, values))
