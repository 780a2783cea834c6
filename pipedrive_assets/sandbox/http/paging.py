"""Pages of a list: by cursor as in API v2, and by offset as in most of API v1.

No state is kept between pages: each call selects from the rows as they are at that time.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipedrive_assets.sandbox.company.tables import Ordered, Row
from pipedrive_assets.sandbox.http.parameters import invalid

DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """Rows of one page; `marker` is the cursor of the next page, None on the last one."""

    rows: list[Row]
    marker: str | None = None
    start: int = 0
    limit: int = DEFAULT_LIMIT
    has_more: bool = False


def encode(marker: object) -> str:
    """Encode a cursor as base64url without padding."""
    return (
        urlsafe_b64encode(json.dumps(marker, separators=(",", ":")).encode()).decode().rstrip("=")
    )


def decode(text: str) -> Any:
    """Decode a cursor.

    Args:
        text: A cursor that `encode` returned.

    Returns:
        The marker in the cursor.

    Raises:
        Refusal: If the text is not a cursor.
    """
    try:
        return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError as error:
        raise invalid("'cursor' is not valid") from error


def keyset_page(
    ordered: Ordered, wanted: Callable[[Row], bool], params: dict[str, Any], column: str = "id"
) -> ListPage:
    """Select the page after the cursor in `params`.

    Args:
        ordered: Rows in order of `column`.
        wanted: Filter of the rows.
        params: Parameters of the call: `cursor`, `limit` and `sort_direction`.
        column: Column by which the rows are sorted.

    Returns:
        The page.
    """
    descending = params.get("sort_direction") == "desc"
    limit = params.get("limit", DEFAULT_LIMIT)
    direction = "desc" if descending else "asc"
    found: list[Row] = []
    for row in _walk(
        ordered, _position(ordered, params.get("cursor"), column, direction), direction
    ):
        if not wanted(row):
            continue
        if len(found) == limit:
            return ListPage(rows=found, marker=_marker(found[-1], column, direction))
        found.append(row)
    return ListPage(rows=found)


def _walk(ordered: Ordered, start: int, direction: str) -> Iterator[Row]:
    places = range(start, len(ordered)) if direction == "asc" else range(start - 1, -1, -1)
    return (ordered[place][1] for place in places)


def _marker(row: Row, column: str, direction: str) -> str:
    return encode(
        {
            "field": column,
            "fieldValue": row[column],
            "sortDirection": direction,
            "id": row["id"],
        }
    )


def _position(ordered: Ordered, cursor: str | None, column: str, direction: str) -> int:
    if cursor is None:
        return 0 if direction == "asc" else len(ordered)
    marker = decode(cursor)
    try:
        same = (marker["field"], marker["sortDirection"]) == (column, direction)
        value = marker["fieldValue"]
        key = (value is not None, value, marker["id"])
        if not same:
            msg = "'cursor' belongs to another query"
            raise invalid(msg)
        find = bisect_right if direction == "asc" else bisect_left
        return find(ordered, key, key=lambda pair: pair[0])
    except (TypeError, KeyError) as error:
        msg = "'cursor' is not valid"
        raise invalid(msg) from error


def listed_page(rows: Sequence[Row], params: dict[str, Any]) -> ListPage:
    """Select a page of a short list without ids by cursor; the position serves as the id."""
    places = [((True, place, place), {"id": place, "row": row}) for place, row in enumerate(rows)]
    page = keyset_page(places, lambda _: True, params)
    return ListPage(rows=[each["row"] for each in page.rows], marker=page.marker)


def offset_page(rows: Sequence[Row], params: dict[str, Any]) -> ListPage:
    """Select the page from `start` with at most `limit` rows."""
    start, limit = params.get("start", 0), params.get("limit", DEFAULT_LIMIT)
    return ListPage(
        rows=list(rows[start : start + limit]),
        start=start,
        limit=limit,
        has_more=start + limit < len(rows),
    )
