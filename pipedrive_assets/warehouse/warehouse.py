"""The warehouse: a dlt destination with locks, so that any number of runs can share it.

Its `Backend` is a file or a server. The whole warehouse is locked only while it is read or written,
never while a run waits for Pipedrive.
"""

import contextlib
import logging
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import dlt
from dlt.common.schema import Schema

from pipedrive_assets.errors import PipedriveError, WarehouseError, raise_alone
from pipedrive_assets.warehouse.backend import Backend
from pipedrive_assets.warehouse.dialect import Sql
from pipedrive_assets.warehouse.dlt.schema import stored_schema
from pipedrive_assets.warehouse.dlt.settings import dlt_settings
from pipedrive_assets.warehouse.duckdb.file import DuckDbFile
from pipedrive_assets.warehouse.duckdb.file_lock import NOTICE_SECONDS, WAREHOUSE_FAULTS
from pipedrive_assets.warehouse.private_files import FILE_MODE
from pipedrive_assets.warehouse.temp_dir import working_folder

log = logging.getLogger(__name__)

LOCK_SECONDS = 600.0
"""How long a run waits for another run before it fails, in seconds."""

BUSY_SECONDS = 60.0
"""How long a run waits for another program to close the file, in seconds."""

POLL_SECONDS = 0.2


class Warehouse:
    """A dataset in a DuckDB file or on a server. Threads of a run may share it.

    Everything that reads or writes the warehouse raises `WarehouseError`, with the cause and a
    remedy, if the database or the disk fails or another run holds a lock for too long.
    """

    def __init__(
        self,
        backend: Backend | Path,
        dataset: str,
        *,
        read_copy: Path | None = None,
        file_mode: int = FILE_MODE,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        """Define the warehouse without opening it.

        Args:
            backend: A server, or the absolute path of a DuckDB file.
            dataset: The schema of the tables.
            read_copy: For a file: the path of its read copy; None: no copy.
            file_mode: For a file: the permissions of new files.
            lock_seconds: How long to wait for the locks of another run.
        """
        if isinstance(backend, Path):
            backend = DuckDbFile(backend, read_copy=read_copy, file_mode=file_mode)
        self.backend = backend
        self.dataset = dataset
        self._work = working_folder()
        self._pipelines: dict[str, dlt.Pipeline] = {}
        self._schemas: dict[str, Schema | None] = {}
        self._ledger: Sql | None = None
        self._connection: Sql | None = None
        self._locks = self.backend.locks(dataset, self._new_client, lock_seconds)
        self._keeps_open, self._open_lock = False, contextlib.ExitStack()

    def __str__(self) -> str:
        """Return backend and dataset, which identify the warehouse in Dagster's metadata."""
        return f"{self.backend}:{self.dataset}"

    @property
    def path(self) -> Path:
        """The DuckDB file.

        Raises:
            TypeError: The warehouse is on a server.
        """
        if not isinstance(self.backend, DuckDbFile):
            raise TypeError(f"{self.backend} is not a file")
        return self.backend.path

    def translate_error(self, error: BaseException) -> WarehouseError:
        """Convert an exception of a library to a `WarehouseError` with cause and remedy."""
        if not Path(self._work.name).is_dir():
            return WarehouseError(
                f"The working folder of this load, {self._work.name}, was removed while the load "
                "was running, for example by a cleanup of temporary files. All rows committed "
                "before are kept. Run again. If it happens again, set TMPDIR to a folder that is "
                "not cleaned up automatically."
            )
        return self.backend.translate_error(error)

    def exists(self) -> bool:
        """Whether the file or the dataset exists. Nothing is created."""
        return self.backend.exists(self.readonly_client)

    def close(self) -> None:
        """Release all locks and remove the working files."""
        self._pipelines.clear()
        self._schemas.clear()
        self._locks.close()
        self._work.cleanup()

    def check_copy(self) -> None:
        """Check that the read copy can be written, if there is one.

        Raises:
            WarehouseError: It cannot be written.
        """
        self.backend.check_copy()

    def renew_copy(self) -> None:
        """Replace the read copy, if there is one, by the current state.

        Raises:
            WarehouseError: It cannot be written; the previous copy stays.
        """
        if self.backend.has_copy:
            with self.sql() as sql:
                self.backend.renew_copy(sql, self._close_connection)

    def rewrite(self, entities: Collection[str] | None = None) -> None:
        """Rewrite the storage, so that no bytes of deleted rows remain. Open clients are closed.

        Args:
            entities: The tables that a server rewrites; None: all. A file is rewritten as a whole.

        Raises:
            WarehouseError: The storage cannot be rewritten; no row is lost.
        """
        with self.sql() as sql:
            self.backend.rewrite(sql, self._close_connection, entities)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock the warehouse for this thread.

        Yields:
            Once, with the lock held.

        Raises:
            WarehouseError: Another run, which is named, has not released the lock in time, or the
                database or the disk failed within the block.
        """
        if self._keeps_open and not self._locks.depth:
            self._open_lock.enter_context(self._whole())
        with self._whole():
            try:
                yield
            except WAREHOUSE_FAULTS as error:
                self.release()
                raise_alone(self.translate_error(error))

    @contextlib.contextmanager
    def keep_open(self) -> Iterator[None]:
        """Keep the warehouse locked and open between uses, until `release`.

        Opening a warehouse takes longer than most queries.

        Yields:
            Once.
        """
        self._keeps_open = True
        try:
            yield
        finally:
            self._keeps_open = False
            self.release()

    def release(self) -> None:
        """Close the warehouse and release its lock; call it before waiting for anything else."""
        self._open_lock.close()

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        with self._locks.whole(), dlt_settings(self.backend.server):
            try:
                yield
            finally:
                self.backend.after_write()
                if self._locks.depth == 1:
                    self._close_connection()

    @contextlib.contextmanager
    def table_lock(self, table: str) -> Iterator[None]:
        """Lock one table, from its first request to its last commit.

        The lock on the warehouse is released before waiting: the run that has the table needs it.

        Args:
            table: The table's name.

        Yields:
            Once, with the lock held.

        Raises:
            WarehouseError: Another run, which is named, has not released the table in time.
        """
        with self._locks.table(table, self.release):
            yield

    @contextlib.contextmanager
    def sql(self) -> Iterator[Sql]:
        """Lock the warehouse and open a SQL client, waiting for temporary obstacles.

        The client stays open until the lock is released: opening takes longer than most queries.

        Yields:
            The client.

        Raises:
            WarehouseError: The warehouse cannot be locked, opened or used.
        """
        with self.exclusive():
            if self._connection is None:
                self._connection = self._open()
            yield self._connection

    @contextlib.contextmanager
    def readonly_client(self) -> Iterator[Sql]:
        """Open a SQL client without a lock and without creating anything.

        Yields:
            The client.

        Raises:
            WarehouseError: The warehouse cannot be opened or used.
        """
        with dlt_settings(self.backend.server):
            client = self._new_client()
            try:
                client.open_connection()
                yield client
            except PipedriveError:
                raise
            except Exception as error:  # noqa: BLE001 - translated to a WarehouseError
                raise_alone(self.translate_error(error))
            finally:
                client.close_connection()

    def pipeline(self, name: str) -> dlt.Pipeline:
        """Return the dlt pipeline of a table, for a warehouse on a server.

        Args:
            name: The name of the pipeline and its schema, for example `pipedrive_deals`.

        Returns:
            The pipeline; it is created once.
        """
        if name not in self._pipelines:
            self._pipelines[name] = self._new_pipeline(name)
        return self._pipelines[name]

    def schema(self, name: str) -> Schema | None:
        """Return the dlt schema of a table, as stored in the warehouse; it is read once.

        The caller holds the warehouse lock.

        Args:
            name: The name of the schema, for example `pipedrive_deals`.

        Returns:
            The schema, which callers must not change; None if the warehouse does not have it.
        """
        if name not in self._schemas:
            with self.sql() as sql:
                self._schemas[name] = stored_schema(sql, name)
        return self._schemas[name]

    def remember(self, name: str, schema: Schema) -> None:
        """Keep the schema that has just been stored in the warehouse; see `schema`."""
        self._schemas[name] = schema

    @property
    def folder(self) -> Path:
        """A private folder for files that are deleted before the end of the run."""
        return Path(self._work.name)

    def forget(self, name: str) -> None:
        """Remove what is known of a table: its schema, its pipeline and the working files.

        The next use reads the schema from the warehouse, so files that a full disk truncated are
        never used.

        Args:
            name: The name of the pipeline and its schema.
        """
        self._schemas.pop(name, None)
        self._pipelines.pop(name, None)
        shutil.rmtree(Path(self._work.name, name), ignore_errors=True)

    def _open(self) -> Sql:
        """Open a client and create the dataset; try again while the warehouse is busy."""
        begun, is_reported = time.monotonic(), False
        with self.backend.opening():
            while True:
                client = self._client()
                try:
                    client.open_connection()
                    self.backend.use_folder(client, self.folder)
                    if not client.has_dataset():
                        client.create_dataset()
                except Exception as error:  # noqa: BLE001 - translated to a WarehouseError
                    with contextlib.suppress(Exception):
                        client.close_connection()
                    waited, failure = time.monotonic() - begun, self.translate_error(error)
                    if not self.backend.is_busy(error) or waited > BUSY_SECONDS:
                        raise_alone(failure)
                    if waited > NOTICE_SECONDS and not is_reported:
                        is_reported = True
                        reason = str(failure).partition(". ")[0]
                        log.warning("%s. Waiting up to %.0f seconds.", reason, BUSY_SECONDS)
                    time.sleep(POLL_SECONDS)
                else:
                    return client

    def _close_connection(self) -> None:
        if connection := self._connection:
            self._connection = None
            connection.close_connection()

    def _client(self) -> Sql:
        """Return the SQL client, created once: dlt resolves its configuration for each client."""
        if not self._ledger:
            self._ledger = self._new_client()
        return self._ledger

    def _new_client(self) -> Sql:
        with dlt_settings(self.backend.server):
            return self._new_pipeline("pipedrive_ledger").sql_client()

    def _new_pipeline(self, name: str) -> dlt.Pipeline:
        try:
            return dlt.pipeline(
                name,
                pipelines_dir=self._work.name,
                destination=self.backend.destination(),
                dataset_name=self.dataset,
            )
        except Exception:
            self.forget(name)
            raise
