"""Decides which files of a table stay, and which loads go into new files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipedrive_assets.export.manifest import DataFile

MOST_ROWS = 50_000
"""Rows of a file, unless a single load has more. A smaller file is written faster when one of its
rows changes."""

SMALL_ROWS = 5_000
MOST_SMALL = 20
"""If more files than this have less than `SMALL_ROWS` rows, they are merged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRows:
    """The rows that a load wrote last.

    Attributes:
        load: Its `_dlt_load_id`.
        rows: Their number.
        fingerprint: The sum of the hashes of the rows.
    """

    load: str
    rows: int
    fingerprint: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How a table is packed.

    Attributes:
        kept: Files that stay as they are.
        groups: The loads of each new file.
    """

    kept: tuple[DataFile, ...]
    groups: tuple[tuple[LoadRows, ...], ...]


def pack(loads: Sequence[LoadRows], held: Iterable[DataFile]) -> Packing:
    """Pack a table: files whose rows have not changed stay.

    Args:
        loads: The loads of the table, in the order of their ids.
        held: The files of the previous state, with the same columns.

    Returns:
        The files that stay, and the loads of the files to write.
    """
    kept = [file for file in held if file.rows and _is_current(file, loads)]
    small = {file.path for file in kept if file.rows < SMALL_ROWS}
    if len(small) > MOST_SMALL:
        kept = [file for file in kept if file.path not in small]
    groups: list[list[LoadRows]] = []
    last: DataFile | None = None
    open_rows = MOST_ROWS
    for load in loads:
        owner = next((file for file in kept if _has(file, load)), None)
        if owner is None:
            if open_rows + load.rows > MOST_ROWS or last is not None:
                groups.append([])
                open_rows = 0
            groups[-1].append(load)
            open_rows += load.rows
        last = owner
    return Packing(kept=tuple(kept), groups=tuple(map(tuple, groups)))


def _is_current(file: DataFile, loads: Sequence[LoadRows]) -> bool:
    own = [load for load in loads if _has(file, load)]
    rows, fingerprint = sum(load.rows for load in own), sum(load.fingerprint for load in own)
    return (file.rows, file.fingerprint) == (rows, str(fingerprint))


def _has(file: DataFile, load: LoadRows) -> bool:
    return file.first_load <= load.load <= file.last_load
