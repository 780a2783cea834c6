"""Locks that processes share, and sentences for what the libraries say of a file in trouble."""

import contextlib
import errno
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
from pipedrive_assets.fault_text import causes, described
from pipedrive_assets.warehouse.private_files import FILE_MODE, make_file, make_folder

FULL_BYTES = 64 * 1024
"""A disk with less room than this is full for dlt, whose files need several blocks each."""


@contextlib.contextmanager
def acquire(
    lock: filelock.BaseFileLock,
    warehouse: Path,
    what: str,
    before_waiting: Callable[[], None] = lambda: None,
    *,
    file_mode: int = FILE_MODE,
) -> Iterator[None]:
    """Hold a lock, leaving a note of who holds it for those who wait."""
    note = Path(f"{lock.lock_file}.holder")
    try:
        make_folder(note.parent, file_mode)
        make_file(note, file_mode)
        with note.open("a"):
            """A folder that may not be written says so here; the lock would wait for it."""
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            before_waiting()
            lock.acquire()
    except filelock.Timeout:
        raise WarehouseError(
            f"Another run ({_read_note(note)}) has held {what} for {lock.timeout:.0f} seconds. "
            "Nothing was lost; run again when it has finished."
        ) from None
    except OSError as error:
        raise_alone(translate_error(error, warehouse))
    try:
        if lock.lock_counter == 1:
            _leave_note(note)
        yield
    finally:
        lock.release()


def _leave_note(note: Path) -> None:
    """A courtesy: on a full disk it is left out."""
    with contextlib.suppress(OSError):
        note.write_text(f"process {os.getpid()}: {' '.join(sys.argv)[:120]}", encoding="utf-8")


def _read_note(note: Path) -> str:
    with contextlib.suppress(OSError):
        return note.read_text(encoding="utf-8") or "unknown"
    return "unknown"


def translate_error(error: BaseException, path: Path) -> WarehouseError:
    """One sentence for whatever DuckDB, dlt or the disk raised.

    Faults are told apart by their classes and codes, and by how DuckDB's messages begin and end:
    what stands between is the path.
    """
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
        f"{path} could not be used: {described(found[-1])}. Nothing half-loaded counts; run again."
    )


def is_locked(error: BaseException) -> bool:
    """Whether another program has the file open."""
    return any(_is_lock_conflict(each) for each in causes(error))


def _is_lock_conflict(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and str(error).startswith(_LOCKED)


def _sentence(error: BaseException, path: Path) -> str:
    """What to say of one exception; empty: nothing of its own."""
    if _is_lock_conflict(error):
        holder = _HOLDER.search(str(error))
        who = f" ({holder[1]}, process {holder[2]})" if holder else ""
        return (
            f"{path} is open in another program{who}. Close it there, or let that program read a "
            "copy (PIPEDRIVE_READ_COPY); then run again."
        )
    if code := _error_number(error):
        return _BY_NUMBER[code].format(path=path, folder=tempfile.gettempdir())
    if isinstance(error, duckdb.Error):
        text = str(error)
        for kind, pattern, sentence in _BY_MESSAGE:
            if isinstance(error, kind) and re.match(pattern, text, re.DOTALL):
                return sentence.format(path=path)
    return ""


def _error_number(error: BaseException) -> int:
    """The operating system's error, of those that have a sentence; 0: none of them.

    DuckDB's messages end with the system's own words for it. A commit that fails for such a reason
    is a TransactionException.
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
    "The disk of {path}, or of the working files in {folder} (TMPDIR), is full. Free some space "
    "and run again; nothing was lost."
)
_RIGHTS = "{path} may not be written by this user. Correct its rights and run again."
_BY_NUMBER = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: (
        "{path} may not be written: its disk is read-only. Mount it for writing, or set "
        "PIPEDRIVE_WAREHOUSE to another path."
    ),
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
}
_BY_MESSAGE: tuple[tuple[type[duckdb.Error], str, str], ...] = (
    (
        duckdb.IOException,
        r"IO Error: The file .*is not a valid DuckDB database file!",
        "{path} is not a DuckDB file. Set PIPEDRIVE_WAREHOUSE to another path.",
    ),
    (
        duckdb.IOException,
        r"IO Error: Trying to read a database file with version number",
        (
            "{path} was written by another version of DuckDB. Update the package duckdb (pip "
            "install --upgrade duckdb) and run again."
        ),
    ),
    (
        duckdb.Error,
        r"(IO Error: Corrupt database file|Serialization Error|INTERNAL Error|FATAL Error)",
        (
            "{path} is damaged, or DuckDB failed while reading it. Restore the file from a backup, "
            "or move it away and load everything again."
        ),
    ),
)


WAREHOUSE_FAULTS = (PipelineStepFailed, DestinationException, OSError)
"""What the libraries raise for a warehouse in trouble."""


def _is_full(folder: str) -> bool:
    """Whether a disk has no room: what was cut short there is complained of in many ways."""
    return shutil.disk_usage(folder).free < FULL_BYTES
