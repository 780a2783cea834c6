"""The differences between the SQL of DuckDB and PostgreSQL.

Most SQL is written so that both accept it. Other SQL is written for DuckDB and translated by
sqlglot (`translate`). What sqlglot cannot translate has a function here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
from dlt.common.destination.exceptions import DestinationException as DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from pipedrive_assets.fault_text import causes, sqlstate

Sql = SqlClientBase[Any]
DUCKDB, POSTGRES = "duckdb", "postgres"
INVALID_TABLE_DEFINITION = "42P16"
"""PostgreSQL's SQLSTATE for a view whose columns would change."""

TYPES = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "json": "JSON",
}
"""DuckDB's names for the types of the column files."""

_POSTGRES_SHOWS = {
    "character varying": "VARCHAR",
    "double precision": "DOUBLE",
    "jsonb": "JSON",
}

_LEAP_YEAR = r"(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_DATE = (
    r"^(?!0000)(\d{4}-((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)"
    rf"|(0[13578]|1[02])-31)|{_LEAP_YEAR}-02-29)"
)
_FITS = {
    "BIGINT": r"^\s*[+-]?\d{1,18}\s*$",
    "DOUBLE": r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?\s*$",
    "BOOLEAN": r"^\s*(true|false|t|f|0|1)\s*$",
    "DATE": _DATE,
    "TIMESTAMPTZ": rf"{_DATE}([ T]([01]\d|2[0-3]):[0-5]\d|$)",
}
"""Patterns for texts that PostgreSQL can certainly cast, because it has no TRY_CAST."""


def speaks(sql: Sql) -> str:
    """Return sqlglot's name for the SQL dialect of a client's database."""
    return str(sql.capabilities.sqlglot_dialect or DUCKDB)


def shown_type(sql: Sql, kind: str) -> str:
    """Return DuckDB's name for a column type of the information schema."""
    if speaks(sql) == POSTGRES:
        return _POSTGRES_SHOWS.get(kind, kind.upper())
    return kind


def translate(sql: Sql, statement: str) -> str:
    """Translate a statement from DuckDB's SQL to that of the client's database.

    Args:
        sql: The client.
        statement: A statement without parameters.

    Returns:
        The translated statement.
    """
    if speaks(sql) == DUCKDB:
        return statement
    import sqlglot  # noqa: PLC0415 - not needed for DuckDB

    parsed = sqlglot.parse_one(statement, read=DUCKDB)
    return str(parsed.transform(_for_postgres).sql(POSTGRES))


def _for_postgres(node: Any) -> Any:
    """Correct what sqlglot mistranslates: casts that may fail, and differences of timestamps."""
    from sqlglot import exp  # noqa: PLC0415

    if isinstance(node, exp.TryCast):
        kind = node.to.sql(DUCKDB)
        text = exp.cast(node.this.copy(), "text")
        if pattern := _FITS.get(kind):
            fits = exp.RegexpLike(this=text.copy(), expression=exp.Literal.string(pattern))
            return exp.Case().when(fits, exp.cast(text, kind, dialect=DUCKDB))
        if kind == "JSON":
            return exp.func("to_jsonb", text)
        return exp.cast(text, kind, dialect=DUCKDB)
    if isinstance(node, exp.DateDiff) and str(node.unit).upper() == "SECOND":
        span = exp.paren(exp.Sub(this=node.this.copy(), expression=node.expression.copy()))
        return exp.Extract(this=exp.var("EPOCH"), expression=span)
    return node


def changed_rows(sql: Sql, statement: str, *values: Any) -> int:
    """Run a statement that changes rows.

    DuckDB returns the number of changed rows as a row, PostgreSQL as a property of the cursor.

    Args:
        sql: The client.
        statement: The statement.
        *values: Its parameters.

    Returns:
        The number of changed rows.
    """
    with sql.execute_query(statement, *values) as cursor:
        if cursor.description:
            return int((cursor.fetchone() or (0,))[0])
        native: Any = cursor.native_cursor
        return max(0, int(native.rowcount))


def relation_exists(sql: Sql, name: str) -> bool:
    """Whether a table or view exists.

    dlt's client would end a transaction because of a query that fails. DuckDB itself goes on, and
    a query of its catalog takes twenty times as long.

    Args:
        sql: The client.
        name: The qualified and quoted name.
    """
    if speaks(sql) == POSTGRES:
        rows = sql.execute_sql("SELECT to_regclass(%s) IS NOT NULL", name)
        return bool(rows and rows[0][0])
    native: Any = sql.native_connection
    query = f"SELECT 1 FROM {name} LIMIT 0"
    try:
        native.execute(query)
    except duckdb.CatalogException:
        return False
    except duckdb.Error:
        sql.execute_sql(query)  # raises the exception of dlt that callers know
    return True


def may_make_tables(sql: Sql, *, exists: bool) -> bool:
    """Return whether the user of PostgreSQL can create tables in the dataset.

    Args:
        sql: A client of a PostgreSQL database.
        exists: Whether the dataset exists; otherwise the user has to be able to create it.

    Returns:
        Whether the user has the privilege CREATE.
    """
    if exists:
        rows = sql.execute_sql("SELECT has_schema_privilege(%s, 'CREATE')", sql.dataset_name)
    else:
        rows = sql.execute_sql("SELECT has_database_privilege(current_database(), 'CREATE')")
    return bool(rows and rows[0][0])


def replace_view(sql: Sql, name: str, query: str) -> None:
    """Create a view or replace it.

    PostgreSQL replaces a view in place and keeps its grants and dependent objects, but only if
    new columns come last. They are therefore moved to the end. A view that loses a column is
    dropped first.

    Args:
        sql: The client.
        name: The qualified name of the view.
        query: Its query, in the SQL of the client's database.

    Raises:
        DatabaseException: The query failed, or another view depends on a column that is gone.
    """
    create = f"CREATE OR REPLACE VIEW {name} AS "
    if speaks(sql) != POSTGRES:
        sql.execute_sql(create + query)
        return
    try:
        sql.execute_sql(create + query)
    except DatabaseException as error:
        _refuse_other_than_columns(error)
        try:
            sql.execute_sql(create + _in_held_order(sql, name, query))
        except DatabaseException as again:
            _refuse_other_than_columns(again)
            with sql.begin_transaction():
                sql.execute_sql(f"DROP VIEW IF EXISTS {name}")
                sql.execute_sql(create + query)


def _refuse_other_than_columns(error: BaseException) -> None:
    """Raise an error again unless its cause is the columns of the existing view."""
    if not any(sqlstate(each) == INVALID_TABLE_DEFINITION for each in causes(error)):
        raise error


def _in_held_order(sql: Sql, name: str, query: str) -> str:
    held, wanted = (
        _columns(sql, f"SELECT * FROM {source} LIMIT 0") for source in (name, f"({query}) AS q")
    )
    if not set(held) <= set(wanted):
        return query
    columns = [*held, *(column for column in wanted if column not in held)]
    return f"SELECT {', '.join(map(sql.escape_column_name, columns))} FROM ({query}) AS q"


def _columns(sql: Sql, query: str) -> list[str]:
    with sql.execute_query(query) as cursor:
        return [column[0] for column in cursor.description]


def drop_view(sql: Sql, name: str) -> None:
    """Drop a view by its qualified name."""
    sql.execute_sql(f"DROP VIEW IF EXISTS {name}")


DEPENDENT_OBJECTS = "2BP01"
"""PostgreSQL's SQLSTATE for an object that cannot be dropped because others depend on it."""


def dependent(error: BaseException) -> str:
    """Return what depends on an object that could not be dropped or changed.

    Args:
        error: The error of the database.

    Returns:
        The database's text, for example `view report depends on view deals_live`; empty for other
        errors.
    """
    cause: Any = getattr(error, "dbapi_exception", error)
    if getattr(cause, "pgcode", None) == DEPENDENT_OBJECTS:
        return "; ".join(str(cause.diag.message_detail).splitlines())
    if isinstance(cause, duckdb.DependencyException):
        return " ".join(str(cause).split()).removeprefix("Dependency Error: ").rstrip(".")
    return ""


def indexes_on(sql: Sql, name: str) -> list[str]:
    """Return the indexes of a table in DuckDB, which does not name what prevents a change."""
    if speaks(sql) != DUCKDB:
        return []
    rows = sql.execute_sql(
        "SELECT index_name FROM duckdb_indexes() WHERE schema_name = %s AND table_name = %s "
        "AND database_name = current_database() ORDER BY 1",
        *(sql.dataset_name, name),
    )
    return [f"index {row[0]} depends on table {name}" for row in rows or ()]


def json_keys(sql: Sql, source: str, by: str, column: str, key: str) -> str:
    """Return a query of the keys that an object within a JSON column has, by another column.

    Args:
        sql: The client.
        source: The table, qualified.
        by: The other column, quoted.
        column: The JSON column, quoted.
        key: The key of the object.

    Returns:
        A query of the other column and a key, without duplicates.
    """
    return _JSON_KEYS[speaks(sql)].format(source=source, by=by, column=column, key=key)


def json_text(sql: Sql, column: str, outer: str, inner: str) -> str:
    """Return SQL for a text within a JSON column.

    Args:
        sql: The client.
        column: The column, quoted.
        outer: The key of an object.
        inner: The key of the text within that object.

    Returns:
        An expression.
    """
    literal: Callable[[str], str] = sql.capabilities.escape_literal
    if speaks(sql) == POSTGRES:
        return f"{column} -> '{outer}' ->> {literal(inner)}"
    # In a JSON pointer only ~ and / are special characters.
    pointer = f"/{outer}/{inner.replace('~', '~0').replace('/', '~1')}"
    return f"json_extract_string({column}, {literal(pointer)})"


def chosen_labels(sql: Sql, text: str, labels: str) -> str:
    """Return SQL that replaces the ids in a text like `[1, 2]` by their labels.

    Args:
        sql: The client.
        text: An SQL expression with the text.
        labels: An SQL expression with a JSON object of labels by id.

    Returns:
        An expression, for example with the value `Hot, Warm`. Ids without a label stay.
    """
    return _LABELS[speaks(sql)].format(text=text, labels=labels)


def rows_hash(sql: Sql, columns: Sequence[str]) -> str:
    """Return SQL that aggregates rows to a number, which differs if a value in them does.

    Args:
        sql: The client.
        columns: The columns, quoted.

    Returns:
        An expression; the order of the rows does not matter.
    """
    names = ", ".join(columns)
    if speaks(sql) == POSTGRES:
        return f"sum(hashtextextended(ROW({names})::text, 0))"
    return f"sum(hash({names}))"


def quoted(text: str) -> str:
    """Return a text as a literal for statements that allow no parameters."""
    return "'" + text.replace("\0", "").replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Quote a name for both databases."""
    return '"' + name.replace('"', '""') + '"'


def options(sql: Sql, column: str, source: str) -> str:
    """Return a query for the options in a column: `id` and `label` as text, without duplicates.

    Args:
        sql: A client of the database.
        column: A JSON column with lists of objects that have an id and a label.
        source: The FROM clause of the query, without FROM.

    Returns:
        The query.
    """
    return _OPTIONS[speaks(sql)].format(column=column, source=source)


_JSON_KEYS: Mapping[str, str] = {
    # Most events of a kind have the same keys: unnesting each of them would take longer.
    DUCKDB: (
        "SELECT DISTINCT {by}, unnest(keys) FROM "
        "(SELECT DISTINCT {by}, json_keys({column}, '$.{key}') AS keys FROM {source})"
    ),
    POSTGRES: (
        "SELECT DISTINCT {by}, jsonb_object_keys(CASE WHEN jsonb_typeof({column} -> '{key}') = "
        "'object' THEN {column} -> '{key}' END) FROM {source}"
    ),
}
_LABELS: Mapping[str, str] = {
    DUCKDB: (
        "array_to_string(list_transform(string_split(trim({text}, '[] '), ','), "
        "lambda each: coalesce(json_extract_string({labels}, '$.\"' || trim(each) || '\"'), "
        "trim(each))), ', ')"
    ),
    POSTGRES: (
        "(SELECT string_agg(coalesce({labels} ->> trim(x.each), trim(x.each)), ', ' "
        "ORDER BY x.place) FROM regexp_split_to_table(btrim({text}, '[] '), ',') "
        "WITH ORDINALITY AS x(each, place))"
    ),
}
_OPTIONS: Mapping[str, str] = {
    DUCKDB: (
        "(SELECT json_extract_string(c.choice, '$.id') AS id, "
        "min(json_extract_string(c.choice, '$.label')) AS label "
        "FROM (SELECT unnest(json_extract({column}, '$[*]')) AS choice FROM {source}) c GROUP BY 1)"
    ),
    POSTGRES: (
        "(SELECT jsonb_extract_path_text(c.choice, 'id') AS id, "
        "min(jsonb_extract_path_text(c.choice, 'label')) AS label "
        "FROM (SELECT jsonb_array_elements(CASE WHEN jsonb_typeof({column}) = 'array' "
        "THEN {column} END) AS choice FROM {source}) c GROUP BY 1)"
    ),
}
