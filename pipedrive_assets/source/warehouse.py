"""The warehouse: a dlt destination behind a file lock, so that any number of runs and programs may
share one file.

DuckDB lets one process write a file. The lock is held only while the file is touched, never
while Pipedrive is asked.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import dlt
import filelock
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from pipedrive_assets.source import read_copy
from pipedrive_assets.source.duckdb_destination import typed_duckdb
from pipedrive_assets.source.file_lock import WAREHOUSE_FAULTS, explain, hold
from pipedrive_assets.source.working_folder import working_folder

LOCK_SECONDS = 600.0
"""How long a run waits for another before it gives up with a sentence."""

BUSY_SECONDS = 60.0
"""How long it waits for a foreign program to let go of the file."""

POLL_SECONDS = 0.2
LOADER_FILE_FORMAT: Literal["jsonl"] = "jsonl"


class Warehouse:
    """One DuckDB file and the dataset in it.

    Safe to share between the threads of a run.
    """

    def __init__(
        self,
        path: Path,
        dataset: str,
        *,
        read_copy: Path | None = None,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        """`path` is absolute; its folder is made when first written."""
        self.path, self.dataset, self._read_copy = path, dataset, read_copy
        self._lock_seconds = lock_seconds
        self._lock = filelock.FileLock(f"{path}.lock", timeout=lock_seconds)
        self._work = working_folder()
        self._pipelines: dict[str, dlt.Pipeline] = {}
        self._table_locks: dict[str, filelock.BaseFileLock] = {}
        self._ledger: SqlClientBase[Any] | None = None
        self._connection: SqlClientBase[Any] | None = None
        self._lingers, self._lingering = False, contextlib.ExitStack()
        _settle_dlt()

    def __str__(self) -> str:
        """What identifies it: automation trusts only materializations that went here."""
        return f"{self.path}:{self.dataset}"

    def close(self) -> None:
        """Remove the working files."""
        self._pipelines.clear()
        self._work.cleanup()

    def check_copy(self) -> None:
        """Raise WarehouseError where the read copy could not be written."""
        if self._read_copy:
            read_copy.check(self._read_copy)

    def renew_copy(self) -> None:
        """Renew the read copy, if there is to be one; raises WarehouseError."""
        if self._read_copy is None:
            return
        with self.exclusive():
            with self.sql() as sql:
                sql.execute_sql("CHECKPOINT")
            self.rest()
            read_copy.renew(self.path, self._read_copy)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the file, and turn what the libraries raise meanwhile into one sentence.

        Raises WarehouseError, naming the holder, when another run does not let go in time.
        """
        if self._lingers and not self._lock.lock_counter:
            self._lingering.enter_context(self._file())
        with self._file():
            try:
                yield
            except WAREHOUSE_FAULTS as error:
                self.let_go()
                raise explain(error, self.path) from error

    @contextlib.contextmanager
    def lingering(self) -> Iterator[None]:
        """Inside, the file stays held and open after use until `let_go`: opening it takes DuckDB
        longer than most of what is done with it.
        """
        self._lingers = True
        try:
            yield
        finally:
            self._lingers = False
            self.let_go()

    def let_go(self) -> None:
        """Stop lingering over the file: to be called before anything that waits."""
        self._lingering.close()

    @contextlib.contextmanager
    def _file(self) -> Iterator[None]:
        with hold(self._lock, self.path, f"the warehouse {self.path}"):
            try:
                yield
            finally:
                if self._lock.lock_counter == 1:
                    self._close_connection()

    @contextlib.contextmanager
    def table_lock(self, table: str) -> Iterator[None]:
        """Hold one table from its first request to its last commit, so that runs never interleave
        on it. The file is let go before waiting: whoever has the table may need it.
        """
        if table not in self._table_locks:
            path = self.path.parent / f".{self.path.name}.locks" / table
            self._table_locks[table] = filelock.FileLock(path, timeout=self._lock_seconds)
        lock, what = self._table_locks[table], f"the table {table} of {self.path}"
        with hold(lock, self.path, what, before_waiting=self.let_go):
            yield

    @contextlib.contextmanager
    def sql(self) -> Iterator[SqlClientBase[Any]]:
        """A SQL client in the dataset, with the file held; waits for foreign programs that have it
        open.

        It stays open until the file is let go: opening takes DuckDB longer than most queries.
        """
        with self.exclusive():
            if self._connection is None:
                self._connection = self._open()
            yield self._connection

    def pipeline(self, name: str) -> dlt.Pipeline:
        """The dlt pipeline of one table, its schema restored from the warehouse.

        Call it with the file held.
        """
        if name not in self._pipelines:
            pipeline = self._new_pipeline(name)
            with self.sql() as sql:
                if _has_schema(sql, name):
                    pipeline.sync_destination()
            self._pipelines[name] = pipeline
        return self._pipelines[name]

    def forget(self, name: str) -> None:
        """Drop a pipeline with all that it left behind here: the next use restores its schema from
        the warehouse. What a full disk cut short would be mistaken for a schema.
        """
        self._pipelines.pop(name, None)
        shutil.rmtree(Path(self._work.name, name), ignore_errors=True)

    def _open(self) -> SqlClientBase[Any]:
        """Open the file, patiently."""
        give_up = time.monotonic() + BUSY_SECONDS
        is_new = not self.path.exists()
        while True:
            client = self._client()
            try:
                client.open_connection()
                if not client.has_dataset():
                    client.create_dataset()
            except Exception as error:
                with contextlib.suppress(Exception):
                    client.close_connection()
                if "lock" not in str(error).lower() or time.monotonic() > give_up:
                    if is_new:
                        # On a full disk half a header is left, which nothing can open any more.
                        self.path.unlink(missing_ok=True)
                    raise explain(error, self.path) from error
                time.sleep(POLL_SECONDS)
            else:
                return client

    def rest(self) -> None:
        """Let go of the file's connection while the lock stays held; the next query opens it."""
        self._close_connection()

    def _close_connection(self) -> None:
        if connection := self._connection:
            self._connection = None
            connection.close_connection()

    def _client(self) -> SqlClientBase[Any]:
        """Made once: dlt resolves its whole configuration anew for each."""
        if not self._ledger:
            self._ledger = self._new_pipeline("pipedrive_ledger").sql_client()
        return self._ledger

    def _new_pipeline(self, name: str) -> dlt.Pipeline:
        try:
            return dlt.pipeline(
                name,
                pipelines_dir=self._work.name,
                destination=typed_duckdb(str(self.path), destination_name="duckdb"),
                dataset_name=self.dataset,
            )
        except Exception:
            self.forget(name)
            raise


def _has_schema(sql: SqlClientBase[Any], name: str) -> bool:
    """Whether dlt keeps the schema of this name; it warns when asked for one that it does not."""
    try:
        versions = sql.make_qualified_table_name("_dlt_version")
        found = sql.execute_sql(f"SELECT 1 FROM {versions} WHERE schema_name = %s LIMIT 1", name)
    except DatabaseUndefinedRelation:
        return False
    return bool(found)


def _settle_dlt() -> None:
    """Uncompressed JSON lines load 9 times faster than dlt's default; telemetry is off unless the
    user turned it on.
    """
    dlt.config["data_writer.disable_compression"] = True
    if "RUNTIME__DLTHUB_TELEMETRY" not in os.environ:
        dlt.config["runtime.dlthub_telemetry"] = False
