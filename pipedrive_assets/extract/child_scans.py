"""Reading children: per parent, or for up to a hundred parents in one call.

No warehouse in here.
"""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.child_calls import (
    Answered,
    Batch,
    ChildCalls,
    Declined,
    Failed,
    Gone,
    Outcome,
)
from pipedrive_assets.extract.chunk import ChildrenRead, Chunk, Parent, Unread, batches
from pipedrive_assets.registry import BULK_PARENTS, Entity

log = logging.getLogger(__name__)

CHUNK_CALLS = 100
"""Child calls between two commits."""

CHILD_THREADS = 8
REFUSALS = 4
"""After so many refusals in a row, a parent that was answered before is asked again: if it is
refused too, the endpoint is closed."""

FAILURES = 3
"""After so many calls in a row that failed for good, nothing further is asked of the endpoint."""


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What has been read since the last chunk, and how the endpoint has answered so far."""

    calls: ChildCalls
    todo: deque[Batch]
    witness: Parent | None
    """A parent that was answered: whether it still is shows whether the endpoint is open."""

    chunk: Chunk = field(default_factory=lambda: Chunk(rows=[]))
    chunk_calls: int = 0
    again: list[Parent] = field(default_factory=list)
    """Parents whose empty reply is asked for once more when all others were read."""

    asked_again: set[int] = field(default_factory=set)
    answered: bool = False
    refusal: PipedriveError | None = None
    in_a_row: int = 0
    """Refusals since the last answer."""

    failure: PipedriveError | None = None
    failed: int = 0
    """Calls in a row that failed for good."""

    @property
    def entity(self) -> Entity:
        """The child table."""
        return self.calls.entity

    def take(self, batch: Batch, outcome: Outcome) -> None:
        """Keep a reply; a refusal is narrowed down to the parent that it concerns."""
        match outcome:
            case Answered():
                self._answered(batch, outcome)
            case Gone():
                self._gone(batch[0], outcome)
            case Declined(error=error):
                self._declined(batch, error)
            case Failed(error=error):
                self._failed(batch, error)

    def _answered(self, batch: Batch, reply: Answered) -> None:
        self.answered, self.failed, self.in_a_row = True, 0, 0
        self.witness = batch[0]
        if self._is_cut_short(batch, len(reply.rows)):
            self.todo.extendleft(_halves(batch))
            return
        self.chunk_calls += 1
        self.chunk.rows.extend(reply.rows)
        filled = {parent for parent, _ in reply.rows}
        for parent in batch:
            if parent.id in filled:
                self.chunk.reads.append(ChildrenRead(parent=parent, read_at=reply.read_at))
            else:
                self._empty(parent, reply.read_at)

    def _empty(self, parent: Parent, read_at: datetime) -> None:
        """API v1 may answer `data: null` by mistake, which reads like an empty list. So no rows
        are removed on the strength of one run's replies.
        """
        read = ChildrenRead(parent=parent, read_at=read_at)
        if parent.filled and parent.id not in self.asked_again:
            self.again.append(parent)
        elif parent.doubted or (parent.rechecked and not parent.filled):
            self.chunk.reads.append(read)
        else:
            self.chunk.doubted.append(read)

    def _gone(self, parent: Parent, found: Gone) -> None:
        read = ChildrenRead(parent=parent, read_at=found.read_at, is_gone=True)
        is_sure = found.is_deleted or parent.deleted
        if parent.doubted and is_sure:
            self.chunk.skipped.append(read)
            log.info("%s: %s %d is gone", self.entity.name, self.entity.parent_name, parent.id)
            return
        self.chunk.doubted.append(read)
        if found.error and not is_sure:
            self._count(found.error)

    def _declined(self, batch: Batch, refusal: PipedriveError) -> None:
        # Pipedrive leaves open how it refuses a bulk call that names a deal it no longer has.
        if len(batch) > 1:
            # Before any answer, single parents show whether the endpoint is open at all.
            self.todo.extendleft(_halves(batch) if self.answered else _singles(batch))
            if self.witness:
                self._count(refusal)
            return
        self.refusal = refusal
        self.chunk.unread.append(Unread(parent=batch[0], error=refusal))
        log.warning("%s: not read, left to the next run: %s", self.entity.name, refusal)
        self._count(refusal)

    def _failed(self, batch: Batch, error: PipedriveError) -> None:
        """Leave the parents to the next run; the failure is raised when all others are read."""
        self.chunk.unread.extend(Unread(parent=parent, error=error) for parent in batch)
        self.failed += 1
        if self.failure:
            log.warning("%s: %s", self.entity.name, error)
        self.failure = self.failure or error
        if self.failed == FAILURES:
            raise self.failure

    def _count(self, refusal: PipedriveError) -> None:
        self.in_a_row += 1
        if self.in_a_row >= REFUSALS:
            self._check_open(refusal)

    def _check_open(self, refusal: PipedriveError) -> None:
        """Raise the refusal, unless a parent that was answered before still is."""
        if not (self.witness and isinstance(self.calls.ask((self.witness,)), Answered)):
            raise refusal
        self.answered, self.in_a_row = True, 0

    def _is_cut_short(self, batch: Batch, rows: int) -> bool:
        """Whether there may be rows that no page shows: a list that tells of no next page ends
        with a full one (installments do; official example).
        """
        full = rows > 0 and rows % self.entity.page_rows == 0
        if not self.entity.bulk or not full:
            return False
        if len(batch) == 1:
            log.warning(
                "%s of %s %s: Pipedrive shows %d rows and no way to more",
                *(self.entity.name, self.entity.parent, batch[0].id, rows),
            )
        return len(batch) > 1

    def begin_second_round(self) -> bool:
        """Queue the parents whose empty reply is to be confirmed; returns whether there are any."""
        self.asked_again.update(parent.id for parent in self.again)
        self.todo.extend(_calls(self.entity, self.again))
        self.again = []
        return bool(self.todo)

    def take_chunk(self) -> Chunk:
        """Return what has been read, to be committed, and start the next chunk."""
        made, self.chunk, self.chunk_calls = self.chunk, Chunk(rows=[]), 0
        return made

    def finish(self) -> None:
        """Raise the refusal where nothing was answered, then the first failure."""
        if self.refusal and not self.answered:
            self._check_open(self.refusal)
        if self.failure:
            raise self.failure


def _calls(entity: Entity, parents: Sequence[Parent]) -> Iterator[Batch]:
    return map(tuple, batches(parents, BULK_PARENTS if entity.bulk else 1))


def _halves(batch: Batch) -> tuple[Batch, ...]:
    middle = len(batch) // 2
    return batch[middle:], batch[:middle]


def _singles(batch: Batch) -> tuple[Batch, ...]:
    """The first parents each by itself, then the rest; in the order for a queue's left end."""
    rest = batch[REFUSALS:]
    singles = [(parent,) for parent in batch[:REFUSALS]]
    return (*([rest] if rest else []), *reversed(singles))


def read_children(  # noqa: PLR0913 - what a read rests on
    client: Client,
    entity: Entity,
    parents: Sequence[Parent],
    stats: RequestStats,
    *,
    witness: Parent | None = None,
    chunk_calls: int = CHUNK_CALLS,
) -> Iterator[Chunk]:
    """Read the children of each parent, several calls at a time, in the order given.

    A parent that is refused, or whose call fails for good, is left to the next run and hinders no
    other. One that is not found, or that comes back empty where that cannot be trusted, is returned
    as `doubted`.

    Args:
        client: Makes the calls.
        entity: The child table.
        parents: Whose children to read.
        stats: Where the calls are counted.
        witness: A parent that an earlier run read. Where parents are refused and nothing else was
            answered, it is asked again, to tell refused parents from a closed endpoint.
        chunk_calls: Calls between two chunks.

    Raises:
        PipedriveError: The refusal where the endpoint is closed, at once; the first failure, after
            all others were read. What was read before is returned first.
    """
    calls = ChildCalls(client=client, entity=entity, stats=stats)
    reading = _Reading(calls=calls, todo=deque(_calls(entity, parents)), witness=witness)
    try:
        for batch, outcome in _side_by_side(reading):
            reading.take(batch, outcome)
            if reading.chunk_calls == chunk_calls:
                yield reading.take_chunk()
        reading.finish()
    except PipedriveError:
        last = reading.take_chunk()
        if last.reads or last.skipped or last.doubted or last.unread:
            yield last
        raise
    yield reading.take_chunk()


def _side_by_side(reading: _Reading) -> Iterator[tuple[Batch, Outcome]]:
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
                    running[pool.submit(reading.calls.ask, batch)] = batch
                if not running:
                    if not failure and reading.begin_second_round():
                        continue
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
