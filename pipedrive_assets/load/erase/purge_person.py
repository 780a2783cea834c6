"""Purging a warehouse of a person: every table, dlt's staged copies, and what deleting leaves."""

from datetime import datetime

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.load.erase import erased_list, erasure
from pipedrive_assets.load.erase.known_values import values_of
from pipedrive_assets.rows.erased_words import Recognizer
from pipedrive_assets.rows.redaction import Redactor
from pipedrive_assets.views import readable
from pipedrive_assets.warehouse import ledger
from pipedrive_assets.warehouse.cleanup import drop_staged
from pipedrive_assets.warehouse.statements import Sql
from pipedrive_assets.warehouse.warehouse import Warehouse


def purge_person(warehouse: Warehouse, person: int, now: datetime) -> dict[str, int]:
    """Erase a person and keep them out.

    Databases keep deleted rows until they need their room, so everything is written anew. What the
    warehouse knows of the person is put on the list as hashes first: a run that is killed can be
    repeated, and finds the person by them.

    Args:
        warehouse: Where to erase.
        person: Pipedrive's id.
        now: When the person was erased.

    Returns:
        The rows that were changed or deleted, by table.

    Raises:
        ConfigurationError: No table has this person, and the person was not erased before.
        WarehouseError: As for any use of the warehouse.
    """
    with warehouse.exclusive():
        with warehouse.sql() as sql:
            ledger.prepare(sql)
            known = values_of(sql, person)
            touched = {}
            if not known and person not in erased_list.erased_ids(sql):
                touched = _erase_by_id(sql, person)
            erased_list.remember(sql, person, now)
            erased_list.remember_values(sql, person, known)
            if redactor := erased_list.redactor(sql):
                touched = {**touched, **erasure.erase(sql, [person], redactor)}
            drop_staged(sql)
            warehouse.rewrite()
        with warehouse.sql() as sql:
            readable.rebuild(sql)
    return touched


def _erase_by_id(sql: Sql, person: int) -> dict[str, int]:
    touched = erasure.erase(sql, [person], Redactor(Recognizer("", ()), [person]))
    if not touched:
        raise ConfigurationError(
            f"No table has a person {person}, so nothing was erased. Use the id that Pipedrive "
            "shows in the person's address. A person whom no table has yet can be erased after "
            "the next load."
        )
    return touched


def recognized(warehouse: Warehouse, person: int) -> dict[str, int]:
    """Return how many values later loads recognize an erased person by, by kind."""
    with warehouse.sql() as sql:
        ledger.prepare(sql)
        return dict(erased_list.recognized_kinds(sql, person))


def forgive_person(warehouse: Warehouse, person: int) -> None:
    """Let later loads bring a person again."""
    with warehouse.sql() as sql:
        ledger.prepare(sql)
        erased_list.forgive(sql, person)
