"""Leaves out events of emails in the history of deals that the table of emails has."""

from collections.abc import Sequence
from typing import Any

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.flow import event_id
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import Sql, placeholders, table, table_exists
from pipedrive_assets.warehouse.warehouse import Warehouse

EVENTS = frozenset({"mailMessage", "mailMessageWithAttachment"})
"""Kinds of events that are emails (official docs, the parameter `items`)."""

Row = dict[str, Any]
Email = tuple[int, str]
"""An email of a deal: ids of both."""


def without_known(
    warehouse: Warehouse, entity: Entity, rows: list[tuple[int, Row]]
) -> list[tuple[int, Row]]:
    """Leave out the emails that the table of emails has.

    An email that this table does not have (it was refused, or is still to be read) stays, and so
    does one that the history already has.

    Args:
        warehouse: The warehouse; the caller holds its lock.
        entity: The table that is loaded; only a history of deals leaves out emails.
        rows: Events as Pipedrive returned them, each with the id of its deal.

    Returns:
        The events to load.
    """
    sent = {email for deal, row in rows if (email := _email(deal, row))} if entity.mails_in else ()
    if not sent:
        return rows
    deals = sorted({deal for deal, _ in sent})
    with warehouse.sql() as sql:
        known = _known(sql, entity, deals)
    return [(deal, row) for deal, row in rows if _email(deal, row) not in known]


def _email(deal: int, row: Row) -> Email | None:
    found = event_id(row) if row.get("object") in EVENTS else None
    return (deal, found) if found else None


def _known(sql: Sql, entity: Entity, deals: Sequence[int]) -> set[Email]:
    """Return the emails of deals that only the table of emails has."""
    mails = entity.mails_in or ""
    if not table_exists(sql, mails):
        return set()
    known = _emails(sql, f"SELECT deal_id, id FROM {table(sql, mails)} WHERE TRUE", deals)
    if not table_exists(sql, entity.name):
        return known
    kinds = ", ".join(f"'{kind}'" for kind in sorted(EVENTS))
    # The columns `object` and `event_id` can be excluded, the key that contains both cannot.
    events = (
        f"SELECT deal_id, split_part(event_key, ':', 2) FROM {table(sql, entity.name)} "
        f"WHERE split_part(event_key, ':', 1) IN ({kinds})"
    )
    return known - _emails(sql, events, deals)


def _emails(sql: Sql, query: str, deals: Sequence[int]) -> set[Email]:
    return {
        (deal, str(key))
        for some in batches(deals, STATEMENT_ROWS)
        for deal, key in sql.execute_sql(
            f"{query} AND _deleted_at IS NULL AND deal_id IN ({placeholders(some)})", *some
        )
        or ()
    }
