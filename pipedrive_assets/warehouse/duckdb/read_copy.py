"""The read copy: a second file for programs that stay connected, renewed after each good run.

DuckDB gives a file to one writing process or to any number of readers, never to both. Readers of
the copy keep the file they opened until they connect anew; nobody ever sees half a copy.
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
    """Raise WarehouseError where the copy could not be written, before anything is loaded."""
    with _explained(copy):
        make_folder(copy.parent, file_mode)
        probe = _partial(copy)
        probe.touch()
        probe.unlink()


def renew(warehouse: Path, copy: Path, file_mode: int = FILE_MODE) -> None:
    """Put a copy of a file that nobody writes in place of the one before, whose permissions stay; a
    first one has `file_mode`.

    Raises WarehouseError; the copy before then stays.
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
            # What a program wrote into the copy before belongs to that file, not to the new one.
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
            "itself is not concerned. Set PIPEDRIVE_READ_COPY to a path that can be written, or "
            "free some space; the next run writes it."
        ) from error
