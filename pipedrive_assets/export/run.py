"""Runs an export: table by table, files first, then the manifest."""

import contextlib
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.export.delta import LOG, DeltaLogs, check_types
from pipedrive_assets.export.manifest import NAME, Manifest, check_account, from_json
from pipedrive_assets.export.table import ExportedTable, Source, TableExport, write_manifest
from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.views.catalog import Relation, catalog
from pipedrive_assets.warehouse import DatabaseServer, Warehouse
from pipedrive_assets.warehouse.file_store import PART, FileStore
from pipedrive_assets.warehouse.ledger import account_of, watermark
from pipedrive_assets.warehouse.read_only import PATIENCE, Patience, reader_of, reading
from pipedrive_assets.warehouse.server.snapshot import snapshot

LOCK = "_export"
"""The lock that keeps two exports of a warehouse from removing each other's files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What to export.

    Attributes:
        url: The target: a folder or a URL of fsspec.
        now: The current time, UTC.
        tables: The tables; empty: all that the warehouse has.
        is_delta: Whether each table gets a Delta log. An export that has them keeps them.
        prunes: Whether files of the previous state are removed at the end of this export instead
            of at the beginning of the next one.
        patience: How long to wait while a load writes the warehouse.
    """

    url: str
    now: datetime
    tables: Collection[str] = ()
    is_delta: bool = False
    prunes: bool = False
    patience: Patience = PATIENCE


def export(settings: Settings, request: ExportRequest) -> Iterator[ExportedTable]:
    """Bring an export up to date.

    Args:
        settings: The settings.
        request: What to export.

    Yields:
        What was done with each table, when readers see its new state.

    Raises:
        ConfigurationError: The target or a table cannot be used.
        WrongAccountError: The target has the data of another account.
        WarehouseError: The warehouse or the target cannot be used. The previous state stays.
    """
    target = FileStore(request.url, settings.file_mode)
    with (
        contextlib.closing(reader_of(settings)) as warehouse,
        warehouse.table_lock(LOCK),
        _in_file(warehouse, settings, request) as file,
        tempfile.TemporaryDirectory() as folder,
    ):
        held = _held(file, str(warehouse), request)
        source = Source(
            file,
            held.relations,
            Path(folder),
            memory=settings.duckdb_memory,
            patience=request.patience,
        )
        yield from _export(target, request, source, held)


def _in_file(
    warehouse: Warehouse, settings: Settings, request: ExportRequest
) -> AbstractContextManager[Warehouse]:
    """Return the warehouse in a DuckDB file: a temporary copy if it is on a server."""
    if isinstance(warehouse.backend, DatabaseServer):
        return snapshot(warehouse, request.tables or BY_NAME, settings.duckdb_memory)
    return contextlib.nullcontext(warehouse)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What the warehouse has.

    Attributes:
        relations: All tables and views.
        reached: The tables to export, and up to when they are complete, UTC.
        account: The company's id, its name, and whether it is invented.
    """

    relations: Mapping[str, Relation]
    reached: Mapping[str, datetime | None]
    account: tuple[int, str, bool]


def _held(warehouse: Warehouse, place: str, request: ExportRequest) -> _Held:
    with reading(warehouse, request.patience) as sql:
        relations, account = catalog(sql), account_of(sql) or (0, "", False)
        reached = {
            entity.name: watermark(sql, entity).complete_until
            for entity in ENTITIES
            if entity.name in relations and (not request.tables or entity.name in request.tables)
        }
    if not reached:
        raise ConfigurationError(
            f"{place} has none of the tables to export. Load them first, or correct "
            "PIPEDRIVE_WAREHOUSE (PostgreSQL: the credentials) and PIPEDRIVE_DATASET."
        )
    return _Held(relations=relations, reached=reached, account=account)


def _export(
    target: FileStore, request: ExportRequest, source: Source, held: _Held
) -> Iterator[ExportedTable]:
    manifest = _manifest_of(target, *held.account)
    if request.is_delta and not manifest.is_delta:
        check_types(manifest.tables)
        manifest = write_manifest(target, replace(manifest, is_delta=True), manifest.tables)
    logs = DeltaLogs(target, request.now) if manifest.is_delta else None
    if logs:
        # A killed export may have left them behind the manifest.
        logs.follow(manifest)
    manifest = _tidied(target, manifest)
    for name, reached in held.reached.items():
        step = TableExport(name, target, manifest)
        step.take(source, request.now, reached)
        if logs:
            check_types(step.states)
        manifest = step.publish()
        if logs:
            logs.follow(manifest)
        yield from step.done
    if not request.tables:
        manifest = _without_missing(target, manifest, held.relations)
        if logs:
            logs.follow(manifest)
    if request.prunes:
        _tidied(target, manifest)


def _manifest_of(
    target: FileStore, company_id: int, company_name: str, is_sandbox: bool
) -> Manifest:
    """Return the manifest of the target; an empty one if it has none."""
    content = target.read(NAME)
    if content is None:
        return Manifest(company_id=company_id, company_name=company_name, is_sandbox=is_sandbox)
    held = from_json(content, f"{target}/{NAME}")
    check_account(held, company_id, is_sandbox=is_sandbox, place=str(target))
    return replace(held, company_name=company_name)


def _tidied(target: FileStore, manifest: Manifest) -> Manifest:
    """Remove files that no reader uses: of the state before the current one, or incomplete.

    Args:
        target: The target.
        manifest: Its manifest.

    Returns:
        The manifest without retired files, and without files that somebody has removed.
    """
    there = {
        path
        for path in target.paths()
        if path.endswith(PART) or (path.endswith(".parquet") and f"/{LOG}/" not in path)
    }
    for path in sorted(there - manifest.files):
        target.remove(path)
    states = {
        name: replace(state, files=tuple(file for file in state.files if file.path in there))
        for name, state in manifest.tables.items()
    }
    return replace(manifest, tables=states, retired=())


def _without_missing(
    target: FileStore, manifest: Manifest, relations: Mapping[str, Relation]
) -> Manifest:
    """Remove tables from the manifest that the warehouse no longer has."""
    kept = {name: state for name, state in manifest.tables.items() if name in relations}
    return write_manifest(target, manifest, kept) if len(kept) < len(manifest.tables) else manifest
