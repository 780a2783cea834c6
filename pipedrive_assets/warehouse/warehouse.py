"""The warehouse: a dlt destination behind locks, so that any number of runs and programs may share
it. Where it lives, a file or a server, is its `Backend`'s business.

The whole of it is held only while it is touched, never while Pipedrive is asked.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipedrive_assets.errors import WarehouseError, raise_alone
from pipedrive_assets.warehouse.backend import Backend
from pipedrive_assets.warehouse.dialect import Sql
from pipedrive_assets.warehouse.dlt.settings import dlt_settings
from pipedrive_assets.warehouse.duckdb.file import DuckDbFile
from pipedrive_assets.warehouse.duckdb.file_lock import WAREHOUSE_FAULTS
from pipedrive_assets.warehouse.private_files import FILE_MODE
from pipedrive_assets.warehouse.temp_dir import working_folder

LOCK_SECONDS = 600.0
"""How long a run waits for another before it gives up with a sentence."""

BUSY_SECONDS = 60.0
"""How long it waits for a foreign program to let go of the file."""

POLL_SECONDS = 0.2


class Warehouse:
    """A dataset in a DuckDB file or on a server.

    Safe to share between the threads of a run.
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
        """A path is that of a DuckDB file, absolute; `read_copy` and `file_mode`, the permissions
        of new files, go with it.
        """
        if isinstance(backend, Path):
            backend = DuckDbFile(backend, read_copy=read_copy, file_mode=file_mode)
        self.backend = backend
        self.dataset = dataset
        self._work = working_folder()
        self._pipelines: dict[str, dlt.Pipeline] = {}
        self._ledger: Sql | None = None
        self._connection: Sql | None = None
        self._locks = self.backend.locks(dataset, self._new_client, lock_seconds)
        self._lingers, self._lingering = False, contextlib.ExitStack()

    def __str__(self) -> str:
        """What identifies it: automation trusts only materializations that went here."""
        return f"{self.backend}:{self.dataset}"

    @property
    def path(self) -> Path:
        """The file of a warehouse that is one."""
        if not isinstance(self.backend, DuckDbFile):
            raise TypeError(f"{self.backend} is no file")
        return self.backend.path

    @property
    def file_format(self) -> Any:
        """In which form dlt hands rows over; None: the one it prefers."""
        return self.backend.file_format

    def translate_error(self, error: BaseException) -> WarehouseError:
        """One sentence for whatever the libraries said of it."""
        if not Path(self._work.name).is_dir():
            return WarehouseError(
                f"The working folder of this load, {self._work.name}, was removed while the load "
                "was running, for example by a clean-up of temporary files. Everything committed "
                "before is kept. Run again; if it happens again, set TMPDIR to a folder that "
                "nothing cleans up."
            )
        return self.backend.translate_error(error)

    def exists(self) -> bool:
        """Whether something was ever loaded here; makes nothing. Raises WarehouseError."""
        return self.backend.exists(self.readonly_client)

    def close(self) -> None:
        """Remove the working files."""
        self._pipelines.clear()
        self._locks.close()
        self._work.cleanup()

    def check_copy(self) -> None:
        """Raise WarehouseError where the read copy could not be written."""
        self.backend.check_copy()

    def renew_copy(self) -> None:
        """Renew the read copy, if there is to be one; raises WarehouseError."""
        if self.backend.has_copy:
            with self.sql() as sql:
                self.backend.renew_copy(sql, self._close_connection)

    def rewrite(self, entities: Collection[str] | None = None) -> None:
        """Write everything anew, so that nothing deleted remains; SQL clients taken before are
        closed. On a server only the tables of these entities (None: all). Raises WarehouseError.
        """
        with self.sql() as sql:
            self.backend.rewrite(sql, self._close_connection, entities)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the warehouse, and turn what the libraries raise meanwhile into one sentence.

        Raises WarehouseError, naming the holder, when another run does not let go in time.
        """
        if self._lingers and not self._locks.depth:
            self._lingering.enter_context(self._whole())
        with self._whole():
            try:
                yield
            except WAREHOUSE_FAULTS as error:
                self.release()
                raise_alone(self.translate_error(error))

    @contextlib.contextmanager
    def keep_open(self) -> Iterator[None]:
        """Inside, the warehouse stays held and open after use until `release`: opening it takes
        longer than most of what is done with it.
        """
        self._lingers = True
        try:
            yield
        finally:
            self._lingers = False
            self.release()

    def release(self) -> None:
        """Stop lingering: to be called before anything that waits."""
        self._lingering.close()

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
        """Hold one table from its first request to its last commit, so that runs never interleave
        on it. The warehouse is let go before waiting: whoever has the table may need it.
        """
        with self._locks.table(table, self.release):
            yield

    @contextlib.contextmanager
    def sql(self) -> Iterator[Sql]:
        """A SQL client in the dataset, with the warehouse held; waits for what keeps it from being
        opened and passes by itself.

        It stays open until the warehouse is let go: opening takes longer than most queries.
        """
        with self.exclusive():
            if self._connection is None:
                self._connection = self._open()
            yield self._connection

    @contextlib.contextmanager
    def readonly_client(self) -> Iterator[Sql]:
        """A SQL client that holds nothing and makes nothing, to look at a server with."""
        with dlt_settings(self.backend.server):
            client = self._new_client()
            try:
                client.open_connection()
                yield client
            except Exception as error:  # noqa: BLE001 - one sentence for all
                raise_alone(self.translate_error(error))
            finally:
                client.close_connection()

    def pipeline(self, name: str) -> dlt.Pipeline:
        """The dlt pipeline of one table, its schema restored from the warehouse.

        Call it with the file held.
        """
        if name not in self._pipelines:
            pipeline = self._new_pipeline(name)
            with self.sql() as sql:
                if _has_schema(sql, name):
                    _restore_schema(pipeline, name)
            self._pipelines[name] = pipeline
        return self._pipelines[name]

    def forget(self, name: str) -> None:
        """Drop a pipeline with all that it left behind here: the next use restores its schema from
        the warehouse. What a full disk cut short would be mistaken for a schema.
        """
        self._pipelines.pop(name, None)
        shutil.rmtree(Path(self._work.name, name), ignore_errors=True)

    def _open(self) -> Sql:
        """Open it, patiently."""
        give_up = time.monotonic() + BUSY_SECONDS
        with self.backend.opening():
            while True:
                client = self._client()
                try:
                    client.open_connection()
                    if not client.has_dataset():
                        client.create_dataset()
                except Exception as error:  # noqa: BLE001 - one sentence for all
                    with contextlib.suppress(Exception):
                        client.close_connection()
                    if not self.backend.is_busy(error) or time.monotonic() > give_up:
                        raise_alone(self.translate_error(error))
                    time.sleep(POLL_SECONDS)
                else:
                    return client

    def _close_connection(self) -> None:
        if connection := self._connection:
            self._connection = None
            connection.close_connection()

    def _client(self) -> Sql:
        """Made once: dlt resolves its whole configuration anew for each."""
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


def _has_schema(sql: Sql, name: str) -> bool:
    """Whether dlt keeps the schema of this name; it warns when asked for one that it does not."""
    try:
        versions = sql.make_qualified_table_name("_dlt_version")
        found = sql.execute_sql(f"SELECT 1 FROM {versions} WHERE schema_name = %s LIMIT 1", name)
    except DatabaseUndefinedRelation:
        return False
    return bool(found)


def _restore_schema(pipeline: dlt.Pipeline, name: str) -> None:
    client: Any = pipeline.destination_client()
    with client:
        stored = client.get_stored_schema(name)
    # dlt's own way restores state as well, and asks the warehouse three times.
    pipeline._inject_schema(Schema.from_dict(json.loads(stored.schema)))  # noqa: SLF001
