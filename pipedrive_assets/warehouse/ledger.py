"""The ledger: tables in the warehouse that record what has been loaded.

There is no other state. The columns are described in docs/decisions.md. In DuckDB, a commit of rows
and its record in the ledger are one transaction. A server commits the rows first: if a run is
killed in between, the next run loads these rows again, which is idempotent.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipedrive_assets.connect import Account
from pipedrive_assets.errors import ConfigurationError, WrongAccountError
from pipedrive_assets.extract.chunk import ChildrenRead, batches
from pipedrive_assets.extract.plan import Scan, Watermark, lists_from_json
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.statements import (
    Sql,
    columns_in,
    in_clause,
    table,
    table_exists,
    tuples,
)

LAYOUT = 3
"""Version of the ledger tables, and of the columns that every data table has."""

STATEMENT_ROWS = 500


PLAIN_SCHEMA = "pipedrive"
"""The schema name of a plain dlt pipeline. Tables of a warehouse have a schema each."""

DLT_TABLES = ("_dlt_version", "_dlt_loads", "_dlt_pipeline_state")

# Add new columns at the end of a table, because ALTER TABLE adds them there.
TABLES = {
    "_pipedrive_account": (
        "company_id BIGINT, company_name VARCHAR, is_sandbox BOOLEAN, "
        "first_seen_at TIMESTAMP WITH TIME ZONE, layout BIGINT, views VARCHAR, "
        "company_domain VARCHAR, event_keys VARCHAR"
    ),
    "_pipedrive_coverage": (
        "entity VARCHAR, baseline_at TIMESTAMP WITH TIME ZONE, "
        "complete_until TIMESTAMP WITH TIME ZONE, ids_until BIGINT, walk VARCHAR, "
        "updated_at TIMESTAMP WITH TIME ZONE, lists VARCHAR, omitted VARCHAR"
    ),
    "_pipedrive_children": (
        "entity VARCHAR, parent_id BIGINT, parent_update_time TIMESTAMP WITH TIME ZONE, "
        "read_at TIMESTAMP WITH TIME ZONE"
    ),
    "_pipedrive_loads": (
        "entity VARCHAR, finished_at TIMESTAMP WITH TIME ZONE, what VARCHAR, rows_loaded BIGINT, "
        "requests BIGINT, tokens BIGINT, seconds DOUBLE PRECISION"
    ),
    "_pipedrive_reconciled": ("entity VARCHAR, finished_at TIMESTAMP WITH TIME ZONE, walk VARCHAR"),
    "_pipedrive_unlisted": "entity VARCHAR, id VARCHAR, missed_at TIMESTAMP WITH TIME ZONE",
    "_pipedrive_seen": "entity VARCHAR, id VARCHAR",
    "_pipedrive_tokens": (
        "day_started_at TIMESTAMP WITH TIME ZONE, run_id VARCHAR, entity VARCHAR, "
        "requests BIGINT, tokens BIGINT, account_limit BIGINT, account_left BIGINT, "
        "day_ends_at TIMESTAMP WITH TIME ZONE, noted_at TIMESTAMP WITH TIME ZONE"
    ),
    "_pipedrive_listed_leads": "lead_id VARCHAR",
    "_pipedrive_views": "name VARCHAR",
    "_pipedrive_fields": "entity VARCHAR, fields VARCHAR, noted_at TIMESTAMP WITH TIME ZONE",
    "_pipedrive_purged": "entity VARCHAR",
    "_pipedrive_row_settings": (
        "entity VARCHAR, hashed VARCHAR, hash_check VARCHAR, row_filter VARCHAR"
    ),
    "_pipedrive_downloads": (
        "file_id BIGINT, status VARCHAR, path VARCHAR, sha256 VARCHAR, size BIGINT, "
        "location VARCHAR, downloaded_at TIMESTAMP WITH TIME ZONE, message VARCHAR, "
        "attempts BIGINT, attempted_at TIMESTAMP WITH TIME ZONE, row_size BIGINT, "
        "row_update_time TIMESTAMP WITH TIME ZONE"
    ),
    "_pipedrive_steps": "run VARCHAR, step BIGINT, part BIGINT",
    "_pipedrive_erased": "entity VARCHAR, id BIGINT, erased_at TIMESTAMP WITH TIME ZONE",
    "_pipedrive_erased_values": (
        "entity VARCHAR, id BIGINT, salt VARCHAR, kind VARCHAR, words BIGINT, first_word BIGINT, "
        "digest VARCHAR"
    ),
}

DESCRIPTIONS = {
    ("_pipedrive_coverage", ""): "Up to when each table is complete: a row per table.",
    ("_pipedrive_coverage", "entity"): "Name of the table.",
    ("_pipedrive_coverage", "baseline_at"): (
        "Time (UTC) of the first load; null while it is not finished."
    ),
    ("_pipedrive_coverage", "complete_until"): (
        "Time (UTC) up to which the table has every change."
    ),
    ("_pipedrive_coverage", "walk"): (
        "Position of a load that is reading the table or was interrupted (JSON); null otherwise."
    ),
    ("_pipedrive_coverage", "updated_at"): "Time (UTC) of the last commit.",
    ("_pipedrive_loads", ""): "Finished loads: a row per table and load.",
    ("_pipedrive_loads", "entity"): "Name of the table.",
    ("_pipedrive_loads", "finished_at"): "Time (UTC) at which the load of the table finished.",
    ("_pipedrive_loads", "what"): "What was read.",
    ("_pipedrive_loads", "rows_loaded"): "Number of rows that were written.",
    ("_pipedrive_loads", "requests"): "Number of requests to Pipedrive.",
    ("_pipedrive_loads", "tokens"): "Token cost of these requests.",
    ("_pipedrive_loads", "seconds"): "Duration in seconds.",
}
"""Descriptions of the ledger for people who query it, by table and column (empty: the table)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLine:
    """One load of a table, as recorded in `_pipedrive_loads`.

    Attributes:
        entity: The table's name.
        what: What was read, for people.
        rows_loaded: Rows written.
        requests: Requests sent.
        tokens: Token cost.
        seconds: Duration.
    """

    entity: str
    what: str
    rows_loaded: int
    requests: int
    tokens: int
    seconds: float


def prepare(sql: Sql) -> None:
    """Create the tables and columns of the ledger that do not exist yet."""
    for name, columns in TABLES.items():
        sql.execute_sql(f"CREATE TABLE IF NOT EXISTS {table(sql, name)} ({columns})")
        held = columns_in(sql, name)
        for column in columns.split(", "):
            if column.partition(" ")[0] not in held:
                sql.execute_sql(f"ALTER TABLE {table(sql, name)} ADD COLUMN {column}")


def claim(sql: Sql, account: Account, now: datetime) -> None:
    """Record the warehouse's account on first use, and check it on every later use.

    Args:
        sql: The warehouse.
        account: The account that the API token belongs to.
        now: The current time, UTC.

    Raises:
        WrongAccountError: The warehouse has the data of another account.
        ConfigurationError: A plain dlt pipeline loads this dataset.
    """
    rows = sql.execute_sql(
        "SELECT company_id, company_name, is_sandbox, company_domain "
        f"FROM {table(sql, '_pipedrive_account')}"
    )
    if not rows:
        _refuse_plain(sql)
        sql.execute_sql(
            f"INSERT INTO {table(sql, '_pipedrive_account')} "
            "(company_id, company_name, is_sandbox, first_seen_at, layout, company_domain) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            account.company_id,
            account.company_name,
            account.is_sandbox,
            now,
            LAYOUT,
            account.company_domain or None,
        )
        return
    company_id, company_name, is_sandbox, domain = rows[0]
    if (company_id, is_sandbox) != (account.company_id, account.is_sandbox):
        raise WrongAccountError(
            f"This warehouse has the data of {company_name} ({company_id}), but the API token "
            f"belongs to {account}. Nothing was written. Set PIPEDRIVE_WAREHOUSE to another file, "
            "or use the API token of that account."
        )
    if account.company_domain and account.company_domain != domain:
        sql.execute_sql(
            f"UPDATE {table(sql, '_pipedrive_account')} SET company_domain = %s",
            account.company_domain,
        )


def filtered_tables(sql: Sql) -> set[str]:
    """Return the tables that were loaded with a row filter."""
    rows = sql.execute_sql(
        f"SELECT entity FROM {table(sql, '_pipedrive_row_settings')} WHERE row_filter <> ''"
    )
    return {row[0] for row in rows or ()}


def account_of(sql: Sql) -> tuple[int, str, bool] | None:
    """Return the account whose data the warehouse has.

    Args:
        sql: The warehouse.

    Returns:
        The company's id, its name, and whether it is the sandbox; None if nothing was loaded yet.
    """
    try:
        rows = sql.execute_sql(
            f"SELECT company_id, company_name, is_sandbox FROM {table(sql, '_pipedrive_account')}"
        )
    except DatabaseUndefinedRelation:
        return None
    return tuple(rows[0]) if rows else None


def _refuse_plain(sql: Sql) -> None:
    if table_exists(sql, "_dlt_version") and sql.execute_sql(
        f"SELECT 1 FROM {table(sql, '_dlt_version')} WHERE schema_name = %s LIMIT 1", PLAIN_SCHEMA
    ):
        raise ConfigurationError(
            f"A plain dlt pipeline loads the dataset {sql.dataset_name}. Both cannot load the same "
            "tables, because each keeps its own state. Nothing was written. Set PIPEDRIVE_DATASET "
            "or PIPEDRIVE_WAREHOUSE to another value."
        )


def watermark(sql: Sql, entity: Entity) -> Watermark:
    """Return the watermark of a table; an empty one if it was never loaded."""
    rows = sql.execute_sql(
        "SELECT baseline_at, complete_until, ids_until, walk, lists, omitted "
        f"FROM {table(sql, '_pipedrive_coverage')} WHERE entity = %s",
        entity.name,
    )
    if not rows:
        return Watermark()
    initial_load_at, complete_until, ids_until, scan, lists, omitted = rows[0]
    return Watermark(
        initial_load_at=initial_load_at,
        complete_until=complete_until,
        ids_until=ids_until,
        scan=Scan.from_json(scan) if scan else None,
        lists=lists_from_json(lists) if lists else {},
        omitted=tuple(json.loads(omitted)) if omitted else (),
    )


def record_watermark(sql: Sql, entity: Entity, held: Watermark, now: datetime) -> None:
    """Replace the watermark of a table.

    Args:
        sql: The warehouse; the caller has begun a transaction.
        entity: The table.
        held: The new watermark.
        now: The current time, UTC.
    """
    name = table(sql, "_pipedrive_coverage")
    sql.execute_sql(f"DELETE FROM {name} WHERE entity = %s", entity.name)
    sql.execute_sql(
        f"INSERT INTO {name} (entity, baseline_at, complete_until, ids_until, walk, "
        "updated_at, lists, omitted) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        entity.name,
        held.initial_load_at,
        held.complete_until,
        held.ids_until,
        held.scan.to_json() if held.scan else None,
        now,
        json.dumps(held.lists, default=datetime.isoformat),
        json.dumps(held.omitted) if held.omitted else None,
    )


def record_children(
    sql: Sql,
    entity: Entity,
    reads: Sequence[ChildrenRead],
    doubted: Sequence[ChildrenRead] = (),
) -> None:
    """Record the parents whose children were read, and when.

    Args:
        sql: The warehouse.
        entity: The child table.
        reads: The parents whose children are loaded.
        doubted: Parents whose reply is not trusted. They get no `read_at`, so that a later run
            requests them again.
    """
    name = table(sql, "_pipedrive_children")
    made = [_child_row(entity, read, read.read_at) for read in reads]
    made += [_child_row(entity, read, None) for read in doubted]
    for some in batches(made, STATEMENT_ROWS):
        these, ids = in_clause([parent_id for _, parent_id, *_ in some])
        sql.execute_sql(
            f"DELETE FROM {name} WHERE entity = %s AND parent_id IN ({these})", entity.name, *ids
        )
        rows, values = tuples(some)
        sql.execute_sql(f"INSERT INTO {name} VALUES {rows}", *values)


def _child_row(entity: Entity, read: ChildrenRead, read_at: datetime | None) -> tuple[Any, ...]:
    return entity.name, read.parent.id, read.parent.update_time, read_at


def record_load(sql: Sql, now: datetime, line: LoadLine) -> None:
    """Add a load to the history.

    Args:
        sql: The warehouse.
        now: When the load finished, UTC.
        line: The load.
    """
    sql.execute_sql(
        f"INSERT INTO {table(sql, '_pipedrive_loads')} VALUES (%s, %s, %s, %s, %s, %s, %s)",
        line.entity,
        now,
        line.what,
        line.rows_loaded,
        line.requests,
        line.tokens,
        line.seconds,
    )


def all_columns(sql: Sql) -> dict[str, dict[str, str]]:
    """Return the columns of all tables of this project that exist in the dataset.

    Args:
        sql: The warehouse.

    Returns:
        DuckDB's name of the type, by table and column. Tables of the user's are omitted.
    """
    rows = sql.execute_sql(
        "SELECT table_name, column_name, c.data_type FROM information_schema.columns c "
        "JOIN information_schema.tables t USING (table_schema, table_name) "
        "WHERE table_schema = %s AND t.table_type = 'BASE TABLE' "
        "ORDER BY table_name, c.ordinal_position",
        sql.dataset_name,
    )
    found: dict[str, dict[str, str]] = {}
    for name, column, kind in rows or ():
        found.setdefault(name, {})[column] = dialect.shown_type(sql, kind)
    return {name: columns for name, columns in found.items() if is_own(name, columns)}


def is_own(name: str, columns: Collection[str]) -> bool:
    """Whether this project, or dlt on its behalf, created a table with this name and columns."""
    root, is_nested, _ = name.partition("__")
    if name in TABLES or name in DLT_TABLES:
        return True
    return root in BY_NAME and ("_dlt_parent_id" if is_nested else "_dlt_id") in columns
