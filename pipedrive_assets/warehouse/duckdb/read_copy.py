"""The read copy: a second file for programs that stay connected, replaced after each complete run.

DuckDB allows one writing process or any number of readers for a file, but not both. Programs that
have opened a copy keep it until they connect again. The copy is replaced atomically.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.warehouse.private_files import FILE_MODE, make_file, make_folder
from pipedrive_assets.warehouse.replace_file import real_path, replace_file


def check(copy: Path, file_mode: int = FILE_MODE) -> None:
    """Check that the copy can be written, before anything is loaded.

    Args:
        copy: The path of the copy.
        file_mode: The permissions of new files.

    Raises:
        WarehouseError: The copy cannot be written.
    """
    with _explained(copy):
        make_folder(copy.parent, file_mode)
        probe = _partial(copy)
        probe.touch()
        probe.unlink()


def renew(warehouse: Path, copy: Path, file_mode: int = FILE_MODE) -> None:
    """Replace the copy by the current state of the warehouse file.

    The caller holds the lock, so that the file is not written meanwhile. An existing copy keeps
    its permissions.

    Args:
        warehouse: The warehouse file.
        copy: The path of the copy.
        file_mode: The permissions of a first copy.

    Raises:
        WarehouseError: The copy cannot be written; the previous copy stays.
    """
    with _explained(copy):
        copy = real_path(copy)
        for left in copy.parent.glob(f".{copy.name}.*.part"):
            left.unlink(missing_ok=True)
        partial = _partial(copy)
        try:
            make_file(partial, file_mode)
            shutil.copyfile(warehouse, partial)
            with partial.open("rb+") as written:
                os.fsync(written.fileno())
            # The log of what a program wrote into the previous copy must not apply to the new one.
            copy.with_name(f"{copy.name}.wal").unlink(missing_ok=True)
            replace_file(partial, copy)
        finally:
            partial.unlink(missing_ok=True)


def _partial(copy: Path) -> Path:
    return copy.with_name(f".{copy.name}.{os.getpid()}.part")


@contextlib.contextmanager
def _explained(copy: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WarehouseError(
            f"The read copy {copy} could not be written ({error.strerror or error}). The warehouse "
            "itself is not affected. Set PIPEDRIVE_READ_COPY to a path that can be written, or "
            "free up disk space; the next run writes the copy."
        ) from error
