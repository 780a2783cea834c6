"""Exports one table with its lists: reads changed rows, writes files, replaces the manifest."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_assets.errors import raise_alone
from pipedrive_assets.export.manifest import NAME, DataFile, Manifest, TableState
from pipedrive_assets.export.packing import LoadRows, pack
from pipedrive_assets.export.rows import (
    NESTED,
    Exportable,
    exportables,
    loads_of,
    write_parquet,
)
from pipedrive_assets.views.catalog import Relation
from pipedrive_assets.views.personal import base_of
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.dialect import identifier
from pipedrive_assets.warehouse.file_store import FileStore
from pipedrive_assets.warehouse.read_only import Patience, opened


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedTable:
    """What an export did with a table.

    Attributes:
        name: The table, or the table of a list.
        rows: Rows in the table.
        files_written: New files.
        rows_written: Rows in new files.
        files_kept: Files that stay as they are.
    """

    name: str
    rows: int
    files_written: int
    rows_written: int
    files_kept: int


class Source:
    """The warehouse, opened for each table alone so that loads can write in between."""

    def __init__(
        self,
        warehouse: Warehouse,
        relations: Mapping[str, Relation],
        folder: Path,
        *,
        memory: str,
        patience: Patience,
    ) -> None:
        """Define the source without opening it.

        Args:
            warehouse: The warehouse, in a file.
            relations: Its tables.
            folder: A private folder for temporary files.
            memory: The memory that DuckDB may use.
            patience: How long to wait while a load writes the warehouse.
        """
        self.folder, self._warehouse, self._relations = folder, warehouse, relations
        self._config: dict[str, Any] = {"memory_limit": memory, "temp_directory": str(folder)}
        self._patience = patience

    @contextlib.contextmanager
    def table(self, name: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Exportable]]]:
        """Open the warehouse.

        Args:
            name: A table.

        Yields:
            A connection, and the table with its lists.

        Raises:
            WarehouseError: The warehouse cannot be read.
        """
        schema = identifier(self._warehouse.dataset)
        with contextlib.closing(
            opened(self._warehouse, self._connect, self._patience)
        ) as connection:
            try:
                connection.execute("SET TimeZone = 'UTC'")
                yield connection, list(exportables(name, self._relations, schema))
            except duckdb.Error as error:
                raise_alone(self._warehouse.translate_error(error))

    def _opened(self) -> duckdb.DuckDBPyConnection:
        return opened(self._warehouse, self._connect, self._patience)

    def _connect(self, warehouse: Warehouse) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(warehouse.path), read_only=True, config=self._config)


class TableExport:
    """The export of one table with its lists.

    Attributes:
        done: What was done with the table and each list.
        states: Their new state.
    """

    done: list[ExportedTable]
    states: dict[str, TableState]

    def __init__(self, name: str, target: FileStore, manifest: Manifest) -> None:
        self.done = []
        self._name, self._target, self._manifest = name, target, manifest
        self.states = {}
        self._written: dict[str, Path] = {}

    def take(self, source: Source, now: datetime, reached: datetime | None) -> None:
        """Write changed rows to local files; the warehouse is open only meanwhile.

        Args:
            source: The warehouse.
            now: The current time, UTC.
            reached: Up to when the table is complete, UTC.
        """
        with source.table(self._name) as (connection, tables):
            for table in tables:
                files = self._take(connection, table, source.folder)
                self.states[table.name] = TableState(
                    exported_at=_text(now) or "",
                    complete_until=_text(reached),
                    columns=dict(table.columns),
                    files=files,
                )

    def _take(
        self, connection: duckdb.DuckDBPyConnection, table: Exportable, folder: Path
    ) -> tuple[DataFile, ...]:
        held = self._manifest.tables.get(table.name)
        same = held is not None and list(held.columns.items()) == list(table.columns.items())
        packing = pack(loads_of(connection, table), held.files if held and same else ())
        made = []
        for group in packing.groups or (() if packing.kept else ((),)):
            file = _data_file(table, group)
            made.append(file)
            if held and file in held.files:
                continue
            local = folder / file.path.replace("/", "-")
            write_parquet(connection, table, group, local)
            self._written[file.path] = local
        files = tuple(sorted((*packing.kept, *made), key=lambda file: file.first_load))
        new = [file for file in made if held is None or file not in held.files]
        self.done.append(
            ExportedTable(
                name=table.name,
                rows=sum(file.rows for file in files),
                files_written=len(new),
                rows_written=sum(file.rows for file in new),
                files_kept=len(files) - len(new),
            )
        )
        return files

    def publish(self) -> Manifest:
        """Upload the new files, then replace the manifest."""
        for path, local in self._written.items():
            self._target.upload(local, path)
            local.unlink()
        others = {
            name: state
            for name, state in self._manifest.tables.items()
            if base_of(name).partition(NESTED)[0] != self._name
        }
        return write_manifest(self._target, self._manifest, {**others, **self.states})


def _data_file(table: Exportable, loads: Sequence[LoadRows]) -> DataFile:
    """Return the entry of a new file, whose name depends on its content."""
    fingerprint = str(sum(load.fingerprint for load in loads))
    first, last = (loads[0].load, loads[-1].load) if loads else ("", "")
    content = json.dumps([list(table.columns.items()), first, last, fingerprint])
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return DataFile(
        path=f"{table.name}/{digest}.parquet",
        rows=sum(load.rows for load in loads),
        first_load=first,
        last_load=last,
        fingerprint=fingerprint,
    )


def _text(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}" if moment else None


def write_manifest(
    target: FileStore, manifest: Manifest, tables: Mapping[str, TableState]
) -> Manifest:
    """Replace the manifest.

    Args:
        target: The target.
        manifest: The current manifest.
        tables: The new state of all tables.

    Returns:
        The new manifest. Files that are no longer in it are retired.
    """
    made = replace(manifest, tables=dict(sorted(tables.items())))
    retired = {*manifest.retired, *manifest.files} - made.files
    made = replace(made, retired=tuple(sorted(retired)))
    target.write(NAME, made.to_json())
    return made
