"""A warehouse that is a DuckDB file: one process writes it, so a lock beside it is held while it is
touched.
"""

# ruff: noqa: ARG002 - a Store may need what a file does not

import contextlib
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import duckdb
import filelock

from pipedrive_assets.errors import WarehouseError, raise_alone
from pipedrive_assets.warehouse.backend import Locks
from pipedrive_assets.warehouse.dialect import Sql
from pipedrive_assets.warehouse.duckdb import read_copy
from pipedrive_assets.warehouse.duckdb.destination import typed_duckdb
from pipedrive_assets.warehouse.duckdb.file_lock import acquire, is_locked, translate_error
from pipedrive_assets.warehouse.private_files import FILE_MODE, private_folder
from pipedrive_assets.warehouse.replace_file import real_path, replace_file


class DuckDbFile:
    """A Store in one file, with a read copy beside it if there is to be one."""

    file_format: Any = "jsonl"
    server: str | None = None
    stores_nul = True

    def __init__(
        self, path: Path, *, read_copy: Path | None = None, file_mode: int = FILE_MODE
    ) -> None:
        """`path` is absolute; its folder is made when first written. New files have `file_mode`."""
        self.path, self._read_copy, self._mode = path, read_copy, file_mode

    def __str__(self) -> str:
        """The path."""
        return str(self.path)

    def destination(self) -> typed_duckdb:
        """DuckDB, told the types."""
        return typed_duckdb(str(self.path), destination_name="duckdb")

    def locks(self, dataset: str, connect: Callable[[], Sql], seconds: float) -> Locks:
        """Locks in files beside this one."""
        return FileLocks(self.path, seconds, self._mode)

    def exists(self, look: Callable[[], AbstractContextManager[Sql]]) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    @property
    def megabytes(self) -> float:
        """The file's size."""
        return self.path.stat().st_size / 1e6

    def translate_error(self, error: BaseException) -> WarehouseError:
        """One sentence for whatever DuckDB, dlt or the disk said."""
        return translate_error(error, self.path)

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """A new file is made first. On a full disk half a header is left, which nothing can open
        any more.
        """
        is_new = not self.path.exists()
        try:
            if is_new:
                self._make()
            yield
        except Exception as error:
            if is_new:
                self.path.unlink(missing_ok=True)
            if isinstance(error, duckdb.Error | OSError):
                raise_alone(self.translate_error(error))
            raise

    def _make(self) -> None:
        """Make an empty database: DuckDB itself makes files by the umask."""
        target = real_path(self.path)
        with private_folder(target) as folder:
            fresh = folder / target.name
            duckdb.connect(str(fresh)).close()
            fresh.chmod(self._mode)
            fresh.replace(target)

    def after_write(self) -> None:
        """Give DuckDB's log of what is not in the file yet the permissions of the file."""
        target = real_path(self.path)
        with contextlib.suppress(FileNotFoundError, PermissionError):
            Path(f"{target}.wal").chmod(stat.S_IMODE(target.stat().st_mode))

    def is_busy(self, error: BaseException) -> bool:
        """Whether a foreign program has the file open."""
        return is_locked(error)

    @property
    def has_copy(self) -> bool:
        """Whether a setting asks for one."""
        return self._read_copy is not None

    def check_copy(self) -> None:
        """Raise WarehouseError where the read copy could not be written."""
        if self._read_copy:
            read_copy.check(self._read_copy, self._mode)

    def renew_copy(self, sql: Sql, rest: Callable[[], None]) -> None:
        """Copy the file as it is now."""
        if self._read_copy:
            sql.execute_sql("CHECKPOINT")
            rest()
            read_copy.renew(self.path, self._read_copy, self._mode)

    def rewrite(
        self, sql: Sql, rest: Callable[[], None], entities: Collection[str] | None = None
    ) -> None:
        """Put a fresh copy in place of the file: DuckDB leaves deleted rows in it until it needs
        their room. The copy takes its place only where it has every row.
        """
        rest()
        target = real_path(self.path)
        try:
            with private_folder(target) as folder:
                fresh = folder / target.name
                with duckdb.connect(str(target)) as connection:
                    lost = _copy(connection, fresh)
                if lost:
                    raise WarehouseError(
                        f"The rewritten copy of {self.path} lacks rows of {', '.join(lost)}, so it "
                        "did not take the file's place. The warehouse is unchanged, and deleted "
                        "rows may still be in the file. Check the disk, then run the command again."
                    )
                replace_file(fresh, target)
            Path(f"{target}.wal").unlink(missing_ok=True)
        except (duckdb.Error, OSError) as error:
            raise_alone(self.translate_error(error))


def _copy(connection: duckdb.DuckDBPyConnection, fresh: Path) -> list[str]:
    """Copy an open database into a new file; returns the tables whose number of rows differs."""
    # DuckDB names a database after its file, but not always: temp.duckdb becomes temp_db.
    ((name,),) = connection.execute("SELECT current_database()").fetchall()
    copy = f"fresh copy of {name}"
    connection.execute(f"ATTACH '{_quoted(fresh)}' AS {_identifier(copy)}")
    connection.execute(f"COPY FROM DATABASE {_identifier(name)} TO {_identifier(copy)}")
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?", [name]
    ).fetchall()
    lost = [
        f"{schema}.{table}"
        for schema, table in tables
        if len({_count(connection, each, schema, table) for each in (name, copy)}) > 1
    ]
    connection.execute(f"DETACH {_identifier(copy)}")
    return lost


def _count(connection: duckdb.DuckDBPyConnection, *name: str) -> int:
    table = ".".join(map(_identifier, name))
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(rows)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class FileLocks:
    """Locks of the operating system, which releases them when a process dies."""

    def __init__(self, path: Path, seconds: float, file_mode: int = FILE_MODE) -> None:
        """Beside the file of that path."""
        self._path, self._seconds, self._mode = path, seconds, file_mode
        self._whole = filelock.FileLock(f"{path}.lock", timeout=seconds, mode=file_mode)
        self._tables: dict[str, filelock.BaseFileLock] = {}

    @property
    def depth(self) -> int:
        """How many times over this thread holds the file."""
        return self._whole.lock_counter

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Hold the file."""
        with acquire(self._whole, self._path, f"the warehouse {self._path}", file_mode=self._mode):
            yield

    @contextlib.contextmanager
    def table(self, name: str, before_waiting: Callable[[], None]) -> Iterator[None]:
        """Hold one table."""
        if name not in self._tables:
            path = self._path.parent / f".{self._path.name}.locks" / name
            self._tables[name] = filelock.FileLock(path, timeout=self._seconds, mode=self._mode)
        table_lock, what = self._tables[name], f"the table {name} of {self._path}"
        with acquire(
            table_lock, self._path, what, before_waiting=before_waiting, file_mode=self._mode
        ):
            yield

    def close(self) -> None:
        """Nothing is kept open."""


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
