"""Whether a list that ends with an empty page is really at its end.

A page that announced more, and then an empty page without a further one: either Pipedrive ends this
list so, or rows are missing. The list in the opposite order shows its last rows first.

No warehouse in here.
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
_WHAT = "an empty page ended the list, but its last rows were not on the pages before"


class EndCheck:
    """Checks the end of one list of a scan."""

    def __init__(self, *, began: datetime | None, is_from_start: bool) -> None:
        """`began`: when the scan did (None: now); `is_from_start`: this run reads the list from its
        first page.
        """
        self._began, self._is_from_start = began, is_from_start
        self._seen: set[object] = set()

    def note(self, answer: Answer) -> None:
        """Remember the rows of a page."""
        self._began = self._began or answer.read_at
        self._seen.update(row.get("id") for row in answer.page.rows)

    def check(  # noqa: PLR0913 - what a list is
        self,
        client: Client,
        entity: Entity,
        endpoint: Endpoint,
        stats: RequestStats,
        *,
        params: Params,
        keep: Callable[[Row], bool],
    ) -> None:
        """Ask for the list in the opposite order; its first page must hold known rows only.

        Args:
            client: Asks Pipedrive.
            entity: What is read.
            endpoint: The list that ended with an empty page.
            stats: Counts the call.
            params: The parameters with which it was read.
            keep: Whether a row belongs to what is read.

        Raises:
            PageMarkerExpired: The pages before were read by an earlier run: read the list again.
            TransientApiError: Rows are missing.
        """
        opposite = tuple(
            (name, _OPPOSITE.get(value, value) if name == "sort_direction" else value)
            for name, value in params
        )
        pages = client.pages(
            endpoint.path,
            cost=endpoint.tokens_per_page,
            paging=entity.paging,
            page_rows=entity.page_rows,
            params=opposite,
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
        """Whether a row was read, or changed since the scan began: the next run reads that."""
        moments = [moment_of(row.get(name)) for name in (entity.cursor or "", "add_time")]
        is_new = any(self._began and moment and moment >= self._began for moment in moments)
        return is_new or row.get("id") in self._seen


def moment_of(told: str | None) -> datetime | None:
    """A time of a row, which the reading layer has coerced; None for null."""
    return parse_stamp(told) if told else None
