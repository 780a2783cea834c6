"""One table while it is loaded: what to read, what to commit, what the ledger says of it."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipedrive_assets.errors import CapReached, ParentNotLoaded, PipedriveError, WarehouseError
from pipedrive_assets.extract.chunk import Chunk, Parent
from pipedrive_assets.extract.omitted_fields import fields_to_omit
from pipedrive_assets.extract.plan import Scan, TableStats, Watermark, plan
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.load import conversions, merge, migrate, soft_delete, stale_parents
from pipedrive_assets.load.children_read import ChildrenTaken
from pipedrive_assets.load.context import Context
from pipedrive_assets.load.erase import erased_list, known_values
from pipedrive_assets.load.erase.redact import Redaction
from pipedrive_assets.load.report import Noted, TableReport, Waiting, warnings_of
from pipedrive_assets.load.snapshot_load import SnapshotLoad
from pipedrive_assets.load.timer import COMMITTING
from pipedrive_assets.load.tokens.backlog import affordable, tokens_to_begin, what_waits
from pipedrive_assets.registry import BY_NAME, Entity, Kind
from pipedrive_assets.rows.exclusion import check_excluded
from pipedrive_assets.warehouse import ledger, statements
from pipedrive_assets.windows import utc_now


class TableLoad:
    """Planned and committed in the thread that writes; its chunks are read in one of their own.

    Its lock is held from the plan to `close()`, so that two runs never interleave on a table.
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
        self._continued = False
        self._before: Watermark | None = None
        self._started = time.monotonic()
        self._lock = contextlib.ExitStack()

    def begin(self) -> Iterator[Chunk]:
        """Take the table's lock and plan; nothing is requested before the first chunk is taken."""
        self.lock()
        self.check_parts(restore=self.context.request.full)
        return self._plan()

    def check_parts(self, *, restore: bool) -> None:
        """Raise WarehouseError where a part of the table was dropped; a full load restores it."""
        entity, warehouse = self.entity, self.context.warehouse
        with warehouse.sql() as sql:
            missing = migrate.missing_parts(sql, entity)
            if missing and restore:
                migrate.restore_parts(sql, entity)
                warehouse.forget(f"pipedrive_{entity.name}")
        if missing and not restore:
            raise WarehouseError(
                f"The warehouse no longer has {', '.join(missing[:5])}: somebody dropped it. The "
                f"other rows and tables are safe. Run: python -m pipedrive_assets load --full "
                f"{entity.name}"
            )

    def lock(self) -> None:
        """Take the table's lock."""
        self._lock.enter_context(self.context.warehouse.table_lock(self.entity.name))

    def close(self) -> None:
        """Let go of the table."""
        self._lock.close()

    def _plan(self) -> Iterator[Chunk]:
        if self.entity.capped and self.entity.kind is not Kind.CHILD:
            self._require()
        self.context.fields.ask(self.entity, self.stats)
        # Before the plan: a field that is known now may have the table read from its start.
        custom = self.context.fields.fields_of(self.entity)
        if self.entity.excluded:
            check_excluded(self.entity, {*custom.columns, *custom.lists} if custom else ())
        omitted = self._fields_to_omit()
        with self.context.warehouse.sql() as sql:
            self.watermark = self._held(sql)
            if self.entity.kind is Kind.CHILD:
                self.children.planned = self._parents(sql)
                witness = stale_parents.control_parents(sql, self.entity, self.context.request)
                return self.children.read(self.context, self.entity, self.stats, witness)
            if self.entity.kind is Kind.WINDOWED:
                return self._windowed(merge.table_stats(sql, self.entity), omitted)
        self.what = self.snapshot.what
        return self.snapshot.read(self.stats)

    def _fields_to_omit(self) -> tuple[str, ...]:
        with self.context.warehouse.sql() as sql:
            known = self._held(sql).omitted
        if not known:
            return ()
        self.context.warehouse.release()
        return fields_to_omit(self.context.client, self.entity, self.stats, known)

    def _require(self) -> None:
        """A list counts only as a whole: it is not begun where its cap would cut it short."""
        with self.context.warehouse.sql() as sql:
            self.watermark = self._held(sql)
            self.context.spending.allowance.require(tokens_to_begin(sql, self.entity))

    def _held(self, sql: statements.Sql) -> Watermark:
        """What the ledger knows of the table; what it knew at first is kept."""
        held = ledger.watermark(sql, self.entity)
        if self._before is None:
            self._before = held
        return held

    def _windowed(self, held: TableStats, omitted: tuple[str, ...]) -> Iterator[Chunk]:
        request = self.context.request
        scan = plan(
            self.watermark,
            request.window,
            table_stats=held,
            overlap=request.overlap,
            since=request.since,
            full=request.full,
            omitted=omitted,
        )
        self.scan = scan if request.newest else replace(scan, above_id=None)
        self.what, self._continued = str(scan), scan.resumed
        return read_windowed(self.context.client, self.entity, self.scan, self.stats)

    def _parents(self, sql: statements.Sql) -> list[Parent]:
        parent = BY_NAME[self.entity.parent or ""].name
        if not statements.table_exists(sql, parent):
            raise ParentNotLoaded(
                f"{self.entity.name} is read for each row of {parent}, which is not loaded yet. "
                f"Load {parent} first, or both together: --select {parent}+"
            )
        if self.context.request.full:
            stale_parents.restart(sql, self.entity)
        context = self.context
        parents = affordable(
            stale_parents.parents_to_read(sql, self.entity, context.request, context.now),
            *(sql, self.entity, context.request, context.now, context.spending.allowance),
        )
        self.what = f"children of {len(parents)} {parent}"
        return parents

    def commit(self, chunk: Chunk) -> None:
        """Rows first, then what the ledger says of them: a run killed between loads them again."""
        entity, warehouse = self.entity, self.context.warehouse
        self.refused, self.omitted, self.doubtful = chunk.refused, chunk.omitted, chunk.doubtful
        rows_sent = [row for _, row in chunk.rows]
        self.written.custom = self.context.fields.fields_for(entity, rows_sent, self.stats)
        with self.written.watch.lap(COMMITTING), self.context.warehouse.exclusive():
            self.written.redaction = self._redaction()
            if entity.kind is Kind.CHILD:
                rows = [(parent, row) for parent, row in chunk.rows if parent is not None]
                parents = [read.parent.id for read in chunk.reads]
                merge.commit_children(warehouse, entity, rows, parents, self.written)
            else:
                merge.commit_rows(
                    *(warehouse, entity, rows_sent, self.written, chunk.omitted),
                    complete=chunk.complete,
                )
            if chunk.whole:
                self._commit_whole(chunk)
            self._note(chunk)
            if left_out := self.written.redaction.left_out:
                with warehouse.sql() as sql:
                    known_values.learn(sql, left_out)

    def _redaction(self) -> Redaction:
        """Asked for with each commit: a person may be erased while a load is at work."""
        with self.context.warehouse.sql() as sql:
            return Redaction(
                redactor=erased_list.redactor(sql),
                deleted=self.context.request.purge_deleted,
            )

    def _commit_whole(self, chunk: Chunk) -> None:
        moment = chunk.read_at or self.context.now
        merge.ensure_table(self.context.warehouse, self.entity, self.written)
        with self.context.warehouse.sql() as sql:
            self.written.marked_deleted += self.snapshot.soft_delete_missing(sql, chunk, moment)
        if not self.snapshot.asks_again:
            since = self.watermark.initial_load_at or moment
            self.watermark = Watermark(initial_load_at=since, complete_until=moment)

    def _note(self, chunk: Chunk) -> None:
        with self.context.warehouse.sql() as sql:
            listed = [row for _, row in chunk.rows]
            conversions.note_listed(sql, self.entity, listed, self.context.now)
            if self.entity.kind is Kind.CHILD:
                reads = [*chunk.reads, *chunk.skipped]
                ledger.record_children(sql, self.entity, reads, chunk.doubted)
                self.children.take(chunk)
            if chunk.scan or not set(chunk.omitted) <= set(self.watermark.omitted):
                self.scan = chunk.scan or self.scan
                self.watermark = self.watermark.during(chunk.scan, chunk.omitted)
                ledger.record_watermark(sql, self.entity, self.watermark, utc_now())
            self.context.spending.note(sql, self.entity.name, self.stats)

    def finish(self) -> Iterator[Chunk] | None:
        """The scan is at its end: what it covered is held now. Returns what is still to be read.

        A scan that an earlier run began is complete only as of then: what came since is read too.
        """
        if self.snapshot.asks_again:
            return self.snapshot.read_again(self.stats)
        self.written.custom = self.context.fields.fields_of(self.entity)
        with self.written.watch.lap(COMMITTING), self.context.warehouse.exclusive():
            merge.ensure_table(self.context.warehouse, self.entity, self.written)
            with self.context.warehouse.sql() as sql:
                self.soft_delete_missing(sql)
                self.watermark = self._reached(sql)
                ledger.record_watermark(sql, self.entity, self.watermark, utc_now())
        if not self._continued or self.context.request.window.end:
            return None
        before, chunks = self.what, self._plan()
        self.what = f"{before}, continued; then {self.what}"
        return chunks

    def soft_delete_missing(self, sql: statements.Sql) -> None:
        """Mark leads that became deals, and children like their parent; purge what is to go."""
        marked = conversions.mark_converted(sql, self.entity, self.context.now)
        self.written.marked_deleted += marked
        soft_delete.soft_delete_children(sql, self.entity)
        if self.context.request.purge_deleted:
            soft_delete.purge(sql, self.entity)

    def _reached(self, sql: statements.Sql) -> Watermark:
        known, now = self.watermark, self.context.now
        if self.entity.kind is Kind.CHILD:
            parents = ledger.watermark(sql, BY_NAME[self.entity.parent or ""])
            return Watermark(
                initial_load_at=known.initial_load_at or now,
                complete_until=self.children.reached(known.complete_until, parents.complete_until),
            )
        if self.scan is None:
            return known
        paths = [endpoint.path for endpoint in self.entity.endpoints]
        return known.after(self.scan, paths, merge.table_stats(sql, self.entity), now)

    def report(self, error: PipedriveError | None) -> TableReport:
        """What was done, noted in the ledger's history too; a cap is no failure."""
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
            warnings=warnings_of(self.refused, self.omitted),
        )

    def _note_end(
        self, sql: statements.Sql, error: PipedriveError | None, seconds: float, noted: Noted
    ) -> None:
        """Read what only the warehouse knows into `noted`, and write the ledger's history."""
        if isinstance(error, CapReached):
            noted.waiting = self._waiting(sql, error)
        noted.rows = merge.count_rows(sql, self.entity.name)
        ledger.record_load(
            sql,
            utc_now(),
            ledger.LoadLine(
                entity=self.entity.name,
                what=self.what,
                rows_loaded=self.written.loaded,
                requests=self.stats.requests,
                tokens=self.stats.tokens,
                seconds=seconds,
            ),
        )
        self.context.spending.note(sql, self.entity.name, self.stats)
        noted.tokens = self.context.spending.spent(sql)

    def _waiting(self, sql: statements.Sql, reached: CapReached) -> Waiting:
        """What is left for later; `complete_until` stays, for older changes may be among it."""
        if self.entity.kind is Kind.CHILD:
            merge.ensure_table(self.context.warehouse, self.entity, self.written)
        context = self.context
        waiting = what_waits(
            *(sql, self.entity, context.request, context.now),
            *(context.spending.allowance, reached),
        )
        self.what = f"{self.what or 'not begun'}; {waiting.count} waiting"
        return waiting
