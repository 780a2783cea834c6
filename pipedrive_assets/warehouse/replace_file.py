"""Put a new file in the place of an old one, and keep what the old one was."""

import contextlib
import os
import shutil
from pathlib import Path


def real_path(path: Path) -> Path:
    """Return the file that a path leads to, so that a symbolic link stays one."""
    return Path(os.path.realpath(path))


def replace_file(new: Path, old: Path) -> None:
    """Put a file in the place of another, in one step.

    The permissions of the old file stay, and its owner and group where this user may set them.

    Args:
        new: The file to move, in the folder of the old one.
        old: The file to replace, without symbolic links in its path; it may not exist.

    Raises:
        OSError: The file could not be moved; the old one is unchanged.
    """
    with contextlib.suppress(FileNotFoundError):
        was = old.stat()
        shutil.copymode(old, new)
        with contextlib.suppress(PermissionError):
            os.chown(new, was.st_uid, was.st_gid)
    new.replace(old)
