"""A digest of all values that a set of queries reads.

If it is the same as in an earlier run, the queries have the same results, whoever wrote to the
tables in between. Reading the columns once takes a small part of the time of the queries.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping

from pipedrive_assets.views.fingerprint import definitions
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.statements import Sql, table

COVERAGE = "_pipedrive_coverage"
WORD = re.compile(r"\w+")


def content_digest(sql: Sql, columns: Mapping[str, Collection[str]], queries: Iterable[str]) -> str:
    """Return a digest of everything that the results of queries depend on.

    These are the values in all tables and columns whose names are in the queries (a query has to
    name the columns that it shows, and must not depend on the current time), the days up to
    which the tables are complete, the account, and the queries and the package themselves. Of the
    time up to which a table is complete only the day counts.

    Args:
        sql: The warehouse.
        columns: The columns of each table that exists.
        queries: The queries, with the names of tables.

    Returns:
        The digest, in hexadecimal digits.
    """
    texts = list(queries)
    words = set(WORD.findall(" ".join(texts)))
    rows = [
        _values(sql, name, [each for each in sorted(columns[name]) if _is_in(each, words)])
        for name in sorted(columns.keys() & words - {COVERAGE})
    ]
    days = sql.execute_sql(
        "SELECT entity, CAST(complete_until AT TIME ZONE 'UTC' AS DATE) "
        f"FROM {table(sql, COVERAGE)} ORDER BY 1"
    )
    account = sql.execute_sql(
        f"SELECT company_name, is_sandbox FROM {table(sql, '_pipedrive_account')}"
    )
    more = [list(map(str, row)) for row in (*(days or ()), *(account or ()))]
    facts = [definitions(), texts, rows, more]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _values(sql: Sql, name: str, columns: Collection[str]) -> list[str]:
    shown = [sql.escape_column_name(each) for each in columns]
    hashed = f", {dialect.rows_hash(sql, shown)}" if shown else ""
    rows = sql.execute_sql(f"SELECT count(*){hashed} FROM {table(sql, name)}") or ()
    return [name, *map(str, rows[0])]


def _is_in(column: str, words: Collection[str]) -> bool:
    """Whether the parts of a column's name are among the words of a query."""
    return all(part in words for part in WORD.findall(column))
