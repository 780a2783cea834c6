"""Delta Lake logs beside the files of an export, so that each table is a Delta table.

The files are those of the Parquet export. A commit names the added and removed ones. Source of the
format: https://github.com/delta-io/delta/blob/master/PROTOCOL.md (reader version 1, writer version
2).
"""

import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_assets.errors import ConfigurationError, WarehouseError
from pipedrive_assets.export.manifest import Manifest, TableState
from pipedrive_assets.warehouse.dialect import quoted
from pipedrive_assets.warehouse.file_store import FileStore

LOG = "_delta_log"
"""Folder of a table's Delta log."""

CHECKPOINT_COMMITS = 20
"""A checkpoint is written after so many commits. Commits before the last but one are removed."""

TYPES = {
    "BIGINT": "long",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double",
    "JSON": "string",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "VARCHAR": "string",
}

_TEXTS = "MAP(VARCHAR, VARCHAR)"
_ACTIONS = {
    "protocol": "STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER)",
    "metaData": (
        f"STRUCT(id VARCHAR, format STRUCT(provider VARCHAR, options {_TEXTS}), "
        f"schemaString VARCHAR, partitionColumns VARCHAR[], configuration {_TEXTS}, "
        "createdTime BIGINT)"
    ),
    "add": (
        f"STRUCT(path VARCHAR, partitionValues {_TEXTS}, size BIGINT, modificationTime BIGINT, "
        "dataChange BOOLEAN, stats VARCHAR)"
    ),
    "remove": "STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN)",
}

Action = Mapping[str, Any]


@dataclass(slots=True)
class _Log:
    """What the commits of a table say together."""

    version: int = -1
    metadata: dict[str, Any] = field(default_factory=dict)
    added: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The entry of each current file, by path."""

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            if found := action.get("metaData"):
                self.metadata = dict(found)
            if found := action.get("remove"):
                self.added.pop(found["path"], None)
            if found := action.get("add"):
                self.added[found["path"]] = dict(found)

    @property
    def actions(self) -> list[Action]:
        """The actions of a checkpoint."""
        files = [{"add": entry} for entry in self.added.values()]
        return [_PROTOCOL, {"metaData": self.metadata}, *files]


_PROTOCOL: Action = {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}


class DeltaLogs:
    """The Delta logs of an export. Each one is read once, when it is needed."""

    def __init__(self, target: FileStore, now: datetime) -> None:
        """Find the tables that have a log.

        Args:
            target: The target of the export.
            now: The current time, UTC.
        """
        self._target, self._milliseconds = target, int(now.timestamp() * 1000)
        self._paths = sorted(path for path in target.paths() if f"/{LOG}/" in path)
        self._logs: dict[str, _Log] = {}

    def follow(self, manifest: Manifest) -> None:
        """Commit what the manifest has and the logs do not.

        Args:
            manifest: The current state of the export. A table that it lacks becomes empty.

        Raises:
            WarehouseError: A log cannot be read or written.
        """
        logged = {path.partition("/")[0] for path in self._paths}
        for name in sorted(logged | set(self._logs) | set(manifest.tables)):
            log = self._logs.get(name) or self._read(name)
            self._logs[name] = log
            if actions := self._missing(name, log, manifest.tables.get(name)):
                self._commit(name, log, actions)

    def _read(self, name: str) -> _Log:
        log, folder = _Log(), f"{name}/{LOG}"
        own = [path for path in self._paths if path.startswith(f"{folder}/")]
        if content := self._target.read(f"{folder}/_last_checkpoint"):
            log.version = json.loads(content)["version"]
            log.take(self._checkpointed(f"{folder}/{log.version:020}.checkpoint.parquet"))
        for path in own:
            stem, _, kind = path.rpartition("/")[2].partition(".")
            if kind == "json" and int(stem) > log.version:
                if int(stem) != log.version + 1:
                    raise _broken(f"{self._target}/{folder}", f"commit {log.version + 1}")
                content = self._target.read(path) or b""
                log.take([json.loads(line) for line in content.splitlines()])
                log.version += 1
        return log

    def _checkpointed(self, path: str) -> list[Action]:
        content = self._target.read(path)
        if content is None:
            raise _broken(str(self._target), path)
        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
            local = Path(folder) / "checkpoint.parquet"
            local.write_bytes(content)
            rows = connection.execute(
                "SELECT to_json(c)::VARCHAR FROM read_parquet($1) c", [str(local)]
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def _missing(self, name: str, log: _Log, state: TableState | None) -> list[Action]:
        wanted = {file.path.partition("/")[2]: file for file in state.files} if state else {}
        actions: list[Action] = [
            {
                "remove": {
                    "path": path,
                    "deletionTimestamp": self._milliseconds,
                    "dataChange": True,
                }
            }
            for path in log.added
            if path not in wanted
        ]
        for path, file in wanted.items():
            if path not in log.added:
                entry = {
                    "path": path,
                    "partitionValues": {},
                    "size": self._target.size(file.path),
                    "modificationTime": self._milliseconds,
                    "dataChange": True,
                    "stats": json.dumps({"numRecords": file.rows}),
                }
                actions.append({"add": entry})
        if state and (schema := _schema(name, state.columns)) != log.metadata.get("schemaString"):
            actions.insert(0, {"metaData": self._metadata(log, schema)})
        return actions

    def _metadata(self, log: _Log, schema: str) -> dict[str, Any]:
        return {
            "id": log.metadata.get("id") or str(uuid.uuid4()),
            "format": {"provider": "parquet", "options": {}},
            "schemaString": schema,
            "partitionColumns": [],
            "configuration": {},
            "createdTime": log.metadata.get("createdTime") or self._milliseconds,
        }

    def _commit(self, name: str, log: _Log, actions: list[Action]) -> None:
        version, folder = log.version + 1, f"{name}/{LOG}"
        info: Action = {"commitInfo": {"timestamp": self._milliseconds, "operation": "WRITE"}}
        lines = [info, *([] if version else [_PROTOCOL]), *actions]
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        self._target.write(f"{folder}/{version:020}.json", text.encode())
        log.take(actions)
        log.version = version
        if version and not version % CHECKPOINT_COMMITS:
            self._checkpoint(folder, log)

    def _checkpoint(self, folder: str, log: _Log) -> None:
        with tempfile.TemporaryDirectory() as local, duckdb.connect() as connection:
            lines, made = Path(local) / "lines.json", Path(local) / "checkpoint.parquet"
            lines.write_text("\n".join(json.dumps(each) for each in log.actions), "utf-8")
            columns = ", ".join(f"{name}: {quoted(kind)}" for name, kind in _ACTIONS.items())
            connection.execute(
                f"COPY (SELECT * FROM read_json({quoted(str(lines))}, columns={{{columns}}}, "
                f"format='newline_delimited')) TO {quoted(str(made))} (FORMAT parquet)"
            )
            self._target.upload(made, f"{folder}/{log.version:020}.checkpoint.parquet")
        facts = json.dumps({"version": log.version, "size": len(log.actions)})
        self._target.write(f"{folder}/_last_checkpoint", facts.encode())
        for path in _outdated(self._target.paths(), folder, log.version - CHECKPOINT_COMMITS):
            self._target.remove(path)


def _outdated(paths: set[str], folder: str, version: int) -> Iterator[str]:
    for path in sorted(paths):
        stem = path.rpartition("/")[2].partition(".")[0]
        if path.startswith(f"{folder}/") and stem.isdigit() and int(stem) < version:
            yield path


def check_types(tables: Mapping[str, TableState]) -> None:
    """Check that Delta has a type for each column.

    Args:
        tables: The tables to publish.

    Raises:
        ConfigurationError: A column has another type.
    """
    for name, state in tables.items():
        _schema(name, state.columns)


def _schema(name: str, columns: Mapping[str, str]) -> str:
    fields = []
    for column, kind in columns.items():
        if not (known := TYPES.get(kind)):
            raise ConfigurationError(
                f"Delta has no type for {name}.{column}, which is {kind}. This table was not "
                "exported; its previous state stays. Drop the column, or export to another folder "
                "without --format delta."
            )
        fields.append({"name": column, "type": known, "nullable": True, "metadata": {}})
    return json.dumps({"type": "struct", "fields": fields})


def _broken(place: str, missing: str) -> WarehouseError:
    return WarehouseError(
        f"The Delta log in {place} is incomplete: {missing} is missing. Nothing was written to it, "
        "and the Parquet files are complete. Delete the table's _delta_log folder and run again."
    )
