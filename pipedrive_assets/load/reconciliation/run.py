"""Reconciles tables with Pipedrive: finds deletions and changes that incremental loads do not see.

Every list is read from start to end. New and changed rows are loaded. Rows of the table that are
no longer listed are requested by id and then marked. No row is marked before the scan is complete.
"""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipedrive_assets.api import Caps, RequestStats
from pipedrive_assets.connect import Connection
from pipedrive_assets.errors import ConfigurationError, ImplausibleLoss, PipedriveError
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.load import conversions, merge, soft_delete, unlisted
from pipedrive_assets.load.context import Context
from pipedrive_assets.load.plausible_loss import MAX_SHARE, check_loss
from pipedrive_assets.load.progress import OnProgress
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.load.reconciliation import seen_ids
from pipedrive_assets.load.reconciliation.evidence import Evidence, sample_evenly
from pipedrive_assets.load.reconciliation.lookup import CONFIRMED_ROWS
from pipedrive_assets.load.report import LoadRequest, TableReport, raise_failures
from pipedrive_assets.load.run import run_tables
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.load.table_task import TableWork
from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.warehouse.history.versions import end_absent
from pipedrive_assets.warehouse.ledger import watermark
from pipedrive_assets.warehouse.statements import Sql
from pipedrive_assets.warehouse.warehouse import Warehouse
from pipedrive_assets.windows import Window, parse_stamp, stamp, utc_now

UNFINISHED = "its first load is not finished; load it first"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileRequest:
    """The tables to reconcile, and the limits of the run.

    Attributes:
        entities: The tables to reconcile. They have to be loaded incrementally.
        max_share: The share of a table (0 to 1) that may be missing before the run fails.
        accept_loss: Whether to mark missing rows however many there are, and to accept a second
            empty reply for a parent's children although something contradicts it.
        purge_deleted: Whether to remove deleted rows instead of marking them.
        children: Child tables of `entities` whose rows are read again for every parent.
        caps: Token limits for capped tables.
        run_id: The id of the run in `_pipedrive_tokens`.
        since: The start of history (UTC) if a setting limits it; older rows are ignored.
        raw: Where replies are kept; None: nowhere.
    """

    entities: tuple[Entity, ...]
    max_share: float = MAX_SHARE
    accept_loss: bool = False
    purge_deleted: bool = False
    children: tuple[Entity, ...] = ()
    caps: Caps = field(default_factory=Caps)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    since: datetime | None = None
    raw: RawZone | None = None


def reconcile(
    connection: Connection, warehouse: Warehouse, request: ReconcileRequest
) -> list[TableReport]:
    """Reconcile tables and return their reports.

    Args:
        connection: The Pipedrive account.
        warehouse: Where the tables are.
        request: What to reconcile.

    Returns:
        One report per table, in the order in which the tables ended.

    Raises:
        LoadFailed: Names the tables that failed. All other tables are reconciled.
        ConfigurationError: A table does not need reconciliation. Nothing was written.
        WrongAccountError: The warehouse has the data of another account. Nothing was written.
        WarehouseError: The warehouse cannot be used. Nothing was written.
        PipedriveError: Pipedrive refuses the API token. Nothing was written.
    """
    reports = list(reconcile_tables(connection, warehouse, request))
    raise_failures(reports)
    return reports


def reconcile_tables(
    connection: Connection,
    warehouse: Warehouse,
    request: ReconcileRequest,
    on_progress: OnProgress | None = None,
) -> Iterator[TableReport]:
    """Reconcile tables and report each one when it ends. A failed table does not stop the others.

    A table whose initial load is not finished is reported as skipped.

    Args:
        connection: The Pipedrive account.
        warehouse: Where the tables are.
        request: What to reconcile.
        on_progress: Receives the progress of the run; None: nothing is reported.

    Yields:
        One report per table, including failed ones.

    Raises:
        ConfigurationError: A table does not need reconciliation. Nothing was written.
        WrongAccountError: The warehouse has the data of another account. Nothing was written.
        WarehouseError: The warehouse cannot be used. Nothing was written.
        PipedriveError: Pipedrive refuses the API token. Nothing was written.
    """
    for entity in request.entities:
        if entity.kind is not Kind.WINDOWED:
            raise ConfigurationError(
                f"{entity.name} cannot be reconciled and does not need to be. Each load reads it "
                "completely, or for each parent that changed. Nothing was changed. Name tables "
                "that are loaded incrementally, or name none to reconcile all of them."
            )

    asked = LoadRequest(
        entities=(*request.entities, *request.children),
        caps=request.caps,
        run_id=request.run_id,
        window=Window(start=utc_now()),
        full=True,
        purge_deleted=request.purge_deleted,
        raw=request.raw,
        max_share=request.max_share,
        accept_loss=request.accept_loss,
        since=request.since,
        reconciles=True,
    )
    yield from run_tables(connection, warehouse, asked, reconciliation_of, on_progress)


def reconciliation_of(entity: Entity, context: Context) -> TableWork:
    """Return the task that reconciles a table, or reads the children of every parent again."""
    if entity.kind is Kind.CHILD:
        return _ChildrenAgain(entity, context)
    return Reconciliation(entity, context)


def reconcilable(entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
    """Return the tables that can be reconciled: those that are loaded incrementally."""
    return tuple(entity for entity in entities if entity.kind is Kind.WINDOWED)


def children_to_read_again(
    entities: Iterable[Entity], chosen: Iterable[Entity]
) -> tuple[Entity, ...]:
    """Return the child tables that may change without a change of their parent.

    Histories and other change logs are omitted: they only grow when their parent changes.

    Args:
        entities: The tables to reconcile.
        chosen: All tables that are loaded.

    Returns:
        The child tables of `entities` among `chosen`.
    """
    names = {entity.name for entity in entities}
    return tuple(
        entity
        for entity in chosen
        if entity.parent in names and (entity.bulk or entity.count_column or entity.poll_children)
    )


class _ChildrenAgain(TableLoad):
    """Reads the children of every parent again; skipped if their initial load is not finished."""

    def begin(self) -> Iterator[Chunk]:
        """Return the chunks to read."""
        with self.context.warehouse.sql() as sql:
            if watermark(sql, self.entity).initial_load_at is None:
                self.skipped = UNFINISHED
                return iter(())
        return super().begin()

    def finish(self) -> Iterator[Chunk] | None:
        """Record what was read."""
        return None if self.skipped else super().finish()


class Reconciliation:
    """The reconciliation of one table: scan its lists, request missing rows by id, mark rows."""

    def __init__(self, entity: Entity, context: Context) -> None:
        self.entity, self.context, self.request = entity, context, context.request
        self.table = TableLoad(entity, context)
        self.resumed = False
        self.missing: set[soft_delete.Key] | None = None
        self.converted: set[soft_delete.Key] = set()
        self.evidence: Evidence | None = None
        self.nothing_listed = False
        self.warnings: tuple[str, ...] = ()

    @property
    def written(self) -> merge.Written:
        """Counts of the rows committed so far."""
        return self.table.written

    @property
    def stats(self) -> RequestStats:
        """Requests and token cost so far."""
        return self.table.stats

    def lock(self) -> None:
        """Lock the table until `close`."""
        self.table.lock()

    def begin(self) -> Iterator[Chunk]:
        """Return the chunks of the scan, a new one or an unfinished one."""
        self.table.record_versions()
        self.table.check_parts(restore=False)
        with self.context.warehouse.sql() as sql:
            self.table.watermark = watermark(sql, self.entity)
            if self.table.watermark.initial_load_at is None:
                self.table.skipped = UNFINISHED
                return iter(())
        self.table.what = "every row, reconciled"
        self.context.fields.ask(self.entity, self.table.stats)
        return self._scan()

    def _scan(self) -> Iterator[Chunk]:
        with self._transaction() as sql:
            scan = seen_ids.begin(sql, self.entity, self.context.now)
        self.resumed = scan.resumed
        if scan.started_at:
            self.table.what += f", continuing a scan started at {stamp(scan.started_at)}"
        return read_windowed(self.context.client, self.entity, scan, self.table.stats)

    def _transaction(self) -> AbstractContextManager[Sql]:
        return self.context.step.transaction(self.context.warehouse)

    def close(self) -> None:
        """Release the table's lock."""
        self.table.close()

    def commit(self, chunk: Chunk) -> None:
        """Commit the rows of a chunk, then record their ids as seen."""
        self.table.commit(self._wanted(chunk))
        if chunk.scan:
            listed = [row["id"] for _, row in chunk.rows]
            with self._transaction() as sql:
                seen_ids.note(sql, self.entity, listed, chunk.scan)

    def _wanted(self, chunk: Chunk) -> Chunk:
        """Return a chunk without the rows before the start of history, and without its position."""
        rows = [(parent, row) for parent, row in chunk.rows if self._is_wanted(row)]
        return replace(chunk, rows=rows, scan=None)

    def _is_wanted(self, row: Row) -> bool:
        """Whether a row is within the history that a setting may limit."""
        since, moment = self.request.since, row.get("update_time") or row.get("add_time")
        return not (since and moment and parse_stamp(moment) < since)

    def finish(self) -> Iterator[Chunk] | None:
        """Look for missing rows after the scan; mark them after they were requested by id.

        Returns:
            Chunks that still have to be read, or None.
        """
        if self.table.skipped:
            return None
        if self.missing is not None and self.evidence:
            self._mark(self.missing, self.evidence)
            return None
        if self.table.refused or self.table.doubtful:
            # A missing row may be in the list that was not read.
            self._give_up()
            return None
        with self.context.warehouse.sql() as sql:
            missing = seen_ids.not_seen(sql, self.entity)
            converted = conversions.became_deals(sql, self.entity, missing)
            missing -= converted
            if self.resumed and len(missing) > CONFIRMED_ROWS:
                # Another run may have loaded rows that the interrupted scan had already passed.
                # They are too many to request by id, so the scan starts again.
                self._give_up()
                return self._scan()
            self._check(sql, missing)
            listed = seen_ids.listed_rows(sql, self.entity)
        self.missing, self.converted, self.nothing_listed = missing, converted, not listed
        self.evidence = Evidence(
            self.context.client, self.entity, self.table.stats, self.table.omitted
        )
        return self.evidence.ask(sample_evenly(sorted(missing), CONFIRMED_ROWS), listed)

    def _give_up(self) -> None:
        with self._transaction() as sql:
            seen_ids.give_up(sql, self.entity)

    def _check(self, sql: Sql, missing: set[soft_delete.Key]) -> None:
        if self.request.accept_loss:
            return
        try:
            check_loss(
                self.entity.name,
                missing=len(missing),
                held=len(soft_delete.alive_keys(sql, self.entity)),
                max_share=self.request.max_share,
                command="reconcile",
            )
        except ImplausibleLoss:
            self._give_up()
            raise

    def _mark(self, missing: set[soft_delete.Key], evidence: Evidence) -> None:
        """Mark rows that are proven gone, and existing rows that two scans did not list."""
        with self.context.warehouse.sql() as sql:
            twice = unlisted.missing_before(sql, self.entity, evidence.alive)
            if not self.request.accept_loss:
                self._check_evidence(sql, missing, evidence, twice)
        unasked = missing - evidence.asked
        gone: dict[soft_delete.Key, soft_delete.Reason] = dict.fromkeys(
            self.converted, soft_delete.CONVERTED
        )
        gone |= evidence.gone | dict.fromkeys(twice, soft_delete.UNLISTED)
        if self.request.accept_loss or not (evidence.alive or evidence.unclear):
            gone |= dict.fromkeys(unasked, soft_delete.VANISHED)
        left = missing - gone.keys() - evidence.alive
        with self._transaction() as sql:
            soft_delete.mark(sql, self.entity, gone, self.context.now)
            still = unlisted.missing_before(sql, self.entity, left)
            unlisted.remember(sql, self.entity, (evidence.alive - twice) | still, self.context.now)
            self.table.mark_further(sql)
            if self.entity.history and not left:
                end_absent(sql, self.entity, self.context.now)
            seen_ids.finish(sql, self.entity, self.context.now)
        self.written.marked_deleted += len(gone)
        if left:
            self.warnings = (unproven(len(left), evidence),)

    def _check_evidence(
        self,
        sql: Sql,
        missing: set[soft_delete.Key],
        evidence: Evidence,
        twice: set[soft_delete.Key],
    ) -> None:
        contradiction = evidence.contradiction(twice, nothing_listed=self.nothing_listed)
        if contradiction:
            self._give_up()
            held = len(soft_delete.alive_keys(sql, self.entity))
            raise ImplausibleLoss(
                self.entity.name, missing=len(missing), held=held, but=contradiction
            )

    def report(self, error: PipedriveError | None) -> TableReport:
        """Report the table and record the reconciliation in the ledger.

        Args:
            error: Why it ended early; None if it did not.

        Returns:
            The report.
        """
        report = self.table.report(error)
        return replace(report, warnings=(*report.warnings, *self.warnings))


def unproven(rows: int, evidence: Evidence) -> str:
    """Describe rows that are missing but were not marked, as a warning.

    Args:
        rows: The number of such rows.
        evidence: Pipedrive's replies for missing rows.

    Returns:
        The warning.
    """
    refusal = next(iter(evidence.unclear.values()), None)
    status = f" Pipedrive refuses to return them by id (HTTP {refusal.status})." if refusal else ""
    return (
        f"Pipedrive does not list {rows:,} rows of this table, and there is no proof that they are "
        f"deleted.{status} They were not marked as deleted; the next reconciliation requests them "
        "again."
    )
