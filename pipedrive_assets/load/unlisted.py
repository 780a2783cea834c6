"""Records rows that were missing from a complete list without proof that they are deleted.

The ledger table `_pipedrive_unlisted` keeps them until the table is read completely again: rows
that are missing twice in a row are marked. Callers of this module hold the warehouse lock.
"""

import json
from collections.abc import Collection
from datetime import datetime

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.load.soft_delete import Key
from pipedrive_assets.registry import Entity
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import Sql, table


def missing_before(sql: Sql, entity: Entity, keys: Collection[Key]) -> set[Key]:
    """Select the keys that were also missing the last time the table was read completely.

    Args:
        sql: The warehouse.
        entity: The table.
        keys: Primary keys of rows that are missing now.

    Returns:
        The keys that are missing for the second time.
    """
    rows = sql.execute_sql(
        f"SELECT id FROM {table(sql, '_pipedrive_unlisted')} WHERE entity = %s", entity.name
    )
    known = {row[0] for row in rows or ()}
    return {key for key in keys if _text(key) in known}


def remember(sql: Sql, entity: Entity, keys: Collection[Key], now: datetime) -> None:
    """Replace the recorded keys of a table.

    Args:
        sql: The warehouse; the caller has begun a transaction.
        entity: The table.
        keys: Primary keys of rows that are missing now.
        now: When they were missing, UTC.
    """
    name = table(sql, "_pipedrive_unlisted")
    sql.execute_sql(f"DELETE FROM {name} WHERE entity = %s", entity.name)
    for some in batches(sorted(map(_text, keys)), STATEMENT_ROWS):
        values = [value for text in some for value in (entity.name, text, now)]
        rows = ", ".join(["(%s, %s, %s)"] * len(some))
        sql.execute_sql(f"INSERT INTO {name} VALUES {rows}", *values)


def _text(key: Key) -> str:
    return json.dumps(key, default=str)
