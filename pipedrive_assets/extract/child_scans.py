"""Read child tables: one request per parent, or one for up to a hundred parents."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.child_calls import (
    OF_ONE_CALL,
    Answered,
    Batch,
    ChildCalls,
    Declined,
    Failed,
    Gone,
    Outcome,
)
from pipedrive_assets.extract.chunk import ChildrenRead, Chunk, Parent, Row, Unread, batches
from pipedrive_assets.extract.empty_replies import EmptyReplies, contradiction
from pipedrive_assets.registry import BULK_PARENTS, Entity
from pipedrive_assets.rows.flow import FIELD_CHANGE

log = logging.getLogger(__name__)

CHUNK_CALLS = 100
"""Requests per chunk, which is committed as a whole."""

CHILD_THREADS = 16
"""Calls in flight per table. At 400 ms a call that is 40 calls a second; plans allow 10 to 60, for
all tables together."""

REFUSALS = 4
"""After this many consecutive refusals, a parent that was read before is requested again. If it is
refused as well, the account has no access to the endpoint."""

FAILURES = 3
"""After this many consecutive failed requests, the table is not read any further."""


@dataclass(slots=True, kw_only=True)
class _Reading:
    """State of reading a child table.

    Attributes:
        calls: Sends the requests.
        todo: Batches of parents still to be requested.
        witness: A parent whose children could be read. If it is refused later, the account has no
            access to the endpoint any more.
        empty_replies: Whether the endpoint returns any rows.
        accepts_loss: Whether a second empty reply is accepted, whatever contradicts it.
        chunk: The chunk that is being filled.
        chunk_calls: Requests in the current chunk.
        again: Parents with an unexpected empty reply, requested once more at the end.
        asked_again: Ids of parents that were requested once more.
        answered: Whether any request succeeded.
        refusal: The latest refusal of a single parent.
        in_a_row: Refusals since the last success.
        failure: The first failure.
        failed: Consecutive failed requests.
    """

    calls: ChildCalls
    todo: deque[Batch]
    witness: Parent | None
    empty_replies: EmptyReplies
    accepts_loss: bool = False
    chunk: Chunk = field(default_factory=lambda: Chunk(rows=[]))
    chunk_calls: int = 0
    again: list[Parent] = field(default_factory=list)
    asked_again: set[int] = field(default_factory=set)
    answered: bool = False
    refusal: PipedriveError | None = None
    in_a_row: int = 0
    failure: PipedriveError | None = None
    failed: int = 0

    @property
    def entity(self) -> Entity:
        """The child table."""
        return self.calls.entity

    def take(self, batch: Batch, outcome: Outcome) -> None:
        """Record an outcome. A refused batch is split until the refused parent is found.

        Args:
            batch: The parents of the request.
            outcome: The result of the request.
        """
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
        if self._replaces_loaded_events(batch[0], reply):
            return
        self.chunk_calls += 1
        self.chunk.rows.extend(reply.rows)
        filled = {parent for parent, _ in reply.rows}
        for parent in batch:
            if parent.id in filled:
                self.empty_replies.end_with(parent)
                self.chunk.reads.append(ChildrenRead(parent=parent, read_at=reply.read_at))
            else:
                self._empty(parent, reply.read_at, is_whole=not reply.rows)

    def _replaces_loaded_events(self, parent: Parent, reply: Answered) -> bool:
        """Return whether a history is left to the next run, because it has blank events.

        A second such reply is accepted, because the events may really have no content, but not if
        changes are loaded and none of the reply's changes has any.
        """
        events = [event for _, event in reply.rows] if self.entity.shape == "flow" else []
        complete = [event for event in events if _has_content(event)]
        if len(complete) == len(events):
            return False
        read = ChildrenRead(parent=parent, read_at=reply.read_at)
        if not parent.doubted:
            log.warning(
                "%s: Pipedrive returned events without content for %s %d; they are requested again "
                "by the next run",
                *(self.entity.name, self.entity.parent_name, parent.id),
            )
            self.chunk.doubted.append(read)
        elif (
            parent.lasting
            and not self.accepts_loss
            and not any(event["object"] == FIELD_CHANGE for event in complete)
        ):
            self._contradicted(read)
        else:
            return False
        self.chunk_calls += 1
        return True

    def _empty(self, parent: Parent, read_at: datetime, *, is_whole: bool) -> None:
        """Record a parent without children.

        Pipedrive can return an empty list by mistake. Rows are therefore removed only after empty
        replies in two runs, and only if nothing contradicts these replies. If other parents of the
        request have rows, the reply is not empty, and a parent that is not known to have children
        has none.

        Args:
            parent: The parent.
            read_at: Time of the reply (UTC).
            is_whole: Whether the whole reply is empty.
        """
        read = ChildrenRead(parent=parent, read_at=read_at)
        if parent.filled and parent.id not in self.asked_again:
            self.again.append(parent)
        elif parent.doubted and (parent.lasting or parent.counted) and not self.accepts_loss:
            self._settle(read)
        elif parent.doubted or (not parent.filled and (parent.rechecked or not is_whole)):
            self.chunk.reads.append(read)
        else:
            self.chunk.doubted.append(read)

    def _settle(self, read: ChildrenRead) -> None:
        """Accept a second empty reply, unless the loaded rows or the parent's record contradict.

        If the record does not show its counter now, the counter in the loaded row counts.
        """
        parent = read.parent
        try:
            counts = parent.lasting or self.calls.counts_children(parent)
        except OF_ONE_CALL as error:
            self._failed((parent,), error)
            return
        if counts or (counts is None and not parent.rows_unknown):
            self._contradicted(read)
        else:
            self.chunk.reads.append(read)

    def _contradicted(self, read: ChildrenRead) -> None:
        """Keep the rows of a parent, and leave it to the next run.

        A deleted parent is not requested again if the endpoint returns rows of others: the replies
        for it may be empty until it no longer exists. A parent that may have no loaded rows is
        requested again only if the endpoint returns nothing: every run would request it otherwise.

        Raises:
            DataError: The endpoint returns no rows of a control parent either.
        """
        parent = read.parent
        if parent.deleted and self.empty_replies.returns_rows():
            self.chunk.skipped.append(read)
            return
        if parent.rows_unknown and not self.empty_replies.returns_nothing():
            self.chunk.skipped.append(read)
            if not parent.lasting:
                log.warning(
                    "%s: Pipedrive returned no rows for %s %d in two runs, although its record has "
                    "%s above zero. Loaded rows are kept until it changes.",
                    *(self.entity.name, self.entity.parent_name, parent.id),
                    self.entity.count_column,
                )
            return
        error = contradiction(self.entity, parent)
        self.chunk.unread.append(Unread(parent=parent, error=error))
        log.warning("%s: %s", self.entity.name, error)
        self.empty_replies.count(error)

    def _gone(self, parent: Parent, found: Gone) -> None:
        read = ChildrenRead(parent=parent, read_at=found.read_at, is_gone=True)
        is_sure = found.is_deleted or parent.deleted
        if parent.doubted and is_sure:
            self.chunk.skipped.append(read)
            log.info(
                "%s: %s %d no longer exists", self.entity.name, self.entity.parent_name, parent.id
            )
            return
        self.chunk.doubted.append(read)
        if found.error and not is_sure:
            self._count(found.error)

    def _declined(self, batch: Batch, refusal: PipedriveError) -> None:
        # How Pipedrive refuses a bulk request that names a deleted deal is not documented.
        if len(batch) > 1:
            # Before the first success, single parents show whether the endpoint is accessible.
            self.todo.extendleft(_halves(batch) if self.answered else _singles(batch))
            if self.witness:
                self._count(refusal)
            return
        self.refusal = refusal
        self.chunk.unread.append(Unread(parent=batch[0], error=refusal))
        log.warning(
            "%s: the children of one record were not read; the next run requests them again. %s",
            *(self.entity.name, refusal),
        )
        self._count(refusal)

    def _failed(self, batch: Batch, error: PipedriveError) -> None:
        """Leave the parents to the next run; the error is raised after all others are read."""
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
        """Raise the refusal, unless a parent that was read before can still be read."""
        if not (self.witness and isinstance(self.calls.ask((self.witness,)), Answered)):
            raise refusal
        self.answered, self.in_a_row = True, 0

    def _is_cut_short(self, batch: Batch, rows: int) -> bool:
        """Return whether rows may be missing: a list without a next-page marker has a full page.

        Installments have no marker (official example).
        """
        full = rows > 0 and rows % self.entity.page_rows == 0
        if not self.entity.bulk or not full:
            return False
        if len(batch) == 1:
            log.warning(
                "%s of %s %s: Pipedrive returned a full page of %d rows and no next-page marker",
                *(self.entity.name, self.entity.parent, batch[0].id, rows),
            )
        return len(batch) > 1

    def begin_second_round(self) -> bool:
        """Queue the parents whose empty reply must be confirmed; return whether there are any."""
        self.asked_again.update(parent.id for parent in self.again)
        self.todo.extend(_calls(self.entity, self.again))
        self.again = []
        return bool(self.todo)

    def take_chunk(self) -> Chunk:
        """Return the current chunk to be committed, and start the next one."""
        made, self.chunk, self.chunk_calls = self.chunk, Chunk(rows=[]), 0
        return made

    def finish(self) -> None:
        """Raise the error of the table, if there is one.

        Raises:
            PipedriveError: The refusal if no request succeeded; else the first failure.
        """
        if self.refusal and not self.answered:
            self._check_open(self.refusal)
        if self.failure:
            raise self.failure


def _has_content(event: Row) -> bool:
    """Return whether an event of a history has its kind and its content."""
    return bool(event.get("object") and isinstance(event.get("data"), dict) and event["data"])


def _calls(entity: Entity, parents: Sequence[Parent]) -> Iterator[Batch]:
    return map(tuple, batches(parents, BULK_PARENTS if entity.bulk else 1))


def _halves(batch: Batch) -> tuple[Batch, ...]:
    middle = len(batch) // 2
    return batch[middle:], batch[:middle]


def _singles(batch: Batch) -> tuple[Batch, ...]:
    """Return the first parents one by one, then the rest, ordered for `deque.extendleft`."""
    rest = batch[REFUSALS:]
    singles = [(parent,) for parent in batch[:REFUSALS]]
    return (*([rest] if rest else []), *reversed(singles))


def read_children(  # noqa: PLR0913 - all inputs of a read
    client: Client,
    entity: Entity,
    parents: Sequence[Parent],
    stats: RequestStats,
    *,
    witness: Parent | None = None,
    control: Parent | None = None,
    accept_loss: bool = False,
    chunk_calls: int = CHUNK_CALLS,
) -> Iterator[Chunk]:
    """Read the children of each parent, with several requests at a time.

    A refused or failed parent is left to the next run; the other parents are read. A parent that is
    not found, or that has an unexpected empty reply, is returned in `Chunk.doubted`.

    Args:
        client: The client for Pipedrive.
        entity: The child table.
        parents: The parents whose children are read, in this order.
        stats: Statistics that the requests are added to.
        witness: A parent that an earlier run has read. If parents are refused and no request has
            succeeded, it is requested again to find out whether the endpoint is accessible; if
            replies are empty, whether it returns any rows.
        control: A parent that had children, to be requested instead of the witness if replies are
            empty.
        accept_loss: Whether a second empty reply is accepted although the loaded rows or the
            parent's record contradict it.
        chunk_calls: Requests per chunk.

    Yields:
        Chunks to commit one by one.

    Raises:
        PipedriveError: The endpoint is not accessible, or a request failed. Chunks read before are
            yielded first.
    """
    calls = ChildCalls(client=client, entity=entity, stats=stats)
    todo = deque(_calls(entity, parents))
    if control is None and witness and witness.filled:
        control = witness
    empty_replies = EmptyReplies(calls=calls, control=control)
    reading = _Reading(
        calls=calls,
        todo=todo,
        witness=witness,
        empty_replies=empty_replies,
        accepts_loss=accept_loss,
    )
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
    """Yield outcomes as they arrive; send one request at a time until one has succeeded.

    If a request fails, the outcomes of running requests (whose tokens are already spent) are
    yielded before the error is raised.
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
