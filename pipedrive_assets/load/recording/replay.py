"""Repeats a recorded run: takes the same steps in the same order, without a request."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import chain, pairwise
from typing import Any

from pipedrive_assets.api.nul import without_nul
from pipedrive_assets.errors import PipedriveError, RebuildError, WarehouseError
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.load.context import Context
from pipedrive_assets.load.reconciliation.run import Reconciliation, reconciliation_of
from pipedrive_assets.load.recording.chunk_json import chunk_of
from pipedrive_assets.load.recording.recorded import RecordedRun
from pipedrive_assets.load.recording.recorded_client import RecordedClient, RecordedConnection
from pipedrive_assets.load.recording.repeated_step import Interrupted, Kill, RepeatedStep
from pipedrive_assets.load.recording.start import request_of
from pipedrive_assets.load.recording.state import ERASED, commit_counts, table_states
from pipedrive_assets.load.recording.steps import BEGIN, COMMIT, END, FAILED, FINISH, error_of
from pipedrive_assets.load.run import begin
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.load.table_task import TableWork
from pipedrive_assets.registry import Entity
from pipedrive_assets.views import readable
from pipedrive_assets.warehouse.cleanup import cleaned_up
from pipedrive_assets.warehouse.warehouse import Warehouse

Step = Mapping[str, Any]

NO_STEP: Step = {}


def replay(run: RecordedRun, warehouse: Warehouse, kill: Kill | None) -> Iterator[datetime]:
    """Repeat a run, in steps: runs may have overlapped.

    Args:
        run: The run.
        warehouse: Where to write; it has the state in which the run began.
        kill: Where the run was killed; None if that is not known, or if it was not killed.

    Yields:
        When the next step was taken (UTC), before it is repeated.

    Raises:
        RebuildError: The result differs from that of the run.
        WarehouseError: The warehouse cannot be written.
    """
    yield run.recorded_at
    run.check_files()
    request = request_of(run.facts["request"])
    for facts in run.facts["request"]["entities"]:
        if not facts["is_exact"]:
            raise RebuildError(
                f"{run} loaded {facts['name']} with changes that were made in code and that a "
                "recording does not have. Restore a backup of the warehouse."
            )
    connection = RecordedConnection(
        client=RecordedClient(run), is_sandbox=run.facts["account"]["is_sandbox"], run=run
    )
    make = reconciliation_of if request.reconciles else TableLoad
    step = RepeatedStep()
    with warehouse.keep_open():
        context = begin(connection, warehouse, request, step)
        _check_states(run, warehouse, request.entities)
        with cleaned_up(warehouse):
            yield from _Replay(run, context, make, step, kill).take_all()
            with warehouse.sql() as sql:
                readable.refresh(sql)


def _check_states(run: RecordedRun, warehouse: Warehouse, entities: tuple[Entity, ...]) -> None:
    """Check that the tables that a run depends on are as they were when it began."""
    names = {ERASED}
    for entity in entities:
        names |= {entity.name, *dict(entity.embeds)}
        names |= {name for name in (entity.parent, entity.list_per, entity.mails_in) if name}
    with warehouse.sql() as sql:
        found = table_states(sql)
    known = run.facts["states"]
    differing = sorted(name for name in names if found.get(name) != known.get(name))
    if differing:
        raise RebuildError(
            f"{run} began with another state of {', '.join(differing[:5])} than the runs before it "
            "lead to. A run or an erasure between them was not kept, or was deleted. Restore its "
            "files, or restore a backup of the warehouse."
        )


class _Replay:
    """The repetition of a run."""

    def __init__(
        self,
        run: RecordedRun,
        context: Context,
        make: Callable[[Entity, Context], TableWork],
        step: RepeatedStep,
        kill: Kill | None,
    ) -> None:
        self.run, self.context, self._make = run, context, make
        self._step, self._kill = step, kill
        self._running: dict[str, TableWork] = {}
        self._entities = {entity.name: entity for entity in context.request.entities}
        self._failures: dict[str, PipedriveError] = {}
        self._commits_before = self._commits()

    def take_all(self) -> Iterator[datetime]:
        """Take all steps; the last one of a killed run as far as the run came.

        Yields:
            When the next step was taken (UTC).
        """
        try:
            for number, (step, after) in enumerate(
                pairwise(chain(self.run.steps(), (NO_STEP,))), 1
            ):
                yield datetime.fromisoformat(step["clock"])
                if after is NO_STEP and not self.run.is_complete:
                    self._take_last(step, number)
                elif step["step"] != FAILED:
                    self._take(step, after if after.get("step") == FAILED else NO_STEP)
        finally:
            for table in self._running.values():
                table.close()

    def _take_last(self, step: Step, number: int) -> None:
        """Take the last step that a killed run has written, as far as the run came."""
        if step["step"] == FAILED:
            return
        if self._kill and step["step"] != END:
            done = self._kill.position.part if self._kill.position.step == number else 0
            self._step.stop_after(done, self._loads_left(self._kill))
        try:
            self._take(step, NO_STEP)
        except WarehouseError:
            raise
        except (Interrupted, PipedriveError):
            # The run may not have written why the step failed, or the reply to its last request.
            if self._step.has_parts_left or step["step"] == END:
                raise

    def _loads_left(self, kill: Kill) -> dict[str, int]:
        """Return how many loads of rows the killed run made in its last step, by table."""
        before, now = self._commits_before, self._commits()
        return {
            name: (count - self.run.facts["commits"].get(name, 0))
            - (now.get(name, 0) - before.get(name, 0))
            for name, count in kill.commits.items()
        }

    def _commits(self) -> dict[str, int]:
        with self.context.warehouse.sql() as sql:
            return commit_counts(sql)

    def _take(self, step: Step, failure: Step) -> None:
        """Take a step that failed in the run if `failure` is not empty."""
        kind, name = step["step"], step["table"]
        self._step.moment = datetime.fromisoformat(step["at"])
        if kind == BEGIN:
            self._running[name] = self._make(self._entities[name], self.context)
        table = self._running[name]
        asked = table.stats
        asked.add(requests=step["requests"] - asked.requests, tokens=step["tokens"] - asked.tokens)
        if failure.get("error") == WarehouseError.__name__:
            return  # The machine was the cause: a full disk or a lock.
        try:
            self._act(kind, table, step)
        except Exception:
            if not failure:
                raise
        else:
            if failure and kind != BEGIN:
                raise RebuildError(
                    f"{self.run}: a step of {name} failed then ({failure['error']}) and succeeds "
                    "now. Rebuild with the version that kept the run, or restore a backup."
                )

    def _act(self, kind: str, table: TableWork, step: Step) -> None:
        if kind == BEGIN:
            table.lock()
            table.begin()
        elif kind == COMMIT:
            table.commit(self._chunk(step))
        elif kind == FINISH:
            self._finish(table)
        elif kind == END:
            self._end(step)

    def _chunk(self, step: Step) -> Chunk:
        """Return the chunk of a step; the warehouse of the run may have been of another kind."""
        facts, is_stored = step["chunk"], self.context.warehouse.backend.stores_nul
        return chunk_of(facts if is_stored else without_nul(facts))

    def _finish(self, table: TableWork) -> None:
        if failure := self._failures.pop(table.entity.name, None):
            raise failure
        with self.context.warehouse.exclusive():
            more = table.finish()
        # These readers also change what the writer knows; all others only return chunks.
        by_id = isinstance(table, Reconciliation) and table.evidence
        if more and (by_id or table.entity.shape in OWN_SHAPES):
            self._read(table, more)

    def _read(self, table: TableWork, chunks: Iterator[Any]) -> None:
        try:
            for _ in chunks:
                pass
        except PipedriveError as error:
            self._failures[table.entity.name] = error

    def _end(self, step: Step) -> None:
        table = self._running.pop(step["table"])
        report = table.report(error_of(step["error"]))
        table.close()
        if step["rows"] is not None and report.rows_total != step["rows"]:
            raise RebuildError(
                f"{self.run}: {step['table']} has {report.rows_total} rows, but had {step['rows']} "
                "after the run. Rebuild with the version that kept the run, or restore a backup."
            )
