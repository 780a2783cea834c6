"""Check that a list whose end is not certain is complete.

If a page reports more rows and the next page is empty, or if a full page reports nothing, either
Pipedrive ends this list that way, or rows are missing. The check requests the list in reverse
order, which starts with its last rows.
"""

from collections.abc import Callable
from datetime import datetime

from pipedrive_assets.api import Answer, Client, RequestStats
from pipedrive_assets.errors import PageMarkerExpired, TransientApiError
from pipedrive_assets.extract.chunk import Row
from pipedrive_assets.extract.coerce import coerced_rows
from pipedrive_assets.registry import Endpoint, Entity
from pipedrive_assets.windows import parse_stamp

Params = tuple[tuple[str, str], ...]

_OPPOSITE = {"asc": "desc", "desc": "asc"}
_WHAT = (
    "the list ended with an empty page, or with a full page that does not show whether more "
    "follow, and its last rows were not on the pages before"
)


def reversed_order(params: Params) -> Params:
    """Return the parameters of a list with cursors that request it in the opposite order."""
    return tuple(
        (name, _OPPOSITE.get(value, value) if name == "sort_direction" else value)
        for name, value in params
    )


class EndCheck:
    """Checks the end of one list of a scan.

    Call `note` for each page, and `check` if the end of the list is not certain.
    """

    def __init__(self, *, began: datetime | None, is_from_start: bool) -> None:
        """Start before the first page.

        Args:
            began: When the scan began (UTC); None if it begins now.
            is_from_start: Whether this run reads the list from its first page.
        """
        self._began, self._is_from_start = began, is_from_start
        self._seen: set[object] = set()

    def note(self, answer: Answer) -> None:
        """Record the rows of a page."""
        self._began = self._began or answer.read_at
        self._seen.update(row.get("id") for row in answer.page.rows)

    def check(  # noqa: PLR0913 - the properties of a list
        self,
        client: Client,
        entity: Entity,
        endpoint: Endpoint,
        stats: RequestStats,
        *,
        params: Params,
        keep: Callable[[Row], bool],
    ) -> None:
        """Request the list in reverse order and check that its first page has no unread rows.

        Args:
            client: The client for Pipedrive.
            entity: The table that is read.
            endpoint: The list whose end is not certain.
            stats: Statistics that the request is added to.
            params: The query parameters of the list.
            keep: Returns whether a row belongs to the scan.

        Raises:
            PageMarkerExpired: An earlier run has read the pages before, so the check is not
                possible; read the list again from its start.
            TransientApiError: Rows are missing.
        """
        pages = client.pages(
            endpoint.path,
            cost=endpoint.tokens_per_page,
            paging=entity.paging,
            page_rows=entity.page_rows,
            params=reversed_order(params),
            stats=stats,
        )
        rows = coerced_rows(entity, endpoint.path, next(pages).page.rows)
        missing = [row for row in rows if keep(row) and not self._may_be_missing(entity, row)]
        if self._is_from_start and not missing and (rows or not self._seen):
            return
        if not self._is_from_start:
            raise PageMarkerExpired(path=endpoint.path, status=200, quote=_WHAT)
        raise TransientApiError(path=endpoint.path, status=200, quote=_WHAT, attempts=2)

    def _may_be_missing(self, entity: Entity, row: Row) -> bool:
        """Return whether a row was read, or changed after the start (the next run reads it)."""
        moments = [moment_of(row.get(name)) for name in (entity.cursor or "", "add_time")]
        is_new = any(self._began and moment and moment >= self._began for moment in moments)
        return is_new or row.get("id") in self._seen


def moment_of(text: str | None) -> datetime | None:
    """Parse a coerced timestamp of a row (UTC); None for null."""
    return parse_stamp(text) if text else None
