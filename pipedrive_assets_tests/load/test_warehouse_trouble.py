"""Whatever befalls the warehouse file: one sentence that ends in what to do, and nothing broken."""

import contextlib
import errno
import itertools
import logging
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import duckdb
import pytest
from dlt.destinations.exceptions import DatabaseTransientException, DestinationConnectionError
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

from pipedrive_assets.errors import ConfigurationError, LoadFailed, WarehouseError
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.duckdb.file import BLOCK_BYTES, DuckDbFile, FileLocks
from pipedrive_assets.warehouse.duckdb.file_lock import translate_error
from pipedrive_assets.warehouse.ledger import prepare
from pipedrive_assets.warehouse.own_views import OwnViews
from pipedrive_assets.warehouse.read_only import reading
from pipedrive_assets_tests.facts import mentions, raises

FILE = Path("/data/warehouse.duckdb")
LOCKED = (
    'IO Error: Could not set lock on file "w": Conflicting lock is held in /usr/bin/dbeaver '
    "(PID 4711). See also https://duckdb.org"
)


def io_error(text):
    return duckdb.IOException(f"IO Error: {text}")


TROUBLE = {
    "full": (
        OSError(errno.ENOSPC, "No space left on device"),
        io_error('Could not write "x": No space left on device'),
        duckdb.TransactionException('Failed to commit: "x.wal": No space left on device'),
    ),
    "read-only": (OSError(errno.EROFS, "Read-only file system"),),
    "not permitted": (
        PermissionError(errno.EACCES, "no"),
        io_error('Cannot open file "w": Permission denied'),
    ),
    "locked": (duckdb.IOException(LOCKED),),
    "memory": (
        duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate data of 1.0 MiB"),
        duckdb.FatalException(
            "FATAL Error: Failed to create checkpoint because of error: Out of Memory Error: "
            "failed to allocate data of 1.0 MiB"
        ),
    ),
    "a file in place of a folder": (NotADirectoryError(errno.ENOTDIR, "no"),),
    "a folder": (IsADirectoryError(errno.EISDIR, "no"),),
    "a broken disk": (
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ESTALE, "Stale file handle"),
        io_error('Could not read from file "w": Input/output error'),
    ),
    "too many files": (
        OSError(errno.EMFILE, "no"),
        io_error('Cannot open "w": Too many open files'),
    ),
    "foreign": (io_error('The file "w" exists, but it is not a valid DuckDB database file!'),),
    "of another version": (io_error("Trying to read a database file with version number 99"),),
    "damaged": (
        io_error("Corrupt database file: computed checksum 1 does not match"),
        io_error('Could not read enough bytes from file "w": attempted to read 65536 bytes'),
        duckdb.InternalException('INTERNAL Error: Failure while replaying WAL file "w.wal": x'),
    ),
    "new": (io_error("something new\nand long"),),
    "not described": (Exception("Anna Li"),),
    "with a row": (duckdb.ConversionException('Could not convert string "Anna Li" to INT64'),),
}
FACTS = {
    "full": ("TMPDIR",),
    "read-only": ("PIPEDRIVE_WAREHOUSE",),
    "locked": ("/usr/bin/dbeaver", "4711", "PIPEDRIVE_READ_COPY"),
    "memory": ("PIPEDRIVE_DUCKDB_MEMORY",),
    "not permitted": (f"uid {os.getuid()}", "read or write", "folder"),
    "a file in place of a folder": ("PIPEDRIVE_WAREHOUSE", "Nothing was changed"),
    "too many files": ("ulimit",),
    "foreign": ("PIPEDRIVE_WAREHOUSE", "backup"),
    "damaged": (f"{FILE}.wal", "read copy"),
    "of another version": ("duckdb",),
    "new": ("IOException", "IO Error: something new"),
    "with a row": ("ConversionException",),
}


@pytest.mark.parametrize("kind", TROUBLE)
def test_each_trouble_has_one_message_with_its_facts(kind):
    told = {str(translate_error(error, FILE)) for error in TROUBLE[kind]} | {
        str(translate_error(DestinationConnectionError("client", "data", str(error), error), FILE))
        for error in TROUBLE[kind]
    }

    assert 1 == len(told)
    assert re.match(mentions(FILE, *FACTS.get(kind, ())), min(told))
    assert "Anna" not in min(told)
    assert "\n" not in min(told)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, dg.DagsterExecutionInterruptedError])
def test_a_stop_within_a_statement_is_no_trouble_of_the_warehouse(stop):
    error = RuntimeError("Query interrupted")
    error.__cause__ = stop()
    with pytest.raises(stop):
        translate_error(DestinationConnectionError("client", "data", str(error), error), FILE)


def test_no_two_troubles_have_the_same_message():
    assert len(TROUBLE) == len({str(translate_error(one[0], FILE)) for one in TROUBLE.values()})


@pytest.mark.parametrize(
    "name", ["block.duckdb", "No space left.duckdb", "Permission denied.duckdb", "locked.duckdb"]
)
def test_words_in_a_path_are_not_the_fault(tmp_path, monkeypatch, name):
    """A damaged file is not waited for, and is not taken for one that is locked or full."""
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("waited"))
    path = tmp_path / name
    path.write_bytes(b"x" * 20_000)
    warehouse = Warehouse(path, "pipedrive_data")
    with raises(WarehouseError, path, "PIPEDRIVE_WAREHOUSE"), warehouse.sql():
        pass
    warehouse.close()


def test_a_file_of_another_database_is_not_opened(tmp_path):
    """DuckDB would download an extension to open SQLite's files."""
    path = tmp_path / "w.duckdb"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE a (b)")
    held = path.read_bytes()
    warehouse = Warehouse(path, "pipedrive_data")
    with raises(WarehouseError, path, "is not a DuckDB file"), warehouse.sql():
        pass
    with raises(WarehouseError, path, "is not a DuckDB file"), reading(warehouse):
        pass
    warehouse.close()
    assert held == path.read_bytes()


def test_an_error_of_this_project_while_reading_stays_what_it_is(tmp_path):
    warehouse = Warehouse(tmp_path / "w.duckdb", "pipedrive_data")
    with warehouse.sql():
        pass
    wrong = ConfigurationError("Name another schema.")
    with pytest.raises(ConfigurationError, match="Name another"), warehouse.readonly_client():
        raise wrong
    warehouse.close()


def warnings_of(caplog):
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


def test_a_view_that_cannot_be_dropped_is_reported_with_the_reason(tmp_path, monkeypatch, caplog):
    full = duckdb.TransactionException("TransactionContext Error: No space left on device")
    warehouse = Warehouse(tmp_path / "w.duckdb", "pipedrive_data")
    with warehouse.sql() as sql:
        prepare(sql)
        views = OwnViews(sql)
        views.replace("deals_live", "SELECT 1 AS id")
        failing = Mock(side_effect=DatabaseTransientException(full))
        monkeypatch.setattr("pipedrive_assets.warehouse.dialect.drop_view", failing)
        views.drop("deals_live")
    warehouse.close()
    (line,) = warnings_of(caplog)
    assert re.match(mentions("deals_live", "No space left on device"), line)


def test_a_wait_for_another_program_is_logged_once(tmp_path, monkeypatch, caplog):
    clock = itertools.count(step=4)
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("time.sleep", lambda _: None)
    busy = duckdb.IOException(LOCKED)
    monkeypatch.setattr(DuckDbSqlClient, "open_connection", Mock(side_effect=busy))
    warehouse = Warehouse(tmp_path / "w.duckdb", "pipedrive_data")
    with raises(WarehouseError, "dbeaver"), warehouse.sql():
        pass
    warehouse.close()
    (line,) = warnings_of(caplog)
    assert re.match(mentions("w.duckdb", "dbeaver", "4711", "Waiting up to 60 seconds"), line)


def test_a_wait_for_another_run_is_logged(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("pipedrive_assets.warehouse.duckdb.file_lock.NOTICE_SECONDS", 0.01)
    path = tmp_path / "w.duckdb"
    first, second = FileLocks(path, 0.1), FileLocks(path, 0.1)
    with first.whole(), raises(WarehouseError, "Another run", path), second.whole():
        pass
    (line,) = warnings_of(caplog)
    assert re.match(mentions(f"process {os.getpid()}", path, "Waiting"), line)


def test_a_file_that_another_process_has_open_is_waited_for_and_named(tmp_path, monkeypatch):
    path = tmp_path / "w.duckdb"
    hold = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    other.stdout.readline()
    try:
        backend = DuckDbFile(path)
        with pytest.raises(duckdb.IOException) as caught:
            duckdb.connect(str(path))
        assert backend.is_busy(caught.value)
        assert f"process {other.pid})" in str(backend.translate_error(caught.value))
    finally:
        other.communicate(b"\n")


def test_a_file_that_was_made_in_vain_is_removed(tmp_path, monkeypatch):
    """On a full disk DuckDB leaves half a header, which nothing can open any more."""

    def half(_client):
        (tmp_path / "warehouse.duckdb").write_bytes(b"half a header")
        raise OSError(errno.ENOSPC, "No space left on device")

    warehouse = Warehouse(tmp_path / "warehouse.duckdb", "pipedrive_data")
    with monkeypatch.context() as patched:
        patched.setattr(DuckDbSqlClient, "open_connection", half)
        with pytest.raises(WarehouseError, match="TMPDIR"), warehouse.sql():
            pass

    with warehouse.sql() as sql:
        assert [(1,)] == list(sql.execute_sql("SELECT 1"))
    warehouse.close()


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("table", ["stages", "persons__emails"])
def test_a_working_file_that_was_cut_short_spoils_no_later_load(office, monkeypatch, table):
    whole = Path.write_bytes

    def cut_short(path, content):
        if path.name != f"{table}.jsonl":
            return whole(path, content)
        whole(path, content[:9])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", cut_short)
        with pytest.raises((LoadFailed, WarehouseError), match="TMPDIR"):
            office.load("stages", "persons")

    office.load("stages", "persons")
    assert [] == office.differences("stages", "persons")


def test_duckdb_has_limits_of_ours_and_a_private_folder(office):
    """dlt and DuckDB have their own, which are larger."""
    names = ("checkpoint_threshold", "memory_limit", "temp_directory")
    settings = ", ".join(f"current_setting('{name}')" for name in names)
    with office.warehouse.sql() as sql:
        office.load("stages")
        ((checkpoint, memory, folder),) = sql.execute_sql(f"SELECT {settings}")
        ((blocks,),) = sql.execute_sql("SELECT block_size FROM pragma_database_size()")
    assert ("61.0 MiB", "953.6 MiB") == (checkpoint, memory)
    assert BLOCK_BYTES == blocks
    assert office.warehouse.folder in Path(folder).parents


def test_too_little_memory_names_the_setting(tmp_path):
    backend = DuckDbFile(tmp_path / "warehouse.duckdb", memory="100MB")
    warehouse = Warehouse(backend, "pipedrive_data")
    with raises(WarehouseError, "PIPEDRIVE_DUCKDB_MEMORY"), warehouse.sql() as sql:
        sql.execute_sql("SELECT list(i) FROM range(100000000) t(i)")
    warehouse.close()


@pytest.mark.slow
def test_a_foreign_file_is_left_alone(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    path.write_text("my notes, of which there is no other copy" * 200)
    warehouse = Warehouse(path, "pipedrive_data")

    with raises(WarehouseError, path, "PIPEDRIVE_WAREHOUSE"), warehouse.sql():
        pass

    assert path.read_text().startswith("my notes")
    warehouse.close()


def test_a_note_that_cannot_be_left_stops_nobody(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    warehouse = Warehouse(tmp_path / "warehouse.duckdb", "pipedrive_data")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", refuse)
        with warehouse.table_lock("stages"), warehouse.exclusive():
            assert not (tmp_path / "warehouse.duckdb").exists()
    warehouse.close()


@pytest.mark.slow
def test_a_working_folder_that_is_removed_under_a_running_load_is_one_sentence(office):
    office.load("stages")
    schema = office.warehouse.schema

    def swept(name):
        shutil.rmtree(office.warehouse.folder)
        return schema(name)

    office.warehouse.schema = swept
    with raises(LoadFailed, "users", "TMPDIR"):
        office.load("users")
    office.warehouse.close()
    office.warehouse = Warehouse(office.warehouse.path, "pipedrive_data")

    office.load("users", "stages")
    assert [] == office.differences("users", "stages")
