"""Loading: any number of tables side by side, one of them written at a time.

Readers run in threads of their own and hand over chunks; this thread plans, commits, keeps the
ledger and reports each table as it is finished. One table's failure never costs another's rows.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from dlt.common.normalizers.naming.snake_case import NamingConvention

from pipedrive_assets.connect import Account, Connection
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.extract.custom_fields import FieldMemory
from pipedrive_assets.extract.unexpected import as_pipedrive_error
from pipedrive_assets.load import migrate
from pipedrive_assets.load.chunk_queue import ChunkQueue, Event
from pipedrive_assets.load.context import Context
from pipedrive_assets.load.custom_fields import WarehouseMapping
from pipedrive_assets.load.progress import OnProgress
from pipedrive_assets.load.progress_tracker import ProgressTracker
from pipedrive_assets.load.report import LoadRequest, TableReport, raise_failures, resolve_skips
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.load.table_task import TableWork
from pipedrive_assets.load.tokens.backlog import tokens_waiting
from pipedrive_assets.load.tokens.usage import Spending, warn_of_unknown_limit
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.exclusion import check_excluded
from pipedrive_assets.views import readable
from pipedrive_assets.warehouse import ledger
from pipedrive_assets.warehouse.cleanup import cleaned_up, drop_staged
from pipedrive_assets.warehouse.warehouse import Warehouse
from pipedrive_assets.windows import Window, utc_now


def load(connection: Connection, warehouse: Warehouse, request: LoadRequest) -> list[TableReport]:
    """Load everything asked for; raises LoadFailed naming the tables that failed, once the others
    are loaded.
    """
    reports = list(load_tables(connection, warehouse, request))
    raise_failures(reports)
    return reports


def load_tables(
    connection: Connection,
    warehouse: Warehouse,
    request: LoadRequest,
    watch: OnProgress | None = None,
) -> Iterator[TableReport]:
    """Load, reporting each table as it is finished, failed ones too; `watch` is told how far it is.

    Raises before anything is written: WrongAccountError, WarehouseError, and whatever Pipedrive
    says to the api token.
    """
    yield from run_tables(connection, warehouse, request, TableLoad, watch)


def run_tables(
    connection: Connection,
    warehouse: Warehouse,
    request: LoadRequest,
    make: Callable[[Entity, Context], TableWork],
    watch: OnProgress | None = None,
) -> Iterator[TableReport]:
    """Do the work that `make` makes for each table, side by side."""
    for entity in request.entities:
        check_excluded(entity)
    warehouse.check_copy()
    connection.client.removes_nul = not warehouse.backend.stores_nul
    account, now = connection.account()
    _prepare(warehouse, request, account, now)
    with warehouse.sql() as sql:
        spending = Spending(sql, connection.client, request.caps, request.run_id)
    if any(entity.capped for entity in request.entities):
        warn_of_unknown_limit(request.caps, connection.client.daily.limit)
    context = Context(
        client=connection.client,
        warehouse=warehouse,
        fields=FieldMemory(
            connection.client,
            WarehouseMapping(warehouse),
            now,
            normalize=NamingConvention().normalize_identifier,
        ),
        request=replace(request, window=_reachable(request.window, now)),
        spending=spending,
        account=account,
        now=now,
    )
    with warehouse.keep_open():
        good = True
        with cleaned_up(warehouse):
            for report in resolve_skips(
                _Load(context, make, ProgressTracker(len(request.entities), watch)).tables()
            ):
                good = good and not report.error
                yield report
            with warehouse.sql() as sql:
                readable.rebuild(sql)
        if good:
            warehouse.renew_copy()


def _prepare(warehouse: Warehouse, request: LoadRequest, account: Account, now: datetime) -> None:
    """Make sure that the warehouse is this account's, and laid out as these tables want it."""
    with warehouse.sql() as sql:
        ledger.prepare(sql)
        ledger.claim(sql, account, now)
        drop_staged(sql)
        if changed := migrate.migrate_tables(sql, request.entities):
            for name in changed:
                warehouse.forget(f"pipedrive_{name}")
            warehouse.rewrite()


def _reachable(window: Window, now: datetime) -> Window:
    """A window that has not ended by Pipedrive's clock and by ours is open."""
    if window.end and window.end > min(now, utc_now()):
        return Window(start=window.start)
    return window


class _Load:
    """One load under way."""

    def __init__(
        self,
        context: Context,
        make: Callable[[Entity, Context], TableWork],
        tracker: ProgressTracker,
    ) -> None:
        self.context, self._make, self.tracker = context, make, tracker
        self.events = ChunkQueue[TableWork]()
        self._parents = {entity.parent for entity in context.request.entities}
        self.running: dict[str, TableWork] = {}
        self.pending = list(context.request.entities)
        """Not begun yet."""

        self._plenty: bool | None = None

    def tables(self) -> Iterator[TableReport]:
        """Start what can start; commit chunks as they come; start the others as tables end."""
        try:
            yield from self._begin_ready()
            while self.running:
                yield from self._take(self._next())
                yield from self._begin_ready()
        finally:
            self.events.stop()
            for table in self.running.values():
                table.close()

    def _begin_ready(self) -> Iterator[TableReport]:
        """Begin whatever waits for no other table, in the registry's order."""
        while ready := next(filter(self._is_ready, self.pending), None):
            self.pending.remove(ready)
            yield from self._begin(ready)

    def _is_ready(self, entity: Entity) -> bool:
        """Children wait for their parent's rows and for the records that they show. Capped tables
        wait until all others are finished, unless the account says that it has plenty for both.
        """
        unfinished = {*self.running, *(each.name for each in self.pending)}
        if unfinished & {entity.parent, *dict(entity.embeds)}:
            return False
        if not entity.capped:
            return True
        return all(BY_NAME[name].capped for name in unfinished) or self._has_headroom()

    def _has_headroom(self) -> bool:
        """Found out once, when the parents are known that the capped tables are read for."""
        context = self.context
        capped = [entity for entity in context.request.entities if entity.capped]
        unfinished = {*self.running, *(each.name for each in self.pending)}
        if self._plenty is None and not any(each.parent in unfinished for each in capped):
            with context.warehouse.sql() as sql:
                wanted = sum(
                    tokens_waiting(sql, each, context.request, context.now) for each in capped
                )
            self._plenty = context.spending.allowance.has_headroom(wanted)
        return bool(self._plenty)

    def _begin(self, entity: Entity) -> Iterator[TableReport]:
        table = self._make(entity, self.context)
        try:
            chunks = table.begin()
            self.tracker.begin(table)
        except Exception as error:  # noqa: BLE001 - no table's trouble may cost another's rows
            yield from self._end(table, table.report(as_pipedrive_error(error, entity.name)))
            return
        self.running[entity.name] = table
        self._start_reader(table, chunks)

    def _next(self) -> Event[TableWork]:
        """What a reader hands over next; the file is let go where there is nothing yet."""
        if self.events.is_empty:
            self.context.warehouse.release()
        while (event := self.events.take(self.tracker.seconds)) is None:
            self.tracker.report()
        return event

    def _start_reader(self, table: TableWork, chunks: Iterator[Chunk]) -> None:
        reader = threading.Thread(
            target=self._read, args=(table, chunks), name=table.entity.name, daemon=True
        )
        reader.start()

    def _read(self, table: TableWork, chunks: Iterator[Chunk]) -> None:
        """In the reader's thread: hand over every chunk, then how it ended."""
        last = Event(table)
        try:
            for chunk in chunks:
                if not self._hand_over(Event(table, chunk)):
                    return
        except Exception as error:  # noqa: BLE001 - a reader must not end silently
            last = Event(table, error=as_pipedrive_error(error, table.entity.name))
        self._hand_over(last)

    def _hand_over(self, event: Event[TableWork]) -> bool:
        return self.events.put(event, urgent=event.table.entity.name in self._parents)

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
        except Exception as failure:  # noqa: BLE001 - no table's trouble may cost another's rows
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
        """Report a table and let go of it; what waited for it can start.

        Children of a parent that failed are read for the rows it holds: those are no worse for it.
        """
        self.running.pop(table.entity.name, None)
        table.close()
        self.tracker.end(table)
        self.tracker.report()
        yield report
