"""Pagination without I/O: the opaque cursor of API v2, the offset of API v1, and their envelopes.

Source: official docs, pagination. A list ends only when the envelope reports its end, never
because a page is short.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from pipedrive_assets.errors import ApiError, DataError, PipedriveNull200Error, TransientApiError
from pipedrive_assets.fault_text import shown

Paging = Literal["cursor", "offset", "none", "record"]


class IncompletePage(Exception):
    """A reply of status 200 without a valid page; retried, then raised as `error`."""

    error: type[ApiError] = TransientApiError

    @classmethod
    def of(cls, data: object, expected: str) -> "IncompletePage":
        """Return the exception for `data` of an unexpected type.

        Args:
            data: The value found.
            expected: What was expected, e.g. `an object`.

        Returns:
            The exception; a null `data` has an error class of its own.
        """
        found = cls(f"data is {shown(data)}, not {expected}")
        found.error = PipedriveNull200Error if data is None else TransientApiError
        return found


EMPTY_PAGES = 1_000
"""After this many consecutive empty pages, a list is an error. A page is empty if all its rows are
hidden from the user, but 1,000 such pages are half a million deals: the list is faulty."""


def looping_pagination(path: str, returned: str = "the same page twice") -> DataError:
    """Return the error for a list whose pages do not end; `returned` is what its replies have."""
    return DataError(
        f"Pagination of /{path} is looping: Pipedrive returned {returned}. Stopped; rows "
        "already loaded are kept. Run again later."
    )


def endless_pages(path: str) -> DataError:
    """Return the error for a list with `EMPTY_PAGES` empty pages in a row."""
    return looping_pagination(path, f"{EMPTY_PAGES:,} empty pages in a row")


def page_params(paging: Paging, page_rows: int, marker: str | None) -> tuple[tuple[str, str], ...]:
    """Return the query parameters of a page.

    Args:
        paging: Pagination of the endpoint.
        page_rows: Rows to request per page.
        marker: Cursor or offset of the page; None for the first page.

    Returns:
        The names and values of the parameters; empty for a list without pages and for a record.
    """
    if paging in {"none", "record"}:
        return ()
    if paging == "offset":
        return (("start", marker or "0"), ("limit", str(page_rows)))
    return (("limit", str(page_rows)), *((("cursor", marker),) if marker else ()))


def read_object(body: dict[str, Any]) -> dict[str, Any]:
    """Read a single object from the JSON body of a reply.

    Args:
        body: The decoded body.

    Returns:
        The object in `data`.

    Raises:
        IncompletePage: `data` is not an object. An empty list is refused as well: PHP encodes an
            empty object that way, and a record needs an id.
    """
    data = body["data"]
    if not isinstance(data, dict):
        raise IncompletePage.of(data, "an object")
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list.

    Attributes:
        rows: The rows as Pipedrive sends them.
        marker: Cursor or offset of the next page; None on the last page.
        has_end_flag: Whether the envelope reports if there are more rows. If not, `marker` is the
            offset where further rows would start, or None in a list with cursors.
        is_v1_null: Whether `data` was null in API v1, which encodes an empty list that way.
        paging: Pagination found in the envelope of a list that is declared without pages.
        is_null: Whether `data` was null in API v2; this does not prove that the list is empty.
        is_open_end: Whether nothing shows that this last page is the last one: it is empty although
            the page before reported more rows, or it is full and the reply has no paging facts.
    """

    rows: list[dict[str, Any]]
    marker: str | None
    has_end_flag: bool = field(default=True, compare=False)
    is_v1_null: bool = field(default=False, compare=False)
    paging: Paging = field(default="none", compare=False)
    is_null: bool = field(default=False, compare=False)
    is_open_end: bool = field(default=False, compare=False)


def read_page(  # noqa: PLR0913 - the properties of a list endpoint
    body: dict[str, Any],
    *,
    paging: Paging,
    marker: str | None,
    page_rows: int,
    v1: bool = False,
    null_is_empty: bool = False,
    data_key: str | None = None,
) -> Page:
    """Read a page from the JSON body of a reply.

    Args:
        body: The decoded body.
        paging: Pagination of the endpoint.
        marker: The marker that was sent; None for the first page.
        page_rows: The number of rows that was requested.
        v1: Whether the endpoint belongs to API v1; needed for v1 lists with a cursor.
        null_is_empty: Whether `data: null` on a first page of API v2 is an empty list, if no
            next page is reported.
        data_key: Key of the list of rows, or of the record, if `data` is an object around it.

    Returns:
        The page. On a first page of API v1, `data: null` is an empty page, except for a record or
        if a next page is reported.

    Raises:
        IncompletePage: `data` is not a list of objects or a record, or the envelope is not valid.
    """
    if paging == "record":
        return Page(rows=[_record(body, data_key)], marker=None)
    page = _page(body, paging, marker, page_rows, v1, null_is_empty, data_key)
    if body.get("data") is None and page.marker is not None:
        # An empty list has no next page. The scan would continue there, without these rows.
        raise IncompletePage.of(None, "a list of rows")
    return page


def _page(  # noqa: PLR0913, PLR0917 - the arguments of `read_page`
    body: dict[str, Any],
    paging: Paging,
    marker: str | None,
    page_rows: int,
    v1: bool,
    null_is_empty: bool,
    data_key: str | None,
) -> Page:
    if data_key and isinstance(body.get("data"), dict):
        body = {**body, "data": _list_in(body["data"], data_key)}
    first = marker in {None, "0"}
    is_v1_null = first and (v1 or paging == "offset") and body.get("data") is None
    is_null = first and not (v1 or paging == "offset") and body.get("data") is None
    rows = _rows(body, null_is_empty=first and (v1 or paging != "cursor" or null_is_empty))
    extra = body.get("additional_data") or {}
    if not isinstance(extra, dict):
        raise IncompletePage("additional_data is not an object")
    if paging == "cursor":
        return Page(
            rows=rows,
            marker=_next_cursor(extra),
            has_end_flag="next_cursor" in extra,
            is_null=is_null,
            is_v1_null=is_v1_null,
        )
    if paging == "offset":
        following = _next_start(extra, int(marker or 0), len(rows), page_rows)
        has_end_flag = _more(extra)[1] is not None
        return Page(rows=rows, marker=following, has_end_flag=has_end_flag, is_v1_null=is_v1_null)
    if _more(extra)[1]:
        following = _next_start(extra, 0, len(rows), page_rows)
        return Page(rows=rows, marker=following, paging="offset")
    return Page(
        rows=rows,
        marker=_next_cursor(extra),
        paging="cursor",
        is_null=is_null,
        is_v1_null=is_v1_null,
    )


def _record(body: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Return the record of a reply; an empty reply is a fault, because a record is never empty."""
    data = body.get("data")
    if isinstance(data, list) and len(data) == 1:  # permission sets (official example)
        (data,) = data
    found = data.get(key) if key and isinstance(data, dict) else data
    if not isinstance(found, dict) or not found:
        raise IncompletePage.of(found, "a record")
    return found


def _list_in(data: dict[str, Any], key: str) -> list[Any]:
    rows = data.get(key)
    if not isinstance(rows, list):
        raise IncompletePage(f"data has no list {key!r}")
    return rows


def _rows(body: dict[str, Any], *, null_is_empty: bool) -> list[dict[str, Any]]:
    data = body.get("data")
    if data is None and null_is_empty and body.get("success") is True:
        return []
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise IncompletePage.of(data, "a list of rows")
    return data


def _next_cursor(extra: dict[str, Any]) -> str | None:
    cursor = extra.get("next_cursor")
    if cursor is None or cursor == "":
        return None
    if not isinstance(cursor, str):
        raise IncompletePage("next_cursor is not a string")
    return cursor


def _next_start(extra: dict[str, Any], start: int, found: int, page_rows: int) -> str | None:
    """Return the next offset; None at the end of the list.

    Envelopes are nested or flat, most lack `next_start`, and a few report nothing. A page can have
    fewer rows than requested; `next_start` is then too far, and the end of the page is used.
    """
    envelope, more = _more(extra)
    if more is None:
        return str(start + found) if found else None
    if not more:
        return None
    following = envelope.get("next_start")
    known = following if type(following) is int and following > start else None
    if found:
        return str(min(known or start + found, start + found))
    if known is None:
        raise IncompletePage(f"the page is empty, but more rows were reported (limit {page_rows})")
    return str(known)


def _more(extra: dict[str, Any]) -> tuple[dict[str, Any], bool | None]:
    """Return v1's pagination envelope, and whether more rows follow (None: not reported)."""
    nested = extra.get("pagination")
    envelope = nested if isinstance(nested, dict) else extra
    more = envelope.get("more_items_in_collection")
    return envelope, more if isinstance(more, bool) else None
