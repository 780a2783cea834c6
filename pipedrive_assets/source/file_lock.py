"""Locks that processes share, and sentences for what the libraries say of a file in trouble."""

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
from dlt.common.destination.exceptions import DestinationException
from dlt.pipeline.exceptions import PipelineStepFailed

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.source.private_files import FILE_MODE, make_file, make_folder

FULL_BYTES = 64 * 1024
"""A disk with less room than this is full for dlt, whose files need several blocks each."""


@contextlib.contextmanager
def hold(
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
        raise explain(error, warehouse) from error
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


def explain(error: BaseException, path: Path) -> WarehouseError:
    """One sentence for whatever DuckDB, dlt or the disk said."""
    text = str(error)
    if holder := re.search(r"Conflicting lock is held in (.+?) ?\(PID (\d+)\)", text):
        return WarehouseError(
            f"{path} is open in another program ({holder[1]}, process {holder[2]}). "
            "Close it there, or let that program read a copy (PIPEDRIVE_READ_COPY); then run again."
        )
    if "No space left" in text or _is_full(tempfile.gettempdir()):
        return WarehouseError(
            f"The disk of {path}, or of the working files in {tempfile.gettempdir()} (TMPDIR), is "
            "full. Free some space and run again; nothing was lost."
        )
    if "Read-only file system" in text:
        return WarehouseError(
            f"{path} may not be written: its disk is read-only. Mount it for writing, or set "
            "PIPEDRIVE_WAREHOUSE to another path."
        )
    if isinstance(error, PermissionError) or "ermission denied" in text:
        return WarehouseError(
            f"{path} may not be written by this user. Correct its rights and run again."
        )
    if "not a valid DuckDB database" in text:
        return WarehouseError(
            f"{path} is not a DuckDB file. Set PIPEDRIVE_WAREHOUSE to another path."
        )
    said = text.strip().splitlines()[0][:300] if text.strip() else type(error).__name__
    return WarehouseError(
        f"{path} could not be used: {said}. Nothing half-loaded counts; run again."
    )


WAREHOUSE_FAULTS = (PipelineStepFailed, DestinationException, OSError)
"""What the libraries raise for a warehouse in trouble."""


def _is_full(folder: str) -> bool:
    """Whether a disk has no room: what was cut short there is complained of in many ways."""
    return shutil.disk_usage(folder).free < FULL_BYTES
