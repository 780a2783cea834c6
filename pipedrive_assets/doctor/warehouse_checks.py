"""Checks of a warehouse file: write access, locks, whose data it has, and disk space."""

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
from pipedrive_assets.warehouse.duckdb.file import check_format
from pipedrive_assets.warehouse.duckdb.file_lock import translate_error

TOPIC = "warehouse"
SCARCE_BYTES, NO_BYTES = 1 << 30, 100 << 20
"""Free disk space in bytes below which to warn, and below which a load is likely to fail."""


class Usage(NamedTuple):
    """The size and usage of a disk, in bytes."""

    total: int
    used: int
    free: int


class Holder(NamedTuple):
    """The account whose data a warehouse has."""

    company_id: int
    company_name: str
    is_sandbox: bool


def check_warehouse(
    path: Path,
    *,
    writable: Callable[[Path], bool] = lambda path: os.access(path, os.W_OK),
    usage: Callable[[Path], Usage] = lambda path: Usage(*shutil.disk_usage(path)),
) -> Iterator[Finding]:
    """Check a warehouse file and its disk, without waiting for locks or changing anything.

    Args:
        path: The file, which may not exist yet.
        writable: Returns whether this user may write a path.
        usage: Returns the usage of the disk that has a path.

    Yields:
        One finding on the file and one on each disk.
    """
    folder = next(parent for parent in path.parents if parent.exists())
    if path.is_dir():
        yield fail(TOPIC, f"{path} is a folder.", "Set PIPEDRIVE_WAREHOUSE to a file in it.")
    elif not folder.is_dir():
        remedy = "Set PIPEDRIVE_WAREHOUSE to a path in a folder."
        yield fail(TOPIC, f"{folder} is not a folder.", remedy)
    elif not writable(path if path.exists() else folder) or not writable(folder):
        text = f"This user may not write {path} or its folder."
        remedy = "Change the permissions, or set PIPEDRIVE_WAREHOUSE to another path."
        yield fail(TOPIC, text, remedy)
    elif not path.exists():
        yield ok(TOPIC, f"{path} does not exist yet; the first load creates it")
    else:
        yield from _opened(path)
    yield check_room(folder, "warehouse", usage)
    yield check_room(Path(tempfile.gettempdir()), "working files (TMPDIR)", usage)


def _opened(path: Path) -> Iterator[Finding]:
    if holder := _held_by(path):
        yield warn(
            TOPIC,
            f"{path} is locked by another run ({holder}).",
            "You can start a run now: it waits until the other run releases the file.",
        )
        return
    try:
        check_format(path)
        with duckdb.connect(str(path), read_only=True):
            yield ok(TOPIC, f"{path} can be opened and written")
    except (duckdb.Error, WarehouseError) as error:
        yield of_error(TOPIC, translate_error(error, path))


def _held_by(path: Path) -> str:
    """Return which process holds the lock of a warehouse; empty if it is not locked."""
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
    """Check the free space of a disk.

    Args:
        folder: A folder on the disk.
        what: What the space is for.
        usage: Returns the usage of the disk that has a path.

    Returns:
        A warning below 1 GiB, a failure below 100 MiB.
    """
    free = usage(folder).free
    text = f"{free / (1 << 30):.1f} GiB are free for the {what} in {folder}"
    if free < NO_BYTES:
        return fail(TOPIC, f"Only {text}.", "Free up disk space before the next run.")
    if free < SCARCE_BYTES:
        return warn(TOPIC, f"Only {text}.", "Free up disk space soon.")
    return ok(TOPIC, text)


def holder_of(path: Path, dataset: str) -> Holder | None:
    """Read which account's data a warehouse file has.

    Args:
        path: The file.
        dataset: Its schema.

    Returns:
        The account; None if the file does not exist or has no data.

    Raises:
        WarehouseError: The file cannot be opened.
    """
    if not path.is_file():
        return None
    try:
        check_format(path)
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
    """Check that a warehouse file has no data of another account.

    Args:
        path: The file.
        dataset: Its schema.
        company_id: Pipedrive's id of the account that the API token belongs to.
        is_sandbox: Whether the account is the sandbox.

    Yields:
        A finding, unless the file is empty or cannot be opened.
    """
    try:
        holder = holder_of(path, dataset)
    except WarehouseError:
        return  # check_warehouse has reported it
    if holder:
        yield judge_holder(holder, company_id, is_sandbox=is_sandbox)


def judge_holder(holder: Holder, company_id: int, *, is_sandbox: bool) -> Finding:
    """Compare the account whose data a warehouse has with that of the API token.

    Args:
        holder: The account whose data the warehouse has.
        company_id: Pipedrive's id of the account that the API token belongs to.
        is_sandbox: Whether that account is the sandbox.

    Returns:
        A failure if they differ.
    """
    if (holder.company_id, holder.is_sandbox) == (company_id, is_sandbox):
        return ok(TOPIC, f"the warehouse has the data of this account ({holder.company_name})")
    return fail(
        TOPIC,
        f"The warehouse has the data of another account, {holder.company_name} "
        f"({holder.company_id}).",
        "Set PIPEDRIVE_WAREHOUSE to another file, or use the API token of that account.",
    )
