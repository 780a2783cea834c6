"""New files and folders are for their owner and group only: they hold personal data.

The umask does not matter. Files and folders that exist already keep their permissions.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

FILE_MODE = 0o640
"""Permissions of new files unless `PIPEDRIVE_FILE_MODE` sets others."""


def make_folder(folder: Path, mode: int) -> None:
    """Make a folder and its missing parents; who may read a file of this mode may enter them.

    Raises:
        OSError: The folder cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=0o700)
            each.chmod(mode | (mode & 0o444) >> 2)


def make_file(path: Path, mode: int) -> None:
    """Make an empty file of this mode where there is none.

    Raises:
        OSError: The file cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        path.chmod(mode)


@contextlib.contextmanager
def private_folder(beside: Path) -> Iterator[Path]:
    """A folder beside a file that only this user can enter, removed afterwards.

    Libraries that make files by the umask make them here; then the file is moved. One that a killed
    process left behind is removed first.

    Raises:
        OSError: The folder cannot be made.
    """
    folder = beside.with_name(f".{beside.name}.new")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
