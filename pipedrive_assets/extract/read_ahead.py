"""Request the next pages of a long offset list before their turn.

The offset of a page is known before the page before it was read, if that page is full. Pages may be
read in any order: they overlap by one row, and the walk checks that row (`offset_pages`). In a list
that is sorted by id, a page that begins with the last row of another continues it without a gap,
whichever of the two was read first.
"""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from pipedrive_assets.api import Answer
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.background import Background

PAGES_AHEAD = 3
"""Pages that are requested before their turn, at most."""

PAGES_PER_PAGE_AHEAD = 10
"""A list has so many pages read for each page that is requested before its turn. Requests past the
end of the list therefore cost a tenth of its tokens at most."""


EarlyPage = Future[Answer]


class ReadAhead:
    """Requests pages before their turn, and keeps them until then."""

    def __init__(
        self,
        request: Callable[[int], Answer],
        background: Background,
        *,
        most: int = PAGES_AHEAD,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """Request nothing yet.

        Args:
            request: Requests the page at an offset, in a single attempt.
            background: Runs the requests.
            most: Pages that are requested before their turn at most; 0: none.
            has_room: Whether the burst limit allows a request now. Otherwise it would only delay
                requests of other lists.
        """
        self._request, self._background = request, background
        self._most, self._has_room = most, has_room
        self._pages: dict[int, EarlyPage] = {}
        self._taken = 0

    def take(self, start: int) -> Answer | None:
        """Return the page at an offset; None if it was not requested, or not successfully.

        Pages before it are discarded.
        """
        self._taken += 1
        page = self._pages.pop(start, None)
        self._keep(lambda offset: offset > start)
        try:
            return page.result() if page else None
        except PipedriveError:
            return None

    def expect(self, start: int, stride: int) -> None:
        """Request the pages from an offset on.

        Args:
            start: Offset of the next page.
            stride: Difference between the offsets of two pages.
        """
        count = min(self._most, self._taken // PAGES_PER_PAGE_AHEAD)
        wanted = range(start, start + (count + 1) * stride, stride) if count else ()
        self._keep(lambda offset: offset in wanted)
        for offset in wanted:
            if offset not in self._pages and self._has_room():
                self._pages[offset] = self._background.start(partial(self._request, offset))

    def discard(self) -> None:
        """Discard all pages, because the list has changed."""
        self._pages.clear()

    def _keep(self, is_needed: Callable[[int], bool]) -> None:
        self._pages = {each: page for each, page in self._pages.items() if is_needed(each)}
