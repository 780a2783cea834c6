"""Deletes the contents of attachments whose rows were erased or purged.

A note becomes `erased` before its row is deleted, so that a killed run or a killed purge is
completed by the next one. Callers of this module hold the warehouse lock.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.load.attachments.notes import ERASED, NOTES, STORED, STORING, Note, notes_with
from pipedrive_assets.warehouse.file_store import FileStore
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import (
    Sql,
    columns_in,
    in_clause,
    table,
    table_exists,
)

OWNERS = ("deal_id", "org_id", "lead_id", "project_id")
"""The other records that a file may belong to besides a person."""

HAS_CONTENT = f"status IN ('{STORED}', '{STORING}')"


def erase_where(sql: Sql, where: str) -> None:
    """Note that the contents of files are to be deleted.

    Args:
        sql: The warehouse.
        where: A condition on the rows of `files`.
    """
    sql.execute_sql(
        f"UPDATE {table(sql, NOTES)} SET status = '{ERASED}' WHERE file_id IN "
        f"(SELECT id FROM {table(sql, 'files')} WHERE {where})"
    )


def erase_ids(sql: Sql, ids: Collection[int]) -> None:
    """Note that the contents of these files are to be deleted."""
    for some in batches(sorted(ids), STATEMENT_ROWS):
        these, values = in_clause(some)
        sql.execute_sql(
            f"UPDATE {table(sql, NOTES)} SET status = '{ERASED}' WHERE file_id IN ({these})",
            *values,
        )


def held_ids(sql: Sql) -> set[int]:
    """Return the ids of the files whose content is stored and whose row exists."""
    if not table_exists(sql, "files"):
        return set()
    rows = sql.execute_sql(
        f"SELECT file_id FROM {table(sql, NOTES)} WHERE {HAS_CONTENT} "
        f"AND file_id IN (SELECT id FROM {table(sql, 'files')})"
    )
    return {row[0] for row in rows or ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsFiles:
    """The files of a person whose content is stored.

    Attributes:
        alone: Files that belong to the person only, by id; their rows are erased.
        shared: Files that belong to another record as well, for example a deal; their rows stay.
    """

    alone: Mapping[int, Note]
    shared: Mapping[int, Note]


def files_of_person(sql: Sql, person: int) -> PersonsFiles:
    """Return the files of a person whose content is stored.

    Args:
        sql: The warehouse.
        person: Pipedrive's id.
    """
    if not table_exists(sql, "files") or "person_id" not in columns_in(sql, "files"):
        return PersonsFiles(alone={}, shared={})
    held = columns_in(sql, "files")
    others = [f"{column} IS NOT NULL" for column in OWNERS if column in held]
    of_person = f"SELECT id FROM {table(sql, 'files')} WHERE person_id = %s"
    shared = f"{of_person} AND ({' OR '.join(others) or 'FALSE'})"
    every, some = (
        {
            note.file_id: note
            for note in notes_with(sql, f"{HAS_CONTENT} AND file_id IN ({query})", person)
        }
        for query in (of_person, shared)
    )
    alone = {file_id: note for file_id, note in every.items() if file_id not in some}
    return PersonsFiles(alone=alone, shared=some)


def contents_to_delete(sql: Sql) -> list[Note]:
    """Return the notes whose content is to be deleted."""
    return notes_with(sql, f"status = '{ERASED}' AND path IS NOT NULL")


def delete_contents(sql: Sql, store: FileStore) -> int:
    """Delete the contents that are to be deleted, unless another file has the same content.

    The note of a file whose row stays is kept, so that the file is not downloaded again.

    Args:
        sql: The warehouse.
        store: Where the contents are. Those of another location are left.

    Returns:
        The number of files whose content is deleted or belongs to another file.
    """
    notes = [note for note in contents_to_delete(sql) if note.location == str(store)]
    for note in notes:
        if note.path and not notes_with(
            sql, f"{HAS_CONTENT} AND path = %s AND location = %s", note.path, note.location
        ):
            store.remove(note.path)
        sql.execute_sql(
            f"UPDATE {table(sql, NOTES)} SET path = NULL, sha256 = NULL, size = NULL "
            "WHERE file_id = %s",
            note.file_id,
        )
    if notes and table_exists(sql, "files"):
        sql.execute_sql(
            f"DELETE FROM {table(sql, NOTES)} WHERE status = '{ERASED}' AND path IS NULL "
            f"AND file_id NOT IN (SELECT id FROM {table(sql, 'files')})"
        )
    return len(notes)
