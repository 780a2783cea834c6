"""Replaces a file atomically and keeps its permissions and owner."""

import contextlib
import os
import shutil
from pathlib import Path


def real_path(path: Path) -> Path:
    """Resolve symbolic links, so that replacing the file keeps them."""
    return Path(os.path.realpath(path))


def replace_file(new: Path, old: Path) -> None:
    """Replace a file by another one, atomically.

    The permissions of the old file are kept, and its owner and group if this user may set them.

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
