"""Erases a person from a warehouse: from all tables, dlt's staged copies and the database file."""

from datetime import datetime

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.load.attachments import erase as attachments
from pipedrive_assets.load.erase import erased_list, erasure
from pipedrive_assets.load.erase.known_values import values_of
from pipedrive_assets.load.erase.redact_versions import redact_versions
from pipedrive_assets.rows.erased_words import Recognizer
from pipedrive_assets.rows.redaction import Redactor
from pipedrive_assets.views import readable
from pipedrive_assets.warehouse import ledger
from pipedrive_assets.warehouse.cleanup import drop_staged
from pipedrive_assets.warehouse.statements import Sql, transaction
from pipedrive_assets.warehouse.warehouse import Warehouse


def purge_person(
    warehouse: Warehouse, person: int, now: datetime, *, erase_shared_files: bool = False
) -> dict[str, int]:
    """Erase a person, and make later loads omit the person.

    All rows are changed in one transaction. Databases keep the bytes of deleted rows until they
    reuse the space, so the whole warehouse is rewritten. If the purge is killed before that,
    running it again rewrites it.

    Args:
        warehouse: Where to erase.
        person: Pipedrive's id.
        now: When the person is erased, UTC.
        erase_shared_files: Whether to delete the contents of attachments, too, that belong to the
            person and another record. `delete_contents` deletes all contents.

    Returns:
        The number of rows that were changed or deleted, by table.

    Raises:
        ConfigurationError: No table has this person, and the person was not erased before.
        WarehouseError: The warehouse cannot be read or written.
    """
    with warehouse.exclusive():
        with warehouse.sql() as sql:
            ledger.prepare(sql)
            with transaction(sql):
                held = _erase_contents(sql, person, shared=erase_shared_files)
                touched = _erase_rows(sql, person, now)
                attachments.erase_ids(sql, held - attachments.held_ids(sql))
            drop_staged(sql)
            warehouse.rewrite()
        with warehouse.sql() as sql:
            readable.rebuild(sql)
    return touched


def _erase_contents(sql: Sql, person: int, *, shared: bool) -> set[int]:
    """Note which contents of attachments are to be deleted; return the ids of all stored ones."""
    held, files = attachments.held_ids(sql), attachments.files_of_person(sql, person)
    attachments.erase_ids(sql, {*files.alone, *(files.shared if shared else ())})
    return held


def _erase_rows(sql: Sql, person: int, now: datetime) -> dict[str, int]:
    """Erase a person from the rows, and add the person to the list of the erased."""
    known, touched = values_of(sql, person), {}
    if not known and person not in erased_list.erased_ids(sql):
        touched = _erase_by_id(sql, person)
    erased_list.remember(sql, person, now)
    erased_list.remember_values(sql, person, known)
    if redactor := erased_list.redactor(sql):
        touched = {**touched, **_erase(sql, person, redactor)}
    return touched


def _erase(sql: Sql, person: int, redactor: Redactor) -> dict[str, int]:
    """Erase a person from tables and their histories; return the number of rows by table."""
    return {**erasure.erase(sql, [person], redactor), **redact_versions(sql, redactor)}


def _erase_by_id(sql: Sql, person: int) -> dict[str, int]:
    touched = _erase(sql, person, Redactor(Recognizer("", ()), [person]))
    if not touched:
        raise ConfigurationError(
            f"No table contains the person {person}. Nothing was erased. Use the number at the "
            "end of the person's URL in Pipedrive. If the person is new, erase the person after "
            "the next load."
        )
    return touched


def recognized(warehouse: Warehouse, person: int) -> dict[str, int]:
    """Return the number of values by which later loads recognize an erased person.

    Args:
        warehouse: The warehouse.
        person: Pipedrive's id.

    Returns:
        The number of values by kind: `name`, `address` or `number`.
    """
    with warehouse.sql() as sql:
        ledger.prepare(sql)
        return dict(erased_list.recognized_kinds(sql, person))


def forgive_person(warehouse: Warehouse, person: int) -> None:
    """Remove a person from the list of erased persons, so that later loads include the person.

    Args:
        warehouse: The warehouse.
        person: Pipedrive's id.
    """
    with warehouse.sql() as sql:
        ledger.prepare(sql)
        with transaction(sql):
            erased_list.forgive(sql, person)
