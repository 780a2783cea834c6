"""Keeps each step of a run before it is taken: begin a table, commit a chunk, finish, end.

Steps are written to a file before their first transaction.

What a load requests depends on the state of the warehouse, on the order of replies and on token
caps. The steps have the outcome: the same steps, taken in the same order, write the same rows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pipedrive_assets.api import RequestStats
from pipedrive_assets.errors import CapReached, PipedriveError
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.load.context import Context
from pipedrive_assets.load.merge import Written
from pipedrive_assets.load.raw_zone import RawRun
from pipedrive_assets.load.recording.chunk_json import chunk_facts
from pipedrive_assets.load.recording.position import Position, RecordedStep
from pipedrive_assets.load.report import TableReport
from pipedrive_assets.load.table_task import TableWork
from pipedrive_assets.registry import Entity
from pipedrive_assets.windows import utc_now

BEGIN, COMMIT, FINISH, END, FAILED = "begin", "commit", "finish", "end", "failed"

Make = Callable[[Entity, Context], TableWork]


def kept_steps(make: Make, raw: RawRun, step: RecordedStep) -> Make:
    """Return a function that creates tasks whose steps are kept.

    Args:
        make: Creates the task of a table.
        raw: The recording of the run.
        step: The steps of the run.

    Returns:
        The function.
    """
    return lambda entity, context: _KeptSteps(make(entity, context), context, raw, step)


class _KeptSteps:
    """The task of a table, each step of which is kept before it is taken."""

    def __init__(self, work: TableWork, context: Context, raw: RawRun, step: RecordedStep) -> None:
        self._work, self._context, self._raw, self._step = work, context, raw, step

    @property
    def entity(self) -> Entity:
        """The table's entity."""
        return self._work.entity

    @property
    def written(self) -> Written:
        """Counts of the rows committed so far."""
        return self._work.written

    @property
    def stats(self) -> RequestStats:
        """Requests and token cost so far."""
        return self._work.stats

    def lock(self) -> None:
        """Lock the table until `close`."""
        try:
            self._work.lock()
        except Exception as error:
            self._note(BEGIN)
            self._note_failure(BEGIN, error)
            raise

    def begin(self) -> Iterator[Chunk]:
        """Return the chunks to read."""
        # Without the lock on the warehouse: it may wait for Pipedrive.
        with self._noted(BEGIN):
            return self._work.begin()

    def commit(self, chunk: Chunk) -> None:
        """Write the replies and the chunk to the raw zone, then the chunk to the warehouse."""
        facts = chunk_facts(chunk)
        with self._context.warehouse.exclusive(), self._noted(COMMIT, chunk=facts):
            self._work.commit(chunk)

    def finish(self) -> Iterator[Chunk] | None:
        """Record that all chunks were read; return further chunks to read, or None."""
        with self._context.warehouse.exclusive(), self._noted(FINISH):
            return self._work.finish()

    def report(self, error: PipedriveError | None) -> TableReport:
        """Report the table; `error` is why it ended early, None if it did not."""
        with self._context.warehouse.exclusive():
            self._set_moment()
            report = self._work.report(error)
            self._note(END, error=_error_facts(error), rows=report.rows_total)
        return report

    def close(self) -> None:
        """Release the table's lock."""
        self._work.close()

    @contextmanager
    def _noted(self, name: str, **facts: Any) -> Iterator[None]:
        """Note a step, and write the replies that it depends on, before it is taken."""
        self._set_moment()
        self._raw.flush(self.stats)
        self._note(name, **facts)
        try:
            yield
        except Exception as error:
            self._note_failure(name, error)
            raise

    def _set_moment(self) -> None:
        self._step.moment = self._context.present()

    def _note_failure(self, name: str, error: Exception) -> None:
        self._note(FAILED, of=name, error=type(error).__name__)

    def _note(self, name: str, **facts: Any) -> None:
        moment, stats = self._context.moment(), self.stats
        number = self._raw.note(
            {
                "step": name,
                "table": self.entity.name,
                "at": moment.isoformat(),
                "clock": utc_now().isoformat(),
                "requests": stats.requests,
                "tokens": stats.tokens,
                **facts,
            }
        )
        self._step.position = Position(number)


def _error_facts(error: PipedriveError | None) -> dict[str, str] | None:
    if error is None:
        return None
    if isinstance(error, CapReached):
        return {"reason": error.reason, "resumes_at": error.resumes_at.isoformat()}
    return {"message": str(error)}


def error_of(facts: dict[str, str] | None) -> PipedriveError | None:
    """Return the error that ended a recorded table; None if it ended without one."""
    if facts is None:
        return None
    if "reason" in facts:
        return CapReached(facts["reason"], datetime.fromisoformat(facts["resumes_at"]))
    return PipedriveError(facts["message"])
