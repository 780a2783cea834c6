"""A warehouse in a DuckDB file.

Only one process can write a DuckDB file, so a lock file next to it is held while it is in use.
"""

# ruff: noqa: ARG002 - a Backend may need arguments that a file does not

import contextlib
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import dlt
import duckdb
import filelock
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from pipedrive_assets.errors import WarehouseError, raise_alone
from pipedrive_assets.warehouse.backend import Locks
from pipedrive_assets.warehouse.dialect import Sql, identifier
from pipedrive_assets.warehouse.duckdb import read_copy
from pipedrive_assets.warehouse.duckdb.file_lock import (
    NOT_DUCKDB,
    acquire,
    is_locked,
    translate_error,
)
from pipedrive_assets.warehouse.duckdb.pandas_import import import_pandas
from pipedrive_assets.warehouse.private_files import FILE_MODE, private_folder
from pipedrive_assets.warehouse.replace_file import real_path, replace_file

MEMORY = "1GB"
"""The memory that DuckDB may use by default; its own default is 80 % of the machine's."""

BLOCK_BYTES = 65_536
"""The size of a block in new files; DuckDB's default is 262,144. Until a checkpoint, each column of
a table takes at least one block of memory, so wide tables take less with smaller blocks. With the
smallest possible blocks of 16,384 bytes, integers are no longer compressed."""

STATEMENTS = (
    # Size of the write-ahead log at which DuckDB writes a checkpoint. Until then it keeps committed
    # rows in memory. dlt's default is 1 GB.
    "SET GLOBAL checkpoint_threshold = '64MB'",
    # DuckDB must not read a variable of the process in place of a missing table.
    "SET GLOBAL python_enable_replacements = false",
)
"""Run by dlt each time that it opens the file."""


class DuckDbFile:
    """A backend in one DuckDB file, with an optional read copy.

    Attributes:
        server: None: a file has no credentials.
        stores_nul: Whether texts and JSON may contain the NUL character.
    """

    server: str | None = None
    stores_nul = True

    def __init__(
        self,
        path: Path,
        *,
        read_copy: Path | None = None,
        file_mode: int = FILE_MODE,
        memory: str = MEMORY,
        read_only: bool = False,
    ) -> None:
        """Define the file without opening it.

        Args:
            path: The absolute path. Its folder is created when it is first written.
            read_copy: The path of the read copy; None: no copy.
            file_mode: The permissions of new files.
            memory: The memory that DuckDB may use, for example `1GB`.
            read_only: Whether clients open the file without the right to write.
        """
        self.path, self._read_copy, self._mode = path, read_copy, file_mode
        self._memory, self._read_only = memory, read_only

    def __str__(self) -> str:
        """Return the path."""
        return str(self.path)

    def destination(self) -> dlt.destinations.duckdb:
        """Create the dlt destination, whose SQL client reads and writes the file."""
        import_pandas()
        # With the path as an argument, dlt would import sqlalchemy to parse it as a URL.
        credentials = DuckDbCredentials()
        credentials.database = str(self.path)
        credentials.read_only = self._read_only
        credentials.statements = [*STATEMENTS, f"SET GLOBAL memory_limit = '{self._memory}'"]
        # Afterwards the statements can no longer be changed.
        credentials.resolve()
        return dlt.destinations.duckdb(credentials, destination_name="duckdb")

    def locks(self, dataset: str, connect: Callable[[], Sql], seconds: float) -> Locks:
        """Create the locks, which are files next to the warehouse.

        Args:
            dataset: Ignored: the whole file is locked.
            connect: Ignored: locks need no connection.
            seconds: How long to wait for another run.

        Returns:
            The locks.
        """
        return FileLocks(self.path, seconds, self._mode)

    def exists(self, look: Callable[[], AbstractContextManager[Sql]]) -> bool:
        """Whether the file exists."""
        return self.path.exists()

    @property
    def megabytes(self) -> float:
        """Size of the file in MB (10^6 bytes)."""
        return self.path.stat().st_size / 1e6

    def translate_error(self, error: BaseException) -> WarehouseError:
        """Convert an exception of DuckDB, dlt or the disk to a `WarehouseError`."""
        return translate_error(error, self.path)

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """Create a missing file, and delete it again if it cannot be opened.

        On a full disk DuckDB leaves an incomplete file, which it cannot open later.

        Yields:
            Once, to open a connection.

        Raises:
            WarehouseError: The file cannot be created or opened.
        """
        is_new = not self.path.exists()
        try:
            if is_new:
                self._create()
            else:
                check_format(self.path)
            yield
        except Exception as error:
            if is_new:
                self.path.unlink(missing_ok=True)
            if isinstance(error, duckdb.Error | OSError):
                raise_alone(self.translate_error(error))
            raise

    def _create(self) -> None:
        """Create an empty database with our permissions; DuckDB would use the umask."""
        target = real_path(self.path)
        with private_folder(target) as folder:
            fresh = folder / target.name
            duckdb.connect(str(fresh), config={"default_block_size": str(BLOCK_BYTES)}).close()
            fresh.chmod(self._mode)
            fresh.replace(target)

    def use_folder(self, sql: Sql, folder: Path) -> None:
        """Write DuckDB's temporary files to a private folder; by default they are next to the file.

        Args:
            sql: A client that was just opened.
            folder: The folder.
        """
        sql.execute_sql(f"SET GLOBAL temp_directory = '{_quoted(folder / 'duckdb')}'")

    def after_write(self) -> None:
        """Give DuckDB's write-ahead log the permissions of the file."""
        target = real_path(self.path)
        with contextlib.suppress(FileNotFoundError, PermissionError):
            Path(f"{target}.wal").chmod(stat.S_IMODE(target.stat().st_mode))

    def is_busy(self, error: BaseException) -> bool:
        """Whether another program has the file open."""
        return is_locked(error)

    @property
    def has_copy(self) -> bool:
        """Whether a setting asks for a read copy."""
        return self._read_copy is not None

    def check_copy(self) -> None:
        """Check that the read copy can be written, if a setting asks for one.

        Raises:
            WarehouseError: It cannot be written.
        """
        if self._read_copy:
            read_copy.check(self._read_copy, self._mode)

    def renew_copy(self, sql: Sql, close: Callable[[], None]) -> None:
        """Replace the read copy by a copy of the file.

        Args:
            sql: An open client.
            close: Closes the client.

        Raises:
            WarehouseError: The copy cannot be written; the previous copy stays.
        """
        if self._read_copy:
            sql.execute_sql("CHECKPOINT")
            close()
            read_copy.renew(self.path, self._read_copy, self._mode)

    def rewrite(
        self, sql: Sql, close: Callable[[], None], entities: Collection[str] | None = None
    ) -> None:
        """Replace the file by a fresh copy, without the bytes of deleted rows.

        DuckDB keeps these bytes until it reuses the space. The copy replaces the file only if it
        has the same number of rows in every table.

        Args:
            sql: An open client.
            close: Closes the client.
            entities: Ignored: the whole file is rewritten.

        Raises:
            WarehouseError: The copy cannot be written or lacks rows; the file is unchanged.
        """
        close()
        target = real_path(self.path)
        try:
            with private_folder(target) as folder:
                fresh = folder / target.name
                with duckdb.connect(str(target)) as connection:
                    lost = _copy(connection, fresh)
                if lost:
                    raise WarehouseError(
                        f"The rewritten copy of {self.path} lacks rows of {', '.join(lost)} and "
                        "was discarded. The warehouse is unchanged, but bytes of deleted rows may "
                        "still be in the file. Check the disk, then run the command again."
                    )
                replace_file(fresh, target)
            Path(f"{target}.wal").unlink(missing_ok=True)
        except (duckdb.Error, OSError) as error:
            raise_alone(self.translate_error(error))


def check_format(path: Path) -> None:
    """Check that a file is a DuckDB database.

    DuckDB would download an extension to open a file of another database, such as SQLite.

    Args:
        path: An existing file.

    Raises:
        WarehouseError: It is another file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as error:
        raise_alone(translate_error(error, path))
    if start[8:] != b"DUCK":
        raise WarehouseError(NOT_DUCKDB.format(path=path))


def _copy(connection: duckdb.DuckDBPyConnection, fresh: Path) -> list[str]:
    """Copy an open database to a new file; return the tables whose number of rows differs."""
    # DuckDB usually names a database after its file, but temp.duckdb becomes temp_db.
    ((name,),) = connection.execute("SELECT current_database()").fetchall()
    copy = f"fresh copy of {name}"
    connection.execute(
        f"ATTACH '{_quoted(fresh)}' AS {identifier(copy)} (BLOCK_SIZE {BLOCK_BYTES})"
    )
    connection.execute(f"COPY FROM DATABASE {identifier(name)} TO {identifier(copy)}")
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?", [name]
    ).fetchall()
    lost = [
        f"{schema}.{table}"
        for schema, table in tables
        if len({_count(connection, each, schema, table) for each in (name, copy)}) > 1
    ]
    connection.execute(f"DETACH {identifier(copy)}")
    return lost


def _count(connection: duckdb.DuckDBPyConnection, *name: str) -> int:
    table = ".".join(map(identifier, name))
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(rows)


class FileLocks:
    """Lock files, whose locks the operating system releases when a process ends."""

    def __init__(self, path: Path, seconds: float, file_mode: int = FILE_MODE) -> None:
        """Define the locks without creating their files.

        Args:
            path: The warehouse file.
            seconds: How long to wait for another run.
            file_mode: The permissions of the lock files.
        """
        self._path, self._seconds, self._mode = path, seconds, file_mode
        self._whole = filelock.FileLock(f"{path}.lock", timeout=seconds, mode=file_mode)
        self._tables: dict[str, filelock.BaseFileLock] = {}

    @property
    def depth(self) -> int:
        """How many nested locks on the file this thread holds; 0: none."""
        return self._whole.lock_counter

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Lock the file.

        Yields:
            Once, with the lock held.

        Raises:
            WarehouseError: Another run, which is named, has not released it in time.
        """
        what = f"the warehouse {self._path}"
        nested = self._whole.acquire(timeout=0) if self.depth else None
        with nested or acquire(self._whole, self._path, what, file_mode=self._mode):
            yield

    @contextlib.contextmanager
    def table(self, name: str, before_waiting: Callable[[], None]) -> Iterator[None]:
        """Lock one table.

        Args:
            name: The table.
            before_waiting: Called before this run waits for another one.

        Yields:
            Once, with the lock held.

        Raises:
            WarehouseError: Another run, which is named, has not released it in time.
        """
        if name not in self._tables:
            path = self._path.parent / f".{self._path.name}.locks" / name
            self._tables[name] = filelock.FileLock(path, timeout=self._seconds, mode=self._mode)
        table_lock, what = self._tables[name], f"the table {name} of {self._path}"
        with acquire(
            table_lock, self._path, what, before_waiting=before_waiting, file_mode=self._mode
        ):
            yield

    def close(self) -> None:
        """Do nothing: file locks need no open resources."""


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
