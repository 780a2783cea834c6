"""The ledger table `_pipedrive_downloads`: a row per file that was requested, or is only linked.

Callers of this module hold the warehouse lock.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.config.download_rules import RULE_COLUMNS
from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import Sql, columns_in, in_clause, table, tuples

NOTES = "_pipedrive_downloads"
ROWS_AT_ONCE = 10_000

STORING, STORED = "storing", "stored"
REFUSED, FAILED, REMOTE, ERASED = "refused", "failed", "remote", "erased"

MOST_DOUBLINGS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the ledger has of a file.

    Attributes:
        file_id: The file's id in Pipedrive.
        status: `storing`: downloaded, and about to be stored; `stored`; `refused` by Pipedrive;
            `failed`; `remote`: only linked; `erased`: its content is deleted, or is to be deleted
            as long as it has a `path`.
        path: The path of the content below the location.
        sha256: The hash of the content, in hexadecimal digits.
        size: The size of the content in bytes.
        location: Where the content is stored, without credentials.
        downloaded_at: When the content was downloaded, UTC.
        message: Why the file is not stored.
        attempts: Failed attempts in a row.
        attempted_at: The start of the load that requested the file last, UTC.
        row_size: `files.file_size` at that time.
        row_update_time: `files.update_time` at that time.
    """

    file_id: int
    status: str = ""
    path: str | None = None
    sha256: str | None = None
    size: int | None = None
    location: str | None = None
    downloaded_at: datetime | None = None
    message: str | None = None
    attempts: int = 0
    attempted_at: datetime | None = None
    row_size: int | None = None
    row_update_time: datetime | None = None

    @property
    def next_attempt_at(self) -> datetime | None:
        """When a failed file is requested again, UTC: at once, then after growing waits."""
        wait = timedelta(hours=2 ** min(self.attempts, MOST_DOUBLINGS) - 2)
        return self.attempted_at + wait if self.attempted_at else None

    def without_content(self, status: str, message: str) -> "Note":
        """Return the note of a file that is not stored."""
        return replace(
            self, status=status, message=message, path=None, sha256=None, size=None, location=None
        )


COLUMNS = (
    *("file_id", "status", "path", "sha256", "size", "location", "downloaded_at", "message"),
    *("attempts", "attempted_at", "row_size", "row_update_time"),
)
ROW_COLUMNS = ("id", "update_time", *RULE_COLUMNS)


def live_files(sql: Sql) -> Iterator[tuple[Mapping[str, Any], Note | None]]:
    """Yield the files that are not deleted, newest first, and what the ledger has of them.

    Args:
        sql: The warehouse.

    Yields:
        The columns `ROW_COLUMNS` of a row of `files`, and its note.
    """
    held = columns_in(sql, "files")
    row = ", ".join(f"f.{name}" if name in held else "NULL" for name in ROW_COLUMNS)
    note = ", ".join(f"d.{name}" for name in COLUMNS)
    is_active = "f.active_flag IS DISTINCT FROM FALSE" if "active_flag" in held else "TRUE"
    query = (
        f"SELECT {row}, {note} FROM {table(sql, 'files')} f "
        f"LEFT JOIN {table(sql, NOTES)} d ON d.file_id = f.id "
        f"WHERE f._deleted_at IS NULL AND {is_active} ORDER BY f.id DESC"
    )
    with sql.execute_query(query) as cursor:
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            for values in rows:
                facts = values[len(ROW_COLUMNS) :]
                yield (
                    dict(zip(ROW_COLUMNS, values, strict=False)),
                    None if facts[0] is None else _note(facts),
                )


def record(sql: Sql, notes: Sequence[Note]) -> None:
    """Replace the notes of files in one transaction.

    Args:
        sql: The warehouse.
        notes: The new notes, one per file.
    """
    name = table(sql, NOTES)
    with sql.begin_transaction():
        for some in batches(notes, STATEMENT_ROWS):
            these, ids = in_clause([note.file_id for note in some])
            sql.execute_sql(f"DELETE FROM {name} WHERE file_id IN ({these})", *ids)
            rows, values = tuples([[getattr(note, name) for name in COLUMNS] for note in some])
            sql.execute_sql(f"INSERT INTO {name} ({', '.join(COLUMNS)}) VALUES {rows}", *values)


def notes_with(sql: Sql, where: str, *values: Any) -> list[Note]:
    """Return the notes that fulfil a condition."""
    rows = sql.execute_sql(
        f"SELECT {', '.join(COLUMNS)} FROM {table(sql, NOTES)} WHERE {where} ORDER BY file_id",
        *values,
    )
    return [_note(row) for row in rows or ()]


def _note(values: Any) -> Note:
    return Note(**dict(zip(COLUMNS, values, strict=True)))
