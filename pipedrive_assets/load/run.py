"""Loads tables concurrently; one thread writes them, one at a time.

Each table is read in a thread of its own, which puts chunks into a queue. The writer thread plans,
commits, updates the ledger, and reports each table when it ends. A table that fails does not affect
the rows of other tables.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from dlt.common.normalizers.naming.snake_case import NamingConvention

from pipedrive_assets.api import RequestStats
from pipedrive_assets.connect import Account, Connection
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.extract.custom_fields import FieldMemory
from pipedrive_assets.extract.unexpected import as_pipedrive_error
from pipedrive_assets.load import migrate, row_settings
from pipedrive_assets.load.attachments.run import with_attachments
from pipedrive_assets.load.chunk_queue import ChunkQueue, Event
from pipedrive_assets.load.context import Context
from pipedrive_assets.load.custom_fields import WarehouseMapping
from pipedrive_assets.load.freed_memory import FreedMemory
from pipedrive_assets.load.progress import OnProgress
from pipedrive_assets.load.progress_tracker import ProgressTracker
from pipedrive_assets.load.raw_zone import RawRun
from pipedrive_assets.load.recording.position import RecordedStep, forget_positions
from pipedrive_assets.load.recording.start import note_start
from pipedrive_assets.load.recording.steps import kept_steps
from pipedrive_assets.load.report import LoadRequest, TableReport, raise_failures, resolve_skips
from pipedrive_assets.load.schema_changes import restart_unfrozen
from pipedrive_assets.load.step import Step
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.load.table_task import TableWork
from pipedrive_assets.load.tokens.backlog import tokens_waiting
from pipedrive_assets.load.tokens.usage import Spending, warn_of_unknown_limit
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.exclusion import check_excluded
from pipedrive_assets.rows.hashing import check_hashed
from pipedrive_assets.rows.row_filter import check_filter
from pipedrive_assets.views import readable
from pipedrive_assets.warehouse import ledger
from pipedrive_assets.warehouse.cleanup import cleaned_up, drop_staged
from pipedrive_assets.warehouse.warehouse import Warehouse
from pipedrive_assets.windows import Window, utc_now

BRIEF_SECONDS = 0.05
"""How long a run waits for the next chunk with the warehouse open, in seconds."""

MAX_HOLD_SECONDS = 1.0
"""After this time other runs get the warehouse as soon as there is no chunk, in seconds."""


def load(connection: Connection, warehouse: Warehouse, request: LoadRequest) -> list[TableReport]:
    """Load tables and return their reports.

    Args:
        connection: The Pipedrive account.
        warehouse: Where to write.
        request: What to load.

    Returns:
        One report per table, in the order in which the tables ended.

    Raises:
        LoadFailed: Names the tables that failed. All other tables are loaded.
        WrongAccountError: The warehouse has the data of another account. Nothing was written.
        WarehouseError: The warehouse cannot be used. Nothing was written.
        PipedriveError: Pipedrive refuses the API token. Nothing was written.
    """
    reports = list(load_tables(connection, warehouse, request))
    raise_failures(reports)
    return reports


def load_tables(
    connection: Connection,
    warehouse: Warehouse,
    request: LoadRequest,
    on_progress: OnProgress | None = None,
) -> Iterator[TableReport]:
    """Load tables and report each one when it ends. A table that fails does not stop the others.

    Args:
        connection: The Pipedrive account.
        warehouse: Where to write.
        request: What to load.
        on_progress: Receives the progress of the load; None: nothing is reported.

    Yields:
        One report per table, including failed ones.

    Raises:
        WrongAccountError: The warehouse has the data of another account. Nothing was written.
        WarehouseError: The warehouse cannot be used. Nothing was written.
        PipedriveError: Pipedrive refuses the API token. Nothing was written.
    """
    yield from run_tables(connection, warehouse, request, TableLoad, on_progress)


def run_tables(
    connection: Connection,
    warehouse: Warehouse,
    request: LoadRequest,
    make: Callable[[Entity, Context], TableWork],
    on_progress: OnProgress | None = None,
) -> Iterator[TableReport]:
    """Run a task per table, concurrently.

    Args:
        connection: The Pipedrive account.
        warehouse: Where to write.
        request: The tables, and the options of the run.
        make: Creates the task of a table.
        on_progress: Receives the progress of the run; None: nothing is reported.

    Yields:
        One report per table, when it ends, including failed ones.
    """
    for entity in request.entities:
        check_excluded(entity)
        check_hashed(entity)
        check_filter(entity)
    warehouse.check_copy()
    if request.attachments:
        request.attachments.check()
    with warehouse.keep_open(), _keeping(request, connection) as raw:
        step = RecordedStep(raw) if raw else Step()
        context = replace(begin(connection, warehouse, request, step), raw=raw)
        if raw and isinstance(step, RecordedStep):
            note_start(raw, context)
            make = kept_steps(make, raw, step)
        tracker = ProgressTracker(len(request.entities), on_progress)
        good = True
        with cleaned_up(warehouse):
            for report in _reports(_Load(context, make, tracker), context):
                good = good and not report.error
                yield report
            with warehouse.sql() as sql:
                readable.refresh(sql)
        if raw:
            forget_positions(warehouse, [raw.folder])
        if good:
            warehouse.renew_copy()


def _reports(run: "_Load", context: Context) -> Iterator[TableReport]:
    reports, target = resolve_skips(run.tables()), context.request.attachments
    return with_attachments(reports, context, target) if target else reports


def _keeping(
    request: LoadRequest, connection: Connection
) -> contextlib.AbstractContextManager[RawRun | None]:
    """Return the context in which the replies of the run are kept, if they are."""
    return request.raw.keeping(connection.client) if request.raw else contextlib.nullcontext()


def begin(
    connection: Connection, warehouse: Warehouse, request: LoadRequest, step: Step
) -> Context:
    """Request what all tables need, and prepare the warehouse.

    Args:
        connection: The Pipedrive account.
        warehouse: Where to write.
        request: What to load.
        step: The steps of the run.

    Returns:
        What all tables of the run share.
    """
    connection.client.removes_nul = not warehouse.backend.stores_nul
    account, now = connection.account()
    connected = RequestStats()
    connected.include(connection.client.stats)
    normalize = NamingConvention().normalize_identifier
    mapping = WarehouseMapping(warehouse, step)
    fields = FieldMemory(connection.client, mapping, now, normalize=normalize)
    fields.ask_early(request.entities)
    _prepare(warehouse, request, account, now)
    with warehouse.sql() as sql:
        spending = Spending(
            sql, connection.client, request.caps, request.run_id, connected=connected
        )
    if any(entity.capped for entity in request.entities):
        warn_of_unknown_limit(request.caps, connection.client.daily.limit)
    return Context(
        client=connection.client,
        warehouse=warehouse,
        fields=fields,
        request=replace(request, window=_reachable(request.window, now)),
        spending=spending,
        account=account,
        now=now,
        step=step,
    )


def _prepare(warehouse: Warehouse, request: LoadRequest, account: Account, now: datetime) -> None:
    """Check that the warehouse has this account's data, and migrate its tables."""
    with warehouse.sql() as sql:
        ledger.prepare(sql)
        ledger.claim(sql, account, now)
        drop_staged(sql)
        restart_unfrozen(sql, request.entities)
        changed = migrate.migrate_tables(sql, request.entities)
        for name in changed:
            warehouse.forget(f"pipedrive_{name}")
        if row_settings.adapt(sql, request.entities) or changed:
            warehouse.rewrite()


def _reachable(window: Window, now: datetime) -> Window:
    """Remove the end of a window if it is in the future by Pipedrive's clock or the local one."""
    if window.end and window.end > min(now, utc_now()):
        return Window(start=window.start)
    return window


class _Load:
    """A run in progress: its running tables, and those that have not started."""

    def __init__(
        self,
        context: Context,
        make: Callable[[Entity, Context], TableWork],
        tracker: ProgressTracker,
    ) -> None:
        self.context, self._make, self.tracker = context, make, tracker
        self.events = ChunkQueue[TableWork]()
        self._freed_memory = FreedMemory()
        self._parents = {entity.parent for entity in context.request.entities}
        self.running: dict[str, TableWork] = {}
        self.pending = list(context.request.entities)
        self._headroom: bool | None = None
        self._released_at = time.monotonic()

    def tables(self) -> Iterator[TableReport]:
        """Run all tables and yield their reports.

        Tables start as soon as the tables that they depend on have ended. Chunks are committed in
        the order in which they arrive.
        """
        try:
            yield from self._begin_ready()
            while self.running:
                yield from self._take(self._next())
                self._freed_memory.give_back()
                yield from self._begin_ready()
        finally:
            self.events.stop()
            for table in self.running.values():
                table.close()

    def _begin_ready(self) -> Iterator[TableReport]:
        """Start the pending tables that do not wait for another, in the registry's order."""
        while ready := next(filter(self._is_ready, self.pending), None):
            self.pending.remove(ready)
            yield from self._begin(ready)

    def _is_ready(self, entity: Entity) -> bool:
        """Whether a pending table may start.

        Child tables wait for their parent table, for the tables whose records they embed, and for
        the emails that they leave out.
        Capped tables wait for all other tables, unless the account has enough tokens for both.
        """
        unfinished = {*self.running, *(each.name for each in self.pending)}
        if unfinished & {entity.parent, *dict(entity.embeds), entity.mails_in}:
            return False
        if not entity.capped:
            return True
        return all(BY_NAME[name].capped for name in unfinished) or self._has_headroom()

    def _has_headroom(self) -> bool:
        """Whether the account has enough tokens to read capped tables alongside the others.

        This is decided once, as soon as the parents of all capped tables are loaded.
        """
        context = self.context
        capped = [entity for entity in context.request.entities if entity.capped]
        unfinished = {*self.running, *(each.name for each in self.pending)}
        if self._headroom is None and not any(each.parent in unfinished for each in capped):
            with context.warehouse.sql() as sql:
                wanted = sum(
                    tokens_waiting(sql, each, context.request, context.now) for each in capped
                )
            self._headroom = context.spending.allowance.has_headroom(wanted)
        return bool(self._headroom)

    def _begin(self, entity: Entity) -> Iterator[TableReport]:
        table = self._make(entity, self.context)
        try:
            table.lock()
            chunks = table.begin()
            self.tracker.begin(table)
        except Exception as error:  # noqa: BLE001 - one table's failure must not stop the others
            yield from self._end(table, table.report(as_pipedrive_error(error, entity.name)))
            return
        self.running[entity.name] = table
        self._start_reader(table, chunks)

    def _next(self) -> Event[TableWork]:
        """Return the next event of a reader; release the warehouse while there is none.

        Opening the warehouse again takes as long as some events, so a short wait comes first,
        unless other runs have waited for a second.
        """
        held_briefly = time.monotonic() - self._released_at < MAX_HOLD_SECONDS
        if event := self.events.take(BRIEF_SECONDS if held_briefly else 0):
            return event
        self.context.warehouse.release()
        self._released_at = time.monotonic()
        while (event := self.events.take(self.tracker.seconds)) is None:
            self.tracker.report()
        return event

    def _start_reader(self, table: TableWork, chunks: Iterator[Chunk]) -> None:
        reader = threading.Thread(
            target=self._read, args=(table, chunks), name=table.entity.name, daemon=True
        )
        reader.start()

    def _read(self, table: TableWork, chunks: Iterator[Chunk]) -> None:
        """Put each chunk of a table into the queue, then its end or error (reader thread)."""
        last = Event(table)
        try:
            for chunk in chunks:
                if not self._put(Event(table, chunk)):
                    return
        except Exception as error:  # noqa: BLE001 - a reader must not end silently
            if self.events.is_stopped:
                return  # a process that ends after Ctrl-C refuses new requests
            last = Event(table, error=as_pipedrive_error(error, table.entity.name))
        self._put(last)

    def _put(self, event: Event[TableWork]) -> bool:
        return self.events.put(event, priority=event.table.entity.name in self._parents)

    def _take(self, event: Event[TableWork]) -> Iterator[TableReport]:
        table, error = event.table, event.error
        if self.running.get(table.entity.name) is not table:
            return
        try:
            if event.chunk:
                table.commit(event.chunk)
                self.tracker.report()
                return
            if not error:
                yield from self._finish(table)
                return
        except Exception as failure:  # noqa: BLE001 - one table's failure must not stop the others
            error = as_pipedrive_error(failure, table.entity.name)
        yield from self._end(table, table.report(error))

    def _finish(self, table: TableWork) -> Iterator[TableReport]:
        with self.context.warehouse.exclusive():
            more = table.finish()
            report = None if more else table.report(None)
        if more:
            self._start_reader(table, more)
        if report:
            yield from self._end(table, report)

    def _end(self, table: TableWork, report: TableReport) -> Iterator[TableReport]:
        """Report a table and release its lock; tables that waited for it can start.

        If the table failed, its child tables still start: they are read for the parents that the
        table has.
        """
        self.running.pop(table.entity.name, None)
        table.close()
        self.tracker.end(table)
        self.tracker.report()
        yield report
