"""Creates files and folders that only their owner and group may read: they have personal data.

The umask is ignored. Existing files and folders keep their permissions.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

FILE_MODE = 0o640
"""Default permissions of new files; `PIPEDRIVE_FILE_MODE` changes them."""


def make_folder(folder: Path, mode: int) -> None:
    """Create a folder and its missing parents.

    Args:
        folder: The folder.
        mode: Permissions of files in it. Users who may read such files may enter the folder.

    Raises:
        OSError: The folder cannot be created.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=0o700)
            each.chmod(mode | (mode & 0o444) >> 2)


def make_file(path: Path, mode: int) -> None:
    """Create an empty file unless it exists.

    Args:
        path: The file.
        mode: Its permissions.

    Raises:
        OSError: The file cannot be created.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        path.chmod(mode)


@contextlib.contextmanager
def private_folder(beside: Path) -> Iterator[Path]:
    """Create a temporary folder next to a file, which only this user may enter.

    Libraries that create files with the umask write here; the files are moved afterwards. A folder
    that a killed process left behind is removed first.

    Args:
        beside: The file.

    Yields:
        The folder, which is removed at the end.

    Raises:
        OSError: The folder cannot be created.
    """
    folder = beside.with_name(f".{beside.name}.new")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
