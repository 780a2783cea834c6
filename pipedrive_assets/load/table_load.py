"""Loads one table: plans what to read, commits chunks, and records progress in the ledger."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipedrive_assets.errors import CapReached, ParentNotLoaded, PipedriveError, WarehouseError
from pipedrive_assets.extract.chunk import Chunk, Parent
from pipedrive_assets.extract.memory import finish_scan, next_scan
from pipedrive_assets.extract.omitted_fields import fields_to_omit
from pipedrive_assets.extract.plan import Scan, Watermark
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.load import (
    conversions,
    mail_bodies,
    mails_once,
    merge,
    migrate,
    soft_delete,
    stale_parents,
)
from pipedrive_assets.load.children_read import ChildrenTaken
from pipedrive_assets.load.context import Context
from pipedrive_assets.load.erase import erased_list, known_values
from pipedrive_assets.load.erase.redact import Redaction
from pipedrive_assets.load.frozen import frozen
from pipedrive_assets.load.ledger_memory import LedgerMemory
from pipedrive_assets.load.report import Noted, TableReport, Waiting, warnings_of
from pipedrive_assets.load.schema_changes import note_changes
from pipedrive_assets.load.snapshot_load import SnapshotLoad
from pipedrive_assets.load.timer import COMMITTING
from pipedrive_assets.load.tokens.backlog import affordable, tokens_to_begin, what_waits
from pipedrive_assets.registry import BY_NAME, Entity, Kind
from pipedrive_assets.rows.exclusion import check_excluded
from pipedrive_assets.rows.hashing import check_hashed
from pipedrive_assets.warehouse import ledger, statements
from pipedrive_assets.warehouse.history.history_table import history_name
from pipedrive_assets.warehouse.history.versions import record
from pipedrive_assets.windows import utc_now


class TableLoad:
    """The load of one table.

    The writer thread plans and commits; a reader thread reads the chunks. The table's lock is held
    from `begin` to `close`, so that two runs never write a table at the same time.
    """

    def __init__(self, entity: Entity, context: Context) -> None:
        self.entity, self.context = entity, context
        self.stats, self.written = context.spending.stats(entity), merge.Written()
        self.watermark = Watermark()
        self.snapshot = SnapshotLoad(entity, context)
        self.scan: Scan | None = None
        self.what = ""
        self.skipped: str | None = None
        self.refused: Mapping[str, str] = {}
        self.doubtful: tuple[str, ...] = ()
        self.omitted: tuple[str, ...] = ()
        self.children = ChildrenTaken()
        self._continued = self._was_reset = False
        self._before: Watermark | None = None
        self._started = time.monotonic()
        self._lock = contextlib.ExitStack()

    def begin(self) -> Iterator[Chunk]:
        """Plan the load. Versions that the table's history lacks are recorded first.

        A history lacks them if it was switched off for some time, or, on a server, if the last load
        was killed.

        Returns:
            The chunks of the table. Rows are requested when the first chunk is read.
        """
        self.record_versions()
        self.check_parts(restore=self.context.request.full)
        return self._plan()

    def check_parts(self, *, restore: bool) -> None:
        """Check that no list table or column was dropped since it was loaded.

        Args:
            restore: Whether to prepare the table so that this load restores the dropped parts.

        Raises:
            WarehouseError: A part was dropped, and `restore` is False.
        """
        entity, warehouse = self.entity, self.context.warehouse
        with warehouse.sql() as sql:
            missing = migrate.missing_parts(sql, entity)
            if missing and restore:
                migrate.restore_parts(sql, entity)
                warehouse.forget(f"pipedrive_{entity.name}")
        if missing and not restore:
            raise WarehouseError(
                f"The warehouse no longer has {', '.join(missing[:5])}: it was dropped by someone "
                "else. All other rows and tables are safe. Restore it with: "
                f"python -m pipedrive_assets load --full {entity.name}"
            )

    def lock(self) -> None:
        """Lock the table until `close`."""
        self._lock.enter_context(self.context.warehouse.table_lock(self.entity.name))

    def record_versions(self) -> None:
        """Compare the whole table with its history, if both exist.

        A history is not created before the table is loaded, so that first versions are not
        outdated.
        """
        entity = self.entity
        if not entity.history:
            return
        with self.context.warehouse.sql() as sql:
            names = (entity.name, history_name(entity.name))
            exist = all(statements.table_exists(sql, each) for each in names)
        if exist:
            with self.context.step.transaction(self.context.warehouse) as sql:
                record(sql, entity, self.context.moment())

    def close(self) -> None:
        """Release the table's lock."""
        self._lock.close()

    def _plan(self) -> Iterator[Chunk]:
        if self.entity.capped and self.entity.kind is not Kind.CHILD:
            self._require()
        self.context.fields.ask(self.entity, self.stats)
        # Before the plan: a newly defined field may reset the table's watermark.
        custom = self.context.fields.fields_of(self.entity)
        if self.entity.excluded:
            check_excluded(self.entity, {*custom.columns, *custom.lists} if custom else ())
        if self.entity.hashed:
            check_hashed(self.entity, custom.columns if custom else {})
        omitted = self._fields_to_omit() if self.entity.include_fields else ()
        with self.context.warehouse.sql() as sql:
            memory = self._memory(sql)
            self.watermark = memory.watermark()
            if self.entity.kind is Kind.CHILD:
                self.children.planned = self._parents(sql)
                witness = stale_parents.control_parents(sql, self.entity, self.context.request)
                return self.children.read(self.context, self.entity, self.stats, witness)
            if self.entity.kind is Kind.WINDOWED:
                return self._windowed(memory, omitted)
        self.snapshot.known = {} if self.context.request.full else self.watermark.lists
        self.what = self.snapshot.what
        return self.snapshot.read(self.stats)

    def _fields_to_omit(self) -> tuple[str, ...]:
        with self.context.warehouse.sql() as sql:
            known = self._memory(sql).watermark().omitted
        if not known:
            return ()
        self.context.warehouse.release()
        return fields_to_omit(self.context.client, self.entity, self.stats, known)

    def _require(self) -> None:
        """Raise `CapReached` if the token cap would stop the list before its end.

        A partly read list is discarded, so it would only waste tokens.
        """
        with self.context.warehouse.sql() as sql:
            self.watermark = self._memory(sql).watermark()
            self.context.spending.allowance.require(tokens_to_begin(sql, self.entity))

    def _memory(self, sql: statements.Sql) -> LedgerMemory:
        """Return what the ledger has of the table; remember the first watermark of this load."""
        memory = LedgerMemory(sql, self.entity)
        if self._before is None:
            self._before = memory.watermark()
        return memory

    def _windowed(self, memory: LedgerMemory, omitted: tuple[str, ...]) -> Iterator[Chunk]:
        request = self.context.request
        scan = next_scan(
            memory,
            request.window,
            overlap=request.overlap,
            since=request.since,
            full=request.full,
            omitted=omitted,
        )
        self.scan = scan if request.newest else replace(scan, above_id=None)
        self.what, self._continued, self._was_reset = str(scan), scan.resumed, False
        return read_windowed(self.context.client, self.entity, self.scan, self.stats)

    def _parents(self, sql: statements.Sql) -> list[Parent]:
        parent = BY_NAME[self.entity.parent or ""].name
        if not statements.table_exists(sql, parent):
            raise ParentNotLoaded(
                f"{self.entity.name} is read for each row of {parent}, which is not loaded yet. "
                f"Nothing was changed. Load {parent} first, or both together: --select {parent}+"
            )
        context = self.context
        if context.request.full:
            with context.step.transaction(context.warehouse):
                stale_parents.restart(sql, self.entity)
        parents = affordable(
            stale_parents.parents_to_read(sql, self.entity, context.request, context.now),
            *(sql, self.entity, context.request, context.now, context.spending.allowance),
        )
        self.what = f"children of {len(parents)} {parent}"
        return parents

    def commit(self, chunk: Chunk) -> None:
        """Commit the rows of a chunk, and record them in the ledger.

        A server commits the rows first. If the run is killed in between, the next run loads them
        again.

        Args:
            chunk: What the reader read.
        """
        self._prepare(chunk)
        with self.written.watch.lap(COMMITTING), self.context.warehouse.exclusive():
            self._write(chunk)
            if chunk.whole:
                self._commit_whole(chunk)
            with self.context.warehouse.sql() as sql:
                self.context.spending.note(sql, self.entity.name, self.stats)

    def _prepare(self, chunk: Chunk) -> None:
        """Determine the custom fields of a chunk, without the lock on the warehouse."""
        self.refused, self.omitted, self.doubtful = chunk.refused, chunk.omitted, chunk.doubtful
        rows = [row for _, row in chunk.rows]
        self.written.defined = self.context.fields.fields_for(self.entity, rows, self.stats)
        self._use_fields()

    def _write(self, chunk: Chunk) -> None:
        entity, warehouse = self.entity, self.context.warehouse
        self.written.redaction = self._redaction()
        self.written.moment = self.context.moment()
        commit = merge.Commit(step=self.context.step, then=lambda sql: self._note(sql, chunk))
        if entity.kind is Kind.CHILD:
            rows = [(parent, row) for parent, row in chunk.rows if parent is not None]
            rows = mails_once.without_known(warehouse, entity, rows)
            rows = mail_bodies.keep_loaded(warehouse, entity, rows)
            parents = [read.parent.id for read in chunk.reads]
            merge.commit_children(warehouse, entity, rows, parents, self.written, commit=commit)
        else:
            merge.commit_rows(
                *(warehouse, entity, [row for _, row in chunk.rows], self.written, chunk.omitted),
                complete=chunk.complete,
                now=self.context.now,
                commit=commit,
            )

    def _use_fields(self) -> None:
        """Write the custom fields, except those that the policy `freeze` keeps out."""
        if self.watermark.initial_load_at and self.written.frozen is None:
            with self.context.warehouse.sql() as sql:
                self.written.frozen = frozen(sql, self.entity)
        held, defined = self.written.frozen, self.written.defined
        self.written.custom = held.keep(defined) if held and defined else defined

    def _redaction(self) -> Redaction:
        """Read the list of erased persons for each commit: it may change during a load."""
        with self.context.warehouse.sql() as sql:
            return Redaction(
                redactor=erased_list.redactor(sql),
                deleted=self.context.request.purge_deleted,
            )

    def _commit_whole(self, chunk: Chunk) -> None:
        moment, context = chunk.read_at or self.context.now, self.context
        merge.ensure_table(context.warehouse, self.entity, self.written, context.step)
        with context.step.transaction(context.warehouse) as sql:
            self.written.marked_deleted += self.snapshot.soft_delete_missing(sql, chunk, moment)
        if not self.snapshot.asks_again:
            since = self.watermark.initial_load_at or moment
            self.watermark = Watermark(
                initial_load_at=since, complete_until=moment, lists=chunk.reached
            )

    def _note(self, sql: statements.Sql, chunk: Chunk) -> None:
        listed = [row for _, row in chunk.rows]
        conversions.note_listed(sql, self.entity, listed, self.context.now)
        if self.entity.kind is Kind.CHILD:
            reads = [*chunk.reads, *chunk.skipped]
            ledger.record_children(sql, self.entity, reads, chunk.doubted)
            self.children.take(chunk)
        if chunk.scan or not set(chunk.omitted) <= set(self.watermark.omitted):
            self.scan = chunk.scan or self.scan
            memory = LedgerMemory(sql, self.entity)
            scan = None if self._reset_since(memory) else chunk.scan
            self.watermark = self.watermark.during(scan, chunk.omitted)
            memory.record(self.watermark)
        if self.written.redaction and (left_out := self.written.redaction.left_out):
            known_values.learn(sql, left_out)

    def _reset_since(self, memory: LedgerMemory) -> bool:
        """Return whether the lists must be read again since the plan; if so, use that watermark.

        A custom field that becomes known during the scan has this effect (`read_again`): rows that
        are already committed lack its column.
        """
        held = memory.watermark()
        if held.was_reset(self.watermark):
            self.watermark, self._was_reset = held, True
        return self._was_reset

    def finish(self) -> Iterator[Chunk] | None:
        """Record that the scan is complete.

        Returns:
            Chunks that still have to be read, or None. A snapshot with missing rows is read a
            second time. A scan that an earlier run started covers changes only up to that start,
            so a second scan reads the changes since. If a custom field became known during a scan,
            it does not count as complete, and a second scan reads the rows again.
        """
        if self.snapshot.asks_again:
            return self.snapshot.read_again(self.stats)
        self.written.defined = self.context.fields.fields_of(self.entity)
        self._use_fields()
        context = self.context
        with self.written.watch.lap(COMMITTING), context.warehouse.exclusive():
            merge.ensure_table(context.warehouse, self.entity, self.written, context.step)
            with context.step.transaction(context.warehouse) as sql:
                self.mark_further(sql)
                memory = LedgerMemory(sql, self.entity)
                was_reset = self.scan is not None and self._reset_since(memory)
                if not was_reset:
                    self.watermark = self._record_complete(memory)
        continued = self._continued and not self.context.request.window.end
        if not (was_reset or continued):
            return None
        before = f"{self.what}, continued" if self._continued else self.what
        chunks = self._plan()
        self.what = f"{before}; then {self.what}"
        return chunks

    def mark_further(self, sql: statements.Sql) -> None:
        """Mark converted leads and the children of marked parents, and record versions.

        Marked rows are purged if that is required.

        Args:
            sql: The warehouse; the caller has begun a transaction.
        """
        marked = conversions.mark_converted(sql, self.entity, self.context.now)
        self.written.marked_deleted += marked
        soft_delete.soft_delete_children(sql, self.entity)
        if self.entity.history:
            record(sql, self.entity, self.context.moment())
        if self.context.request.purge_deleted:
            soft_delete.purge(sql, self.entity)

    def _record_complete(self, memory: LedgerMemory) -> Watermark:
        known, now = self.watermark, self.context.now
        if self.scan is not None:
            paths = [endpoint.path for endpoint in self.entity.endpoints]
            return finish_scan(memory, self.scan, paths, now)
        if self.entity.kind is Kind.CHILD:
            parents = ledger.watermark(memory.sql, BY_NAME[self.entity.parent or ""])
            known = Watermark(
                initial_load_at=known.initial_load_at or now,
                complete_until=self.children.reached(known.complete_until, parents.complete_until),
            )
        memory.record(known)
        return known

    def report(self, error: PipedriveError | None) -> TableReport:
        """Report the table and record the load in the ledger.

        Args:
            error: Why the load ended early; None if it did not. A reached token cap is reported as
                `waiting`, not as an error.

        Returns:
            The report.
        """
        seconds, noted = time.monotonic() - self._started, Noted()
        try:
            with self.context.warehouse.sql() as sql:
                self._note_end(sql, error, seconds, noted)
        except WarehouseError as trouble:
            noted.trouble = str(trouble)
        waiting = noted.waiting
        return TableReport(
            entity=self.entity,
            account=self.context.account,
            warehouse=str(self.context.warehouse),
            what=self.what,
            written=self.written,
            rows_total=noted.rows,
            rows_unknown=noted.trouble if noted.rows is None else None,
            stats=self.stats,
            seconds=seconds,
            complete_until=self.watermark.complete_until,
            began_at=self.context.now,
            tokens=noted.tokens,
            waiting=waiting,
            unread=self.children.unread(stopped=bool(error) and not waiting),
            unread_reason=self.children.reason,
            error=None if waiting else error,
            initial_load_at=self.watermark.initial_load_at,
            first_load=self._before is not None and not self._before.initial_load_at,
            skipped=self.skipped,
            warnings=(*warnings_of(self.refused, self.omitted), *noted.warnings),
            schema_changes=noted.schema_changes,
        )

    def _note_end(
        self, sql: statements.Sql, error: PipedriveError | None, seconds: float, noted: Noted
    ) -> None:
        """Record the load in the ledger, and read the facts for the report into `noted`."""
        if isinstance(error, CapReached):
            noted.waiting = self._waiting(sql, error)
        noted.rows = merge.count_rows(sql, self.entity.name)
        if missing := mail_bodies.count_missing(sql, self.entity):
            noted.warnings = (mail_bodies.warning_of(self.entity, missing),)
        line = ledger.LoadLine(
            entity=self.entity.name,
            what=self.what,
            rows_loaded=self.written.loaded,
            requests=self.stats.requests,
            tokens=self.stats.tokens,
            seconds=seconds,
        )
        known = self.written.defined is not None or not self.entity.fields
        may_differ = self.entity.fields or self.written.loaded or self.written.frozen
        if known and may_differ and not error and not self.skipped:
            noted.schema_changes = note_changes(
                sql, self.entity, self.written.defined, self.written.frozen, utc_now()
            )
        with sql.begin_transaction():
            ledger.record_load(sql, utc_now(), line)
            self.context.spending.note(sql, self.entity.name, self.stats)
        noted.tokens = self.context.spending.spent()

    def _waiting(self, sql: statements.Sql, reached: CapReached) -> Waiting:
        """Return what a token cap has left for later.

        `complete_until` does not advance: the parents that are left may have older changes.
        """
        if self.entity.kind is Kind.CHILD:
            merge.ensure_table(self.context.warehouse, self.entity, self.written)
        context = self.context
        waiting = what_waits(
            *(sql, self.entity, context.request, context.now),
            *(context.spending.allowance, reached),
        )
        self.what = f"{self.what or 'not begun'}; {waiting.count} waiting"
        return waiting
