"""File locks that processes share, and the error messages for DuckDB files."""

import contextlib
import errno
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import filelock
from dlt.common.destination.exceptions import DestinationException
from dlt.pipeline.exceptions import PipelineStepFailed

from pipedrive_assets.errors import WarehouseError, raise_alone
from pipedrive_assets.fault_text import causes, described, interrupt_of
from pipedrive_assets.warehouse.private_files import FILE_MODE, make_file, make_folder

log = logging.getLogger(__name__)

NOTICE_SECONDS = 5.0
"""A wait that is longer is logged: a command seems to hang otherwise."""

FULL_BYTES = 64 * 1024
"""A disk with fewer free bytes is full for dlt, whose files need several blocks each."""


@contextlib.contextmanager
def acquire(
    lock: filelock.BaseFileLock,
    warehouse: Path,
    what: str,
    before_waiting: Callable[[], None] = lambda: None,
    *,
    file_mode: int = FILE_MODE,
) -> Iterator[None]:
    """Acquire a lock, and write down which process holds it, for the message of other runs.

    Args:
        lock: The lock.
        warehouse: The warehouse file, for error messages.
        what: What is locked, for error messages.
        before_waiting: Called before this run waits for another one.
        file_mode: The permissions of new files.

    Yields:
        Once, with the lock held.

    Raises:
        WarehouseError: Another run, which is named, has not released the lock in time, or the
            lock file cannot be written.
    """
    note = Path(f"{lock.lock_file}.holder")
    try:
        make_folder(note.parent, file_mode)
        make_file(note, file_mode)
        # Fails at once if the folder is read-only; `lock.acquire` would wait until its timeout.
        note.open("a").close()
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            before_waiting()
            _wait(lock, what, note)
    except filelock.Timeout:
        raise WarehouseError(
            f"Another run ({_read_note(note)}) has locked {what} for over {lock.timeout:.0f} "
            "seconds. No row was lost. Run again when the other run has finished."
        ) from None
    except OSError as error:
        raise_alone(translate_error(error, warehouse))
    try:
        if lock.lock_counter == 1:
            _leave_note(note)
        yield
    finally:
        lock.release()


def _wait(lock: filelock.BaseFileLock, what: str, note: Path) -> None:
    """Acquire a lock that is held; log a warning if it takes longer than a commit.

    Raises:
        Timeout: The lock was not released in time.
    """
    seconds = lock.timeout
    if seconds > NOTICE_SECONDS:
        with contextlib.suppress(filelock.Timeout):
            lock.acquire(timeout=NOTICE_SECONDS)
            return
        log.warning(
            "Another run (%s) has locked %s. Waiting up to %.0f seconds.",
            _read_note(note),
            what,
            seconds,
        )
        seconds -= NOTICE_SECONDS
    lock.acquire(timeout=seconds)


def _leave_note(note: Path) -> None:
    """Write down the holder of a lock, if the disk allows it."""
    with contextlib.suppress(OSError):
        note.write_text(f"process {os.getpid()}: {' '.join(sys.argv)[:120]}", encoding="utf-8")


def _read_note(note: Path) -> str:
    with contextlib.suppress(OSError):
        return note.read_text(encoding="utf-8") or "unknown"
    return "unknown"


def translate_error(error: BaseException, path: Path) -> WarehouseError:
    """Convert an exception of DuckDB, dlt or the disk to a `WarehouseError`.

    Causes are identified by class and code, and by the beginning and end of DuckDB's messages,
    never by the text in between, which may contain a path.

    Args:
        error: The exception.
        path: The warehouse file.

    Returns:
        An error with cause and remedy, without values of rows.

    Raises:
        BaseException: A request to stop, such as a Ctrl-C, that the exception wraps.
    """
    if interrupt := interrupt_of(error):
        raise_alone(interrupt)
    found = causes(error)
    for each in found:
        if isinstance(each, WarehouseError):
            return each
    for each in found:
        if sentence := _sentence(each, path):
            return WarehouseError(sentence)
    if _is_full(tempfile.gettempdir()):
        return WarehouseError(_FULL.format(path=path, folder=tempfile.gettempdir()))
    return WarehouseError(
        f"{path} could not be used: {described(found[-1])}. Rows committed before are kept, and "
        "the next run continues from there. Run again."
    )


def is_locked(error: BaseException) -> bool:
    """Whether another program has the file open."""
    return any(_is_lock_conflict(each) for each in causes(error))


def in_use_message(error: BaseException, path: Path) -> str:
    """Return the message for a reader whose file another program has opened for writing."""
    holder = next(_holder(each) for each in causes(error) if _is_lock_conflict(each))
    return (
        f"{path} is being written by {holder}, for example a load. Try again in a minute. To read "
        "while loads write, set PIPEDRIVE_READ_COPY."
    )


def _holder(error: BaseException) -> str:
    """Return which program has a file open, as far as DuckDB names it."""
    found = _HOLDER.search(str(error))
    return f"another program ({found[1]}, process {found[2]})" if found else "another program"


def _is_lock_conflict(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and str(error).startswith(_LOCKED)


def _sentence(error: BaseException, path: Path) -> str:
    """Return the message for an exception; empty if there is no specific one."""
    if _is_lock_conflict(error):
        return (
            f"{path} is open in {_holder(error)}. No row was lost. Close the file there, or "
            "let that program use a read copy (PIPEDRIVE_READ_COPY), then run again."
        )
    if code := _error_number(error):
        return _BY_NUMBER[code].format(path=path, folder=tempfile.gettempdir(), uid=os.getuid())
    if isinstance(error, duckdb.Error):
        text = str(error)
        for kind, pattern, sentence in _BY_MESSAGE:
            if isinstance(error, kind) and re.match(pattern, text, re.DOTALL):
                return sentence.format(path=path)
    return ""


def _error_number(error: BaseException) -> int:
    """Return the number of an operating system error that has a message here; 0 for others.

    DuckDB's messages end with the system's text for the error. DuckDB raises TransactionException
    if a commit fails for such a reason.
    """
    if isinstance(error, OSError):
        return error.errno if error.errno in _BY_NUMBER else 0
    if isinstance(error, duckdb.Error):
        text = str(error).rstrip()
        return next((code for code in _BY_NUMBER if text.endswith(os.strerror(code))), 0)
    return 0


_LOCKED = "IO Error: Could not set lock on file"
_HOLDER = re.compile(r"Conflicting lock is held in (.+?) ?\(PID (\d+)\)")
_FULL = (
    "The disk of {path}, or of the working files in {folder} (TMPDIR), is full. No row was lost. "
    "Free up disk space and run again."
)
_RIGHTS = (
    "This user (uid {uid}) may not read or write {path}, or may not write to its folder. No row "
    "was lost. Change the permissions and run again."
)
_DISK = (
    "The disk or network share of {path} failed. Rows committed before are kept. Check the disk "
    "and the system log, then run again."
)
_FILES = (
    "{path} cannot be opened, because this process has too many open files. No row was lost. Raise "
    "the limit (ulimit -n, or LimitNOFILE of a systemd unit) and run again."
)
_DAMAGED = (
    "{path} or {path}.wal is damaged, or DuckDB failed while reading them. Restore the file from "
    "the read copy or a backup and remove {path}.wal, or move both to another folder and load "
    "everything again."
)
NOT_DUCKDB = (
    "{path} is not a DuckDB file, or its beginning is damaged. It was not changed. Correct the "
    "path (PIPEDRIVE_WAREHOUSE). If the file was your warehouse, restore it from the read copy or "
    "a backup, or move it to another folder and load everything again."
)
_BY_NUMBER = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: (
        "{path} cannot be written because its disk is read-only. Mount the disk for writing, or "
        "set PIPEDRIVE_WAREHOUSE to another path."
    ),
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOTDIR: (
        "{path} cannot be used: a part of this path is a file, not a folder. Nothing was changed. "
        "Set PIPEDRIVE_WAREHOUSE to another path."
    ),
    errno.EISDIR: "{path} is a folder, not a DuckDB file. Nothing was changed. Correct the path.",
    errno.EIO: _DISK,
    errno.ESTALE: _DISK,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
}
_BY_MESSAGE: tuple[tuple[type[duckdb.Error], str, str], ...] = (
    (
        duckdb.Error,
        # A checkpoint that fails for lack of memory is a fatal error, which has this text within.
        r"((FATAL|INTERNAL|TransactionContext) Error: .*)?Out of Memory Error",
        (
            "DuckDB needs more memory for {path} than PIPEDRIVE_DUCKDB_MEMORY allows. No row was "
            "lost. Increase it, for example to 4GB, and run again."
        ),
    ),
    (
        duckdb.IOException,
        r"IO Error: The file .*is not a valid DuckDB database file!",
        NOT_DUCKDB,
    ),
    (
        duckdb.IOException,
        r"IO Error: Trying to read a database file with version number",
        (
            "{path} was written by another version of DuckDB. Upgrade the package duckdb (pip "
            "install --upgrade duckdb) and run again."
        ),
    ),
    (
        duckdb.Error,
        (
            r"(IO Error: (Corrupt database file|Could not read enough bytes from file)"
            r"|Serialization Error|INTERNAL Error|FATAL Error)"
        ),
        _DAMAGED,
    ),
)


WAREHOUSE_FAULTS = (PipelineStepFailed, DestinationException, OSError)
"""The exceptions that dlt and the disk raise if a warehouse cannot be used."""


def _is_full(folder: str) -> bool:
    """Whether a disk is full; truncated files cause many different exceptions."""
    return shutil.disk_usage(folder).free < FULL_BYTES
