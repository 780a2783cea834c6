"""The warehouse: whether it can be written, who holds it, whose data it has, room on its disk."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import filelock

from pipedrive_assets.doctor.finding import Finding, fail, of_error, ok, warn
from pipedrive_assets.errors import WarehouseError, raise_alone
from pipedrive_assets.warehouse.duckdb.file_lock import translate_error

TOPIC = "warehouse"
SCARCE_BYTES, NO_BYTES = 1 << 30, 100 << 20
"""Free space below which to warn, and below which a load is likely to fail."""


class Usage(NamedTuple):
    """A disk's space in bytes."""

    total: int
    used: int
    free: int


class Holder(NamedTuple):
    """Whose data a warehouse has."""

    company_id: int
    company_name: str
    is_sandbox: bool


def check_warehouse(
    path: Path,
    *,
    writable: Callable[[Path], bool] = lambda path: os.access(path, os.W_OK),
    usage: Callable[[Path], Usage] = lambda path: Usage(*shutil.disk_usage(path)),
) -> Iterator[Finding]:
    """The file and its disk; asks for nothing and changes nothing."""
    folder = next(parent for parent in path.parents if parent.exists())
    if path.is_dir():
        yield fail(TOPIC, f"{path} is a folder.", "Set PIPEDRIVE_WAREHOUSE to a file in it.")
    elif not folder.is_dir():
        remedy = "Set PIPEDRIVE_WAREHOUSE to a path in a folder."
        yield fail(TOPIC, f"{folder} is no folder.", remedy)
    elif not writable(path if path.exists() else folder) or not writable(folder):
        text = f"{path} or its folder may not be written by this user."
        yield fail(TOPIC, text, "Correct the rights, or set PIPEDRIVE_WAREHOUSE elsewhere.")
    elif not path.exists():
        yield ok(TOPIC, f"{path} does not exist yet; the first load makes it")
    else:
        yield from _opened(path)
    yield check_room(folder, "warehouse", usage)
    yield check_room(Path(tempfile.gettempdir()), "working files (TMPDIR)", usage)


def _opened(path: Path) -> Iterator[Finding]:
    if holder := _held_by(path):
        yield warn(
            TOPIC,
            f"{path} is held by another run ({holder}).",
            "Wait for it, or start yours all the same: it waits its turn.",
        )
        return
    try:
        with duckdb.connect(str(path), read_only=True):
            yield ok(TOPIC, f"{path} can be opened and written")
    except duckdb.Error as error:
        yield of_error(TOPIC, translate_error(error, path))


def _held_by(path: Path) -> str:
    """Who holds the lock of a warehouse; empty: nobody."""
    lock = Path(f"{path}.lock")
    if not lock.exists():
        return ""
    try:
        with filelock.FileLock(lock, timeout=0):
            return ""
    except filelock.Timeout:
        with contextlib.suppress(OSError):
            return Path(f"{lock}.holder").read_text(encoding="utf-8") or "unknown"
    except OSError:
        return ""
    return "unknown"


def check_room(
    folder: Path,
    what: str,
    usage: Callable[[Path], Usage] = lambda path: Usage(*shutil.disk_usage(path)),
) -> Finding:
    """How much a disk has left."""
    free = usage(folder).free
    text = f"{free / (1 << 30):.1f} GiB are free for the {what} in {folder}"
    if free < NO_BYTES:
        return fail(TOPIC, f"Only {text}.", "Free some space before the next run.")
    if free < SCARCE_BYTES:
        return warn(TOPIC, f"Only {text}.", "Free some space soon.")
    return ok(TOPIC, text)


def holder_of(path: Path, dataset: str) -> Holder | None:
    """The account that a warehouse belongs to; None where it holds nothing or cannot be read.

    Raises WarehouseError for a file that cannot be opened.
    """
    if not path.is_file():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            found = connection.execute(
                f'SELECT company_id, company_name, is_sandbox FROM "{dataset}"."_pipedrive_account"'
            ).fetchone()
    except duckdb.CatalogException:
        return None
    except duckdb.Error as error:
        raise_alone(translate_error(error, path))
    return Holder(*found) if found else None


def check_holder(
    path: Path, dataset: str, company_id: int, *, is_sandbox: bool
) -> Iterator[Finding]:
    """Whether a warehouse belongs to the account of the api token."""
    try:
        holder = holder_of(path, dataset)
    except WarehouseError:
        return  # said already
    if holder:
        yield judge_holder(holder, company_id, is_sandbox=is_sandbox)


def judge_holder(holder: Holder, company_id: int, *, is_sandbox: bool) -> Finding:
    """Whether the account whose data a warehouse has is that of the api token."""
    if (holder.company_id, holder.is_sandbox) == (company_id, is_sandbox):
        return ok(TOPIC, f"it holds the data of this account ({holder.company_name})")
    return fail(
        TOPIC,
        f"It holds the data of {holder.company_name} ({holder.company_id}), another account.",
        "Set PIPEDRIVE_WAREHOUSE to another file, or use the other account's api token.",
    )
