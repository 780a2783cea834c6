"""Checks of a warehouse on a server: connection, rights, and whose data it has."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipedrive_assets.config import Settings
from pipedrive_assets.doctor.finding import Finding, fail, of_error, ok
from pipedrive_assets.doctor.warehouse_checks import TOPIC, Holder, check_room, judge_holder
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.warehouse import Warehouse, warehouse_of
from pipedrive_assets.warehouse.dialect import may_make_tables
from pipedrive_assets.warehouse.ledger import account_of


def check_server(settings: Settings) -> Iterator[Finding]:
    """Check that the server can be reached and that its user may create tables.

    Args:
        settings: The settings, with a server as the destination.

    Yields:
        One finding on the server and one on the disk space for working files.
    """
    try:
        with contextlib.closing(warehouse_of(settings)) as warehouse:
            yield _looked_at(warehouse)
    except PipedriveError as error:
        yield of_error(TOPIC, error)
    yield check_room(Path(tempfile.gettempdir()), "working files (TMPDIR)")


def _looked_at(warehouse: Warehouse) -> Finding:
    exists = warehouse.exists()
    with warehouse.readonly_client() as sql:
        if not may_make_tables(sql, exists=exists):
            place = f"the schema {sql.dataset_name}" if exists else "the database"
            text = f"The user of {warehouse.backend} may not create tables there."
            return fail(TOPIC, text, f"GRANT CREATE on {place} to this user.")
    if exists:
        return ok(TOPIC, f"{warehouse} can be reached and written")
    return ok(TOPIC, f"{warehouse} can be reached; the first load creates the dataset")


def check_server_holder(
    settings: Settings, company_id: int, *, is_sandbox: bool
) -> Iterator[Finding]:
    """Check that the warehouse has no data of another account.

    Args:
        settings: The settings, with a server as the destination.
        company_id: Pipedrive's id of the account that the API token belongs to.
        is_sandbox: Whether the account is the sandbox.

    Yields:
        A finding, unless the warehouse is empty or cannot be reached.
    """
    with contextlib.suppress(PipedriveError):  # check_server has reported it
        holder = _holder_of(settings)
        if holder:
            yield judge_holder(holder, company_id, is_sandbox=is_sandbox)


def _holder_of(settings: Settings) -> Holder | None:
    with contextlib.closing(warehouse_of(settings)) as warehouse:
        if not warehouse.exists():
            return None
        with warehouse.readonly_client() as sql:
            found = account_of(sql)
            return Holder(*found) if found else None
