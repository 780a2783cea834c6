"""Read a long list from both ends at the same time.

A page of a list with cursors is requested with the marker of the page before, so one walk has one
request in flight. A second walk, in descending order of ids, halves the time. Together, the walks
have returned every row once a page of each overlaps with the other and has the same rows there: the
first walk has returned every row below, the second one every row above.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, pairwise
from typing import Any

from pipedrive_assets.api import Answer
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.background import Background
from pipedrive_assets.extract.descent import Descent

log = logging.getLogger(__name__)

LONG_LIST_PAGES = 5
"""The second walk begins after so many pages: with it, a list can cost one request more."""

Row = dict[str, Any]
Pages = Iterator[Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A page of one of the walks.

    Attributes:
        answer: The page.
        descent: The progress after this page; None while there is one walk only.
        is_from_end: Whether the page is of the second walk.
        is_last: Whether the walks have met, so that every row was returned.
    """

    answer: Answer
    descent: Descent | None = None
    is_from_end: bool = False
    is_last: bool = False


def read_from_both_ends(
    front: Pages, back: Callable[[str | None], Pages], descent: Descent | None, *, from_start: bool
) -> Iterator[Part]:
    """Read a list that is sorted by id, from its end as well once it proves to be long.

    The second walk is an aid. If it fails, if the ids of a walk are not in order, or if the walks
    pass each other without pages that agree, the first walk reads the list to its end.

    Args:
        front: The pages in ascending order, from the position of the scan.
        back: Returns the pages in descending order from a marker; None for the highest id.
        descent: The progress of an earlier run; None if it had one walk only.
        from_start: Whether `front` begins with the first page of the list.

    Yields:
        The pages of both walks as they arrive.

    Raises:
        PipedriveError: The first walk failed.
    """
    both = _BothEnds(descent)
    if descent is None:
        for number, answer in enumerate(front, 1):
            yield both.front_part(answer)
            is_long = number == LONG_LIST_PAGES and answer.page.marker is not None
            if from_start and is_long and both.can_begin:
                break
        else:
            return
    marker = descent.marker if descent else None
    begins = descent is None or marker is not None
    yield from _side_by_side(both, front, back(marker) if begins else None)


class _BothEnds:
    """State of the two walks of one list.

    Attributes:
        descent: The progress of the second walk; None before its first page, or if it was given up.
        is_ordered: Whether the ids of all pages of the first walk were in ascending order.
    """

    def __init__(self, descent: Descent | None) -> None:
        self.descent, self.is_ordered = descent, True
        self._last = descent.front if descent else -1
        self._front: deque[list[int]] = deque(maxlen=2)
        self._back: deque[list[int]] = deque(maxlen=2)
        """Ids of the latest two pages of each walk, in ascending order."""

    @property
    def can_begin(self) -> bool:
        """Whether the second walk can begin."""
        return self.is_ordered and self._last >= 0

    def front_part(self, answer: Answer) -> Part:
        """Return a page of the first walk; give up the second one if it cannot be used."""
        ids: list[Any] = [row.get("id") for row in answer.page.rows]
        self.is_ordered = self.is_ordered and _ascend([self._last, *ids])
        if ids and self.is_ordered:
            self._front.append(ids)
            self._last = ids[-1]
            self.descent = self.descent and replace(self.descent, front=ids[-1])
        if not self.is_ordered:
            self.descent = None
        return Part(answer=answer, descent=self.descent, is_last=self._have_met())

    def back_part(self, answer: Answer) -> Part | None:
        """Return a page of the second walk; None if the walk has to end."""
        ids: list[Any] = [row.get("id") for row in reversed(answer.page.rows)]
        held = self.descent
        if not (ids and self.is_ordered and _ascend([*ids, held.low] if held else ids)):
            return None
        if self._front and ids[-1] < self._front[0][0]:
            return None
        self._back.appendleft(ids)
        top = held.top if held else ids[-1]
        self.descent = Descent(top=top, low=ids[0], marker=answer.page.marker, front=self._last)
        return Part(answer=answer, descent=self.descent, is_from_end=True, is_last=self._have_met())

    def _have_met(self) -> bool:
        """Return whether the latest pages of both overlap and have the same rows where they do.

        A single common row is no proof: it could be a row that a page has out of place.
        """
        if not (self.descent and self._front and self._back):
            return False
        front, back = list(chain(*self._front)), list(chain(*self._back))
        low, high = max(front[0], back[0]), min(front[-1], back[-1])
        one, other = ([each for each in ids if low <= each <= high] for ids in (front, back))
        return one == other and len(one) > 1


def _side_by_side(both: _BothEnds, front: Pages, back: Pages | None) -> Iterator[Part]:
    with Background("both ends") as background:
        ahead: Future[Answer | None] = background.start(partial(next, front, None))
        behind = background.start(partial(next, back, None)) if back else None
        while True:
            done = wait(filter(None, (ahead, behind)), return_when=FIRST_COMPLETED).done
            if back and behind and behind in done:
                answer = _of_second_walk(behind)
                part = answer and both.back_part(answer)
                behind = None
                if answer and part:
                    yield part
                    if part.is_last:
                        return
                    if answer.page.marker:
                        behind = background.start(partial(next, back, None))
            if ahead in done:
                answer = ahead.result()
                if answer is None:
                    return
                part = both.front_part(answer)
                yield part
                if part.is_last:
                    return
                ahead = background.start(partial(next, front, None))


def _of_second_walk(future: "Future[Answer | None]") -> Answer | None:
    """Return the page; None if the walk failed, because the first walk reads the same rows."""
    try:
        return future.result()
    except PipedriveError as error:
        log.info("Reading a list from its end stopped; it is read from its start: %s", error)
        return None


def _ascend(ids: list[Any]) -> bool:
    """Return whether all ids are whole numbers in strictly ascending order."""
    if any(type(each) is not int for each in ids):
        return False
    return all(one < other for one, other in pairwise(ids))
