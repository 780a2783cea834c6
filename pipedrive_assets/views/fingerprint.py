"""Whether the views in the warehouse are those that a load would create now.

Creating all views takes longer than the rest of a load that finds no change, and its time grows
with the histories, whose keys become columns of views.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pipedrive_assets import __version__
from pipedrive_assets.warehouse.statements import Sql, table

Columns = Mapping[str, Mapping[str, str]]
"""The type of each column, by table that exists."""


def fingerprint(sql: Sql, columns: Columns) -> str:
    """Return a digest of everything that the views depend on.

    These are the columns of all tables, the tables and views that exist, the commits, the tables
    whose initial load is finished, and the definitions in this package. The commits stand for the
    rows: for example, each kind of event has a view.

    Args:
        sql: The warehouse.
        columns: The columns of this project's tables.

    Returns:
        The digest, in hexadecimal digits.
    """
    names = sql.execute_sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY 1",
        sql.dataset_name,
    )
    query = f"SELECT count(*), max(load_id) FROM {table(sql, '_dlt_loads')}"
    commits = sql.execute_sql(query) if "_dlt_loads" in columns else ()
    loaded = sql.execute_sql(
        f"SELECT entity FROM {table(sql, '_pipedrive_coverage')} "
        "WHERE baseline_at IS NOT NULL ORDER BY 1"
    )
    rows = [[list(row) for row in found or ()] for found in (names, commits, loaded)]
    facts = json.dumps([definitions(), dict(columns), rows], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def are_current(sql: Sql, columns: Columns) -> bool:
    """Whether nothing that the views depend on has changed since `record`."""
    rows = sql.execute_sql(f"SELECT views FROM {table(sql, '_pipedrive_account')}")
    recorded = rows[0][0] if rows else None
    return bool(recorded == fingerprint(sql, columns))


def record(sql: Sql, columns: Columns) -> None:
    """Record that all views were just created."""
    sql.execute_sql(
        f"UPDATE {table(sql, '_pipedrive_account')} SET views = %s", fingerprint(sql, columns)
    )


@cache
def definitions() -> str:
    """Return a digest of this package's version and of the files that define its views."""
    folder = Path(__file__).parent
    digest = hashlib.sha256(__version__.encode())
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.sql")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()
