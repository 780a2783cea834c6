"""From one page to the next, purely: v2's opaque cursor and v1's offset, with every envelope seen
in the wild.

Official docs, pagination. A scan ends only where the envelope says so: never on a short page.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from pipedrive_assets.errors import ApiError, DataError, PipedriveNull200Error, TransientApiError

Paging = Literal["cursor", "offset", "none"]


class IncompletePage(Exception):
    """A reply of status 200 that does not hold a page: asked again, then `error`, never an end."""

    error: type[ApiError] = TransientApiError

    @classmethod
    def of(cls, data: object, expected: str) -> "IncompletePage":
        """For `data` that is something other than was promised."""
        found = cls(f"data is {type(data).__name__} where {expected} was expected")
        found.error = PipedriveNull200Error if data is None else TransientApiError
        return found


def looping_pagination(path: str) -> DataError:
    """The error for pages that come again and again."""
    return DataError(
        f"Pipedrive's pages of /{path} lead round in a circle, so that its end cannot be reached; "
        "nothing was lost. Run again later."
    )


def page_params(paging: Paging, page_rows: int, marker: str | None) -> tuple[tuple[str, str], ...]:
    """The parameters that ask for the page at `marker` (None: the first)."""
    if paging == "none":
        return ()
    if paging == "offset":
        return (("start", marker or "0"), ("limit", str(page_rows)))
    return (("limit", str(page_rows)), *((("cursor", marker),) if marker else ()))


def read_object(body: dict[str, Any]) -> dict[str, Any]:
    """The object in `body["data"]`.

    Raises IncompletePage for anything else, an empty list included: PHP writes an empty object that
    way, and a record without an id is not a record.
    """
    data = body["data"]
    if not isinstance(data, dict):
        raise IncompletePage.of(data, "an object")
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows, and the marker of the page after them (None: this was the last)."""

    rows: list[dict[str, Any]]
    marker: str | None
    is_told: bool = field(default=True, compare=False)
    """False: the envelope tells nothing of further pages, `marker` is where they would start."""

    is_v1_null: bool = field(default=False, compare=False)
    """Whether a list of API v1 was null, which is how v1 writes an empty list."""

    paging: Paging = field(default="none", compare=False)
    """How to ask for the page after it, where the list is declared without pages."""

    is_null: bool = field(default=False, compare=False)
    """Whether v2 sent `data: null` in place of an empty list: no proof that there are no rows."""

    ends_empty: bool = field(default=False, compare=False)
    """Whether it is an empty last page although the page before announced more."""


def read_page(  # noqa: PLR0913 - what a page is
    body: dict[str, Any],
    *,
    paging: Paging,
    marker: str | None,
    page_rows: int,
    v1: bool = False,
    null_is_empty: bool = False,
    data_key: str | None = None,
) -> Page:
    """The page in `body`, which was asked for with `marker` (None: the first page).

    `v1` needs saying of the few lists of API v1 that are read by cursor. `null_is_empty` reads
    `data: null` on a first page of API v2 as an empty list. `data_key` is the key of the rows where
    `data` is an object.

    Raises IncompletePage where `data` is not a list of objects (v1 answers an empty list with
    `data: null` on its first page, which is a page of no rows), or the envelope makes no sense.
    """
    if data_key and isinstance(body.get("data"), dict):
        body = {**body, "data": _list_in(body["data"], data_key)}
    first = marker in {None, "0"}
    is_v1_null = first and (v1 or paging == "offset") and body.get("data") is None
    is_null = first and not (v1 or paging == "offset") and body.get("data") is None
    rows = _rows(body, null_is_empty=first and (v1 or paging != "cursor" or null_is_empty))
    extra = body.get("additional_data") or {}
    if not isinstance(extra, dict):
        raise IncompletePage("additional_data is no object")
    if paging == "cursor":
        return Page(rows=rows, marker=_next_cursor(extra), is_null=is_null, is_v1_null=is_v1_null)
    if paging == "offset":
        following = _next_start(extra, int(marker or 0), len(rows), page_rows)
        is_told = _more(extra)[1] is not None
        return Page(rows=rows, marker=following, is_told=is_told, is_v1_null=is_v1_null)
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
        raise IncompletePage("next_cursor is no text")
    return cursor


def _next_start(extra: dict[str, Any], start: int, found: int, page_rows: int) -> str | None:
    """The next offset.

    Some envelopes are nested, some flat, most lack `next_start`, a few tell nothing at all. A
    page may be shorter than was asked for, so that `next_start` is beyond its end.
    """
    told, more = _more(extra)
    if more is None:
        return str(start + found) if found else None
    if not more:
        return None
    following = told.get("next_start")
    known = following if type(following) is int and following > start else None
    if found:
        return str(min(known or start + found, start + found))
    if known is None:
        raise IncompletePage(f"there are more rows, but none of the {page_rows} asked for came")
    return str(known)


def _more(extra: dict[str, Any]) -> tuple[dict[str, Any], bool | None]:
    """Where v1's page facts are, and whether they tell of more rows (None: they do not tell)."""
    nested = extra.get("pagination")
    told = nested if isinstance(nested, dict) else extra
    more = told.get("more_items_in_collection")
    return told, more if isinstance(more, bool) else None
