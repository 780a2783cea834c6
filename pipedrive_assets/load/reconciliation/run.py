"""Reconciliation: what no change date ever shows.

Every list is scanned whole. Rows that the table lacks, or has otherwise, are loaded; rows of the
table that are listed no more are asked for one by one and marked. Nothing is marked before the
scan has come to its end.
"""

import uuid
from collections.abc import Iterable, Iterator
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
from pipedrive_assets.load.reconciliation import seen_ids
from pipedrive_assets.load.reconciliation.evidence import Evidence, sample_evenly
from pipedrive_assets.load.reconciliation.lookup import CONFIRMED_ROWS
from pipedrive_assets.load.report import LoadRequest, TableReport, raise_failures
from pipedrive_assets.load.run import run_tables
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.load.table_task import TableWork
from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.warehouse.ledger import watermark
from pipedrive_assets.warehouse.statements import Sql
from pipedrive_assets.warehouse.warehouse import Warehouse
from pipedrive_assets.windows import Window, parse_stamp, stamp, utc_now

UNFINISHED = "its first load is not finished; load it first"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileRequest:
    """What to reconcile, and how much of a table may vanish before it is no longer believed."""

    entities: tuple[Entity, ...]
    max_share: float = MAX_SHARE
    accept_loss: bool = False
    purge_deleted: bool = False
    children: tuple[Entity, ...] = ()
    """Tables read per row of these, of which every parent is read again."""

    caps: Caps = field(default_factory=Caps)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    since: datetime | None = None
    """Where a setting limits history: rows changed before it are left as they are."""


def reconcile(
    connection: Connection, warehouse: Warehouse, request: ReconcileRequest
) -> list[TableReport]:
    """Reconcile tables; raises LoadFailed naming those that failed, once the others are done."""
    reports = list(reconcile_tables(connection, warehouse, request))
    raise_failures(reports)
    return reports


def reconcile_tables(
    connection: Connection,
    warehouse: Warehouse,
    request: ReconcileRequest,
    watch: OnProgress | None = None,
) -> Iterator[TableReport]:
    """Reconcile side by side, reporting each table as it is finished, failed ones too; `watch` is
    told how far it is.

    A table whose first load is not finished is reported as skipped. Raises before anything is
    written: ConfigurationError for tables that need no reconciliation, WrongAccountError,
    WarehouseError, and whatever Pipedrive says to the api token.
    """
    for entity in request.entities:
        if entity.kind is not Kind.WINDOWED:
            raise ConfigurationError(
                f"{entity.name} needs no reconciliation: it is read whole, or follows its deals. "
                "Name tables that are loaded by windows, or none for all of those."
            )

    def make(entity: Entity, context: Context) -> TableWork:
        if entity.kind is Kind.CHILD:
            return _ChildrenAgain(entity, context)
        return Reconciliation(entity, context, request)

    asked = LoadRequest(
        entities=(*request.entities, *request.children),
        caps=request.caps,
        run_id=request.run_id,
        window=Window(start=utc_now()),
        full=True,
        purge_deleted=request.purge_deleted,
    )
    yield from run_tables(connection, warehouse, asked, make, watch)


def reconcilable(entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
    """Those that are loaded by windows."""
    return tuple(entity for entity in entities if entity.kind is Kind.WINDOWED)


def children_to_read_again(
    entities: Iterable[Entity], chosen: Iterable[Entity]
) -> tuple[Entity, ...]:
    """Return the children of tables that may change without a change of their parent.

    Histories and other change logs are left out: they grow with their parent's changes.

    Args:
        entities: The tables to reconcile.
        chosen: All tables that are loaded.
    """
    names = {entity.name for entity in entities}
    return tuple(
        entity
        for entity in chosen
        if entity.parent in names and (entity.bulk or entity.count_column or entity.poll_children)
    )


class _ChildrenAgain(TableLoad):
    """The children of every parent, read again; skipped before their first load is finished."""

    def begin(self) -> Iterator[Chunk]:
        """Take the table's lock and plan."""
        with self.context.warehouse.sql() as sql:
            if watermark(sql, self.entity).initial_load_at is None:
                self.skipped = UNFINISHED
                return iter(())
        return super().begin()

    def finish(self) -> Iterator[Chunk] | None:
        """Record what was read."""
        return None if self.skipped else super().finish()


class Reconciliation:
    """One table while it is reconciled: scanned, then asked for what is missing, then marked."""

    def __init__(self, entity: Entity, context: Context, request: ReconcileRequest) -> None:
        self.entity, self.context, self.request = entity, context, request
        self.table = TableLoad(entity, context)
        self.resumed = False
        self.missing: set[soft_delete.Key] | None = None
        self.converted: set[soft_delete.Key] = set()
        self.evidence: Evidence | None = None
        self.nothing_listed = False
        self.warnings: tuple[str, ...] = ()

    @property
    def written(self) -> merge.Written:
        """What has been committed so far."""
        return self.table.written

    @property
    def stats(self) -> RequestStats:
        """What has been asked so far."""
        return self.table.stats

    def begin(self) -> Iterator[Chunk]:
        """Take the table's lock and find the scan to follow."""
        self.table.lock()
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
        with self.context.warehouse.sql() as sql:
            scan = seen_ids.begin(sql, self.entity, self.context.now)
        self.resumed = scan.resumed
        if scan.started_at:
            self.table.what += f", going on with a scan begun at {stamp(scan.started_at)}"
        return read_windowed(self.context.client, self.entity, scan, self.table.stats)

    def close(self) -> None:
        """Let go of the table."""
        self.table.close()

    def commit(self, chunk: Chunk) -> None:
        """Rows first, then that they were seen."""
        listed = [row for _, row in chunk.rows]
        wanted = [row for row in listed if self._is_wanted(row)]
        self.table.commit(replace(chunk, rows=[(None, row) for row in wanted], scan=None))
        if chunk.scan:
            with self.context.warehouse.sql() as sql:
                seen_ids.note(sql, self.entity, [row["id"] for row in listed], chunk.scan)

    def _is_wanted(self, row: Row) -> bool:
        """Where history is limited, an older row is none of ours."""
        since, moment = self.request.since, row.get("update_time") or row.get("add_time")
        return not (since and moment and parse_stamp(moment) < since)

    def finish(self) -> Iterator[Chunk] | None:
        """After the scan: who is missing, and why. After that: mark them."""
        if self.table.skipped:
            return None
        with self.context.warehouse.sql() as sql:
            if self.missing is not None and self.evidence:
                self._mark(sql, self.missing, self.evidence)
                return None
            if self.table.refused or self.table.doubtful:
                # A row that was not seen may be in the list that was not read.
                seen_ids.give_up(sql, self.entity)
                return None
            missing = seen_ids.not_seen(sql, self.entity)
            converted = conversions.became_deals(sql, self.entity, missing)
            missing -= converted
            if self.resumed and len(missing) > CONFIRMED_ROWS:
                # Another run may have loaded rows behind the scan: too many to be asked for.
                seen_ids.give_up(sql, self.entity)
                return self._scan()
            self._check(sql, missing)
            listed = seen_ids.listed_rows(sql, self.entity)
        self.missing, self.converted, self.nothing_listed = missing, converted, not listed
        self.evidence = Evidence(
            self.context.client, self.entity, self.table.stats, self.table.omitted
        )
        return self.evidence.ask(sample_evenly(sorted(missing), CONFIRMED_ROWS), listed)

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
            seen_ids.give_up(sql, self.entity)
            raise

    def _mark(self, sql: Sql, missing: set[soft_delete.Key], evidence: Evidence) -> None:
        """Mark what the evidence proves; rows that still exist, at the second such scan."""
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
        soft_delete.mark(sql, self.entity, gone, self.context.now)
        self.written.marked_deleted += len(gone)
        still = unlisted.missing_before(sql, self.entity, left)
        unlisted.remember(sql, self.entity, (evidence.alive - twice) | still, self.context.now)
        self.table.soft_delete_missing(sql)
        seen_ids.finish(sql, self.entity, self.context.now)
        if left:
            self.warnings = (unproven(len(left), evidence),)

    def _check_evidence(
        self,
        sql: Sql,
        missing: set[soft_delete.Key],
        evidence: Evidence,
        twice: set[soft_delete.Key],
    ) -> None:
        but = evidence.contradiction(twice, nothing_listed=self.nothing_listed)
        if but:
            seen_ids.give_up(sql, self.entity)
            held = len(soft_delete.alive_keys(sql, self.entity))
            raise ImplausibleLoss(self.entity.name, missing=len(missing), held=held, but=but)

    def report(self, error: PipedriveError | None) -> TableReport:
        """What was done, noted in the ledger's history too."""
        report = self.table.report(error)
        return replace(report, warnings=(*report.warnings, *self.warnings))


def unproven(rows: int, evidence: Evidence) -> str:
    """The warning for rows that are missing and were not marked."""
    refusal = next(iter(evidence.unclear.values()), None)
    why = f"; Pipedrive refuses them by id ({refusal.status})" if refusal else ""
    return (
        f"{rows:,} rows are not listed, but nothing proves that they are gone{why}. They were not "
        "marked as deleted; the next reconciliation asks for them again."
    )
