"""The temporary folder of a process in which dlt writes the files of its loads.

A killed process leaves its folder behind, with rows of the account in it. The next process removes
it. A marker file in each folder names the process that owns it, so no other folder is removed.
"""

import contextlib
import json
import shutil
import tempfile
from pathlib import Path

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.process_identity import ProcessIdentity

PREFIX = "pipedrive-assets-"
MARKER = ".pipedrive-assets.json"


def working_folder() -> tempfile.TemporaryDirectory[str]:
    """Create a folder for this process, after removing those of processes that have ended.

    Returns:
        A folder that only this user may read. It is removed when the object is cleaned up.

    Raises:
        WarehouseError: It cannot be created, for example because the disk is full.
    """
    try:
        sweep(Path(tempfile.gettempdir()))
        made = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        _mark(Path(made.name))
    except OSError as error:
        raise WarehouseError(
            f"The folder for working files cannot be written ({error.strerror}). Nothing was "
            "requested. Free up disk space, or set TMPDIR to another folder, and run again."
        ) from error
    return made


def sweep(folder: Path) -> None:
    """Remove the working folders of processes that have provably ended.

    Args:
        folder: The machine's folder for temporary files. Folders without a marker file stay, as
            do copies of a working folder under another name.
    """
    for leftover in folder.glob(f"{PREFIX}*"):
        if not leftover.is_symlink() and _is_left_behind(leftover):
            shutil.rmtree(leftover, ignore_errors=True)


def _mark(folder: Path) -> None:
    content = {"folder": folder.name, "process": ProcessIdentity.current().to_json()}
    folder.joinpath(MARKER).write_text(json.dumps(content), encoding="utf-8")


def _is_left_behind(folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        content = json.loads(folder.joinpath(MARKER).read_text(encoding="utf-8"))
        owner = ProcessIdentity.from_json(content["process"])
        return content["folder"] == folder.name and owner is not None and owner.is_gone()
    return False
