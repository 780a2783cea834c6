"""Pages of one list, so that none of its rows is passed over.

A list read by offset shifts when a row leaves it or moves in it, and the row at the page border is
then never shown. Its pages therefore overlap by one row; where that row is not on the next page,
something moved, and the list is read again from its start.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from pipedrive_assets.api import Answer, Client, Tally, in_a_circle
from pipedrive_assets.api.paging import Page
from pipedrive_assets.entities import Entity, Listing
from pipedrive_assets.errors import (
    PageMarkerExpired,
    PipedriveNull200Error,
    TransientApiError,
)
from pipedrive_assets.rows.fingerprint import fingerprint

RESTARTS = 5
"""How often a list is read from its start before it counts as never standing still."""

Row = dict[str, Any]
Params = tuple[tuple[str, str], ...]


class RowsMoved(Exception):
    """The row at a page border is not where it was: rows may have been passed over."""


def pages(  # noqa: PLR0913 - what a list is
    client: Client,
    entity: Entity,
    listing: Listing,
    tally: Tally,
    *,
    params: Params,
    marker: str | None = None,
) -> Iterator[Answer]:
    """Walk a list from `marker` (None: its start) to its end; raises RowsMoved."""
    if entity.paging == "offset":
        yield from _overlapping(client, entity, listing, tally, params, marker)
        return
    yield from client.pages(
        listing.path,
        cost=listing.cost,
        paging=entity.paging,
        page_rows=entity.page_rows,
        params=params,
        marker=marker,
        tally=tally,
    )


def whole_list(
    client: Client, entity: Entity, listing: Listing, tally: Tally, params: Params
) -> tuple[list[Row], datetime]:
    """Every row of a list, and when its first page was read.

    Raises PageMarkerExpired where page markers are refused however often it is read anew.
    """
    expired: PageMarkerExpired | None = None
    moved: RowsMoved | None = None
    for _ in range(RESTARTS):
        try:
            answers = list(pages(client, entity, listing, tally, params=params))
        except RowsMoved as found:
            moved = found
            continue
        except PageMarkerExpired as error:
            expired = error
            continue
        check_not_gone(answers[0], moved, listing)
        return [row for answer in answers for row in answer.page.rows], answers[0].read_at
    raise expired or never_stands_still(listing, moved)


def check_not_gone(first: Answer, moved: RowsMoved | None, listing: Listing) -> None:
    """Raise where a list that had rows shows none when it is read again: it has not become empty,
    it fails.
    """
    if moved and not first.page.rows:
        raise never_stands_still(listing, moved)


def never_stands_still(listing: Listing, moved: RowsMoved | None) -> TransientApiError:
    """The error for a list whose rows move whenever it is read, or that lacks a page every time."""
    if moved and isinstance(moved.__cause__, TransientApiError):
        return moved.__cause__
    return TransientApiError(
        path=listing.path,
        status=200,
        quote="rows left the list between its pages, every time",
        attempts=RESTARTS,
    )


def _overlapping(  # noqa: PLR0913, PLR0917 - what a list is
    client: Client,
    entity: Entity,
    listing: Listing,
    tally: Tally,
    params: Params,
    marker: str | None,
) -> Iterator[Answer]:
    """The marker is the offset, and after an @ the row that stood there.

    A page may come again where rows were put before it meanwhile; where it comes time after time,
    the offset is not heeded, the list would never end, and DataError is raised.
    """
    last_rows: list[Row] = []
    repeated = 0
    while True:
        start, _, border = (marker or "0").partition("@")
        answer = _page(client, entity, listing, tally, params, start)
        rows = answer.page.rows
        if border and all(border_of(row) != border for row in rows):
            raise RowsMoved
        repeated = repeated + 1 if rows == last_rows != [] else 0
        if repeated == RESTARTS:
            raise in_a_circle(listing.path)
        last_rows = rows
        # Where nothing tells of further pages, a page of only the row that was there is the end.
        over = bool(border) and len(rows) == 1 and not answer.page.is_told
        marker = None if over else _following(int(start), rows, answer.page)
        yield replace(answer, page=replace(answer.page, marker=marker))
        if marker is None:
            return


def _page(  # noqa: PLR0913, PLR0917 - what a list is
    client: Client, entity: Entity, listing: Listing, tally: Tally, params: Params, start: str
) -> Answer:
    try:
        return next(
            client.pages(
                listing.path,
                cost=listing.cost,
                paging=entity.paging,
                page_rows=entity.page_rows,
                params=params,
                marker=start if start != "0" else None,
                tally=tally,
            )
        )
    except PipedriveNull200Error as error:
        # Beyond a list that has become shorter, v1 answers `data: null` instead of a page.
        if start != "0":
            raise RowsMoved from error
        raise


def _following(start: int, rows: list[Row], page: Page) -> str | None:
    """The marker of the next page, which begins with the last row of this one.

    A page of one row would come again and again, unless nothing tells of further pages: then that
    is the end.
    """
    if page.marker is None:
        return None
    shared = int(page.marker) - 1
    if start + page.is_told <= shared < start + len(rows):
        return f"{shared}@{border_of(rows[shared - start])}"
    return page.marker


def border_of(row: Row) -> str:
    """What tells a row from its neighbours: its id, else all that it holds."""
    return str(row["id"] if "id" in row else fingerprint(row))
