"""Reading children: per parent, or for up to a hundred parents in one call.

No warehouse in here.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from pipedrive_assets.api import Client, Tally
from pipedrive_assets.entities import BULK_PARENTS, BY_NAME, Entity, Listing
from pipedrive_assets.errors import (
    BadRequest,
    DataError,
    PageMarkerExpired,
    PipedriveError,
    Refused,
    TransientApiError,
)
from pipedrive_assets.reading.chunk import ChildrenRead, Chunk, Parent, Row, batches
from pipedrive_assets.reading.list_pages import whole_list
from pipedrive_assets.windows import utc_now

log = logging.getLogger(__name__)

CHUNK_CALLS = 100
"""Child calls between two commits."""

CHILD_THREADS = 8
REFUSALS = 4
"""After so many living parents refused and not one answer, it is the endpoint that is closed."""

FAILURES = 3
"""After so many calls in a row that failed for good, nothing further is asked of the endpoint."""

PARENT_COST = {"v1": 2, "v2": 1}
"""Tokens that a single record takes in either API version (official docs); a mail thread, 20."""

Batch = tuple[Parent, ...]
"""The parents of one call."""

Outcome = tuple[list[Row], datetime] | PipedriveError

_OF_ONE = (TransientApiError, PageMarkerExpired, BadRequest, DataError)
"""Failures that may be one call's alone: the others are still asked."""


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What has been read since the last chunk, and how the endpoint has answered so far."""

    entity: Entity
    todo: deque[Batch]
    is_alive: Callable[[int], bool]
    rows: list[tuple[int | None, Row]] = field(default_factory=list)
    reads: list[ChildrenRead] = field(default_factory=list)
    skipped: list[ChildrenRead] = field(default_factory=list)
    """Parents that are gone themselves."""

    calls: int = 0
    answered: bool = False
    refusal: PipedriveError | None = None
    refused: int = 0
    """Parents that are refused although they exist."""

    failure: PipedriveError | None = None
    failed: int = 0
    """Calls in a row that failed for good."""

    def take(self, batch: Batch, outcome: Outcome) -> None:
        """Keep an answer; a refusal is narrowed down to the parent it is about."""
        if isinstance(outcome, PipedriveError):
            self._not_answered(batch, outcome)
            return
        rows, read_at = outcome
        self.answered, self.failed = True, 0
        if self._is_cut_short(batch, rows):
            self.todo.extendleft(_halves(batch))
            return
        self.calls += 1
        self.reads += [ChildrenRead(parent=parent, read_at=read_at) for parent in batch]
        self.rows += self._of_parents(batch, rows)

    def _not_answered(self, batch: Batch, error: PipedriveError) -> None:
        # Pipedrive leaves open how it refuses a bulk call that names a deal it no longer has.
        about_parents = isinstance(error, Refused | BadRequest) and self.entity.bulk
        if about_parents and len(batch) > 1:
            # Before any answer, single parents tell whether the endpoint is open at all.
            self.todo.extendleft(_halves(batch) if self.answered else _singles(batch))
        elif about_parents or isinstance(error, Refused):
            self._refused(batch[0], error)
        else:
            self._failed(error)

    def _refused(self, parent: Parent, refusal: PipedriveError) -> None:
        if not self.is_alive(parent.id):
            self.skipped.append(ChildrenRead(parent=parent, read_at=utc_now()))
            log.info("%s: %s %d is gone, skipped", self.entity.name, self.entity.parent, parent.id)
            return
        self.refused += 1
        self.refusal = refusal
        log.warning("%s: skipped until the next run: %s", self.entity.name, refusal)
        if self.refused == REFUSALS:
            self.check_open()

    def _failed(self, error: PipedriveError) -> None:
        """Leave the parents to the next run; the failure is raised when all others are read."""
        self.failed += 1
        if self.failure:
            log.warning("%s: %s", self.entity.name, error)
        self.failure = self.failure or error
        if self.failed == FAILURES:
            raise self.failure

    def _is_cut_short(self, batch: Batch, rows: list[Row]) -> bool:
        """Whether there may be rows that no page shows: a list that tells of no next page ends
        with a full one (installments do; official example).
        """
        full = bool(rows) and len(rows) % self.entity.page_rows == 0
        if not self.entity.bulk or not full:
            return False
        if len(batch) == 1:
            log.warning(
                "%s of %s %s: Pipedrive shows %d rows and no way to more",
                *(self.entity.name, self.entity.parent, batch[0].id, len(rows)),
            )
        return len(batch) > 1

    def _of_parents(self, batch: Batch, rows: list[Row]) -> Iterator[tuple[int | None, Row]]:
        if not self.entity.bulk:
            return ((batch[0].id, row) for row in rows)
        asked, column = {parent.id for parent in batch}, self.entity.key[0]
        return ((row[column], row) for row in rows if row.get(column) in asked)

    def chunk(self) -> Chunk:
        """What has been read, to be committed; begins anew."""
        made = Chunk(rows=self.rows, reads=self.reads, skipped=self.skipped)
        self.rows, self.reads, self.skipped, self.calls = [], [], [], 0
        return made

    def check_open(self) -> None:
        """Raise the refusal where nothing was answered though parents that exist were asked for."""
        if self.refusal and not self.answered:
            raise self.refusal


def _halves(batch: Batch) -> tuple[Batch, ...]:
    middle = len(batch) // 2
    return batch[middle:], batch[:middle]


def _singles(batch: Batch) -> tuple[Batch, ...]:
    """The first parents each by itself, then the rest; in the order for a queue's left end."""
    rest = batch[REFUSALS:]
    singles = [(parent,) for parent in batch[:REFUSALS]]
    return (*([rest] if rest else []), *reversed(singles))


def read_children(
    client: Client,
    entity: Entity,
    parents: Sequence[Parent],
    tally: Tally,
    *,
    chunk_calls: int = CHUNK_CALLS,
) -> Iterator[Chunk]:
    """The children of each parent, several calls at a time, most recent parent first.

    A parent that vanished since it was listed is skipped; one that is refused although it exists,
    or whose call fails for good, is left to the next run and hinders no other. Raises the refusal
    where every parent is refused, and the first failure after all others were read.
    """
    size = BULK_PARENTS if entity.bulk else 1
    todo = deque(map(tuple, batches(parents, size)))
    is_alive = partial(_is_alive, client, BY_NAME[entity.parent or ""], tally)
    reading = _Reading(entity=entity, todo=todo, is_alive=is_alive)
    ask = partial(_ask, client, entity, tally)
    try:
        for batch, outcome in _side_by_side(ask, reading):
            reading.take(batch, outcome)
            if reading.calls == chunk_calls:
                yield reading.chunk()
        reading.check_open()
        if reading.failure:
            raise reading.failure
    except PipedriveError:
        if reading.reads or reading.skipped:
            yield reading.chunk()
        raise
    yield reading.chunk()


def _is_alive(client: Client, parent: Entity, tally: Tally, key: int) -> bool:
    """Whether a parent still exists and is not deleted."""
    cost = PARENT_COST["v1" if parent.path.startswith("v1/") else "v2"]
    try:
        found, _ = client.object(f"{parent.path}/{key}", cost=cost, tally=tally)
    except Refused:
        return False
    return found.get("is_deleted") is not True and found.get("active_flag") is not False


def _side_by_side(
    ask: Callable[[Batch], Outcome], reading: _Reading
) -> Iterator[tuple[Batch, Outcome]]:
    """Outcomes as they come in, never many calls ahead of whoever takes them; one call at a time
    until one was answered.

    When one fails, the calls under way are still taken (they are paid for) before the failure
    is raised.
    """
    failure: PipedriveError | None = None
    running: dict[Future[Outcome], Batch] = {}
    with ThreadPoolExecutor(CHILD_THREADS, thread_name_prefix=reading.entity.name) as pool:
        try:
            while True:
                most = CHILD_THREADS if reading.answered else 1
                while not failure and reading.todo and len(running) < most:
                    batch = reading.todo.popleft()
                    running[pool.submit(ask, batch)] = batch
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    batch = running.pop(future)
                    try:
                        outcome = future.result()
                    except PipedriveError as error:
                        failure = failure or error
                        continue
                    yield batch, outcome
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    if failure:
        raise failure


def _ask(client: Client, entity: Entity, tally: Tally, batch: Batch) -> Outcome:
    path = entity.path if entity.bulk else entity.path.format(id=batch[0].id)
    ids = ",".join(str(parent.id) for parent in batch)
    named = entity.bulk or entity.parent_param
    params = (*entity.params, *(((named, ids),) if named else ()))
    listing = Listing(path=path, cost=entity.cost)
    try:
        return whole_list(client, entity, listing, tally, params)
    except (Refused, *_OF_ONE) as error:
        return error
