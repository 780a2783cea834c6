"""Where dlt works: rows pass through files in a temporary folder of each process.

A process that was killed leaves its folder behind, with rows of the account in it. The next one
sweeps it up.
"""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "pipedrive-"
SWEPT_AFTER_SECONDS = 3600
"""A younger folder stays: its process may be one that is not visible from here."""


def working_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of this process, named after it; leftovers of others are swept up."""
    sweep(Path(tempfile.gettempdir()), time.time())
    prefix = f"{PREFIX}{os.getpid()}-"
    return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)


def sweep(folder: Path, now: float) -> None:
    """Remove the working folders of processes that are no more; `now` is in seconds since 1970."""
    for leftover in folder.glob(f"{PREFIX}*-*"):
        owner = leftover.name.split("-")[1]
        with contextlib.suppress(OSError):
            old = now - leftover.stat().st_mtime > SWEPT_AFTER_SECONDS
            if old and owner.isdigit() and not _lives(int(owner)):
                shutil.rmtree(leftover, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
