"""Defines `<table>_history`: its columns follow those of its table.

The table has the columns of its base table, a JSON column per list, and `VERSION_COLUMNS`. Columns
are added and converted when the base table changes. They are dropped only if a setting excludes
them, so that older versions keep their values.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.exclusion import is_left_out
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.statements import Sql, conversion, table

SUFFIX = "_history"
VERSION_COLUMNS: Mapping[str, str] = {
    "_valid_from": "TIMESTAMP WITH TIME ZONE",
    "_valid_to": "TIMESTAMP WITH TIME ZONE",
    "_is_current": "BOOLEAN",
}
OF_ROW = frozenset({"_dlt_id", "_deleted_at", "_deleted_reason"})
"""Columns of the base table that its history lacks, or has with another meaning."""

ROW_ID = "_dlt_id"
LIST_TYPE = {dialect.DUCKDB: "JSON", dialect.POSTGRES: "jsonb"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The columns of a table and of its history.

    Attributes:
        columns: Columns that are part of a version, without the lists.
        lists: Column names of each list table, by the name of the list.
        links: The column of each list table that refers to the main row.
        held: The columns that the history table has; empty if it does not exist.
    """

    columns: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    links: Mapping[str, str]
    held: Mapping[str, str]

    @property
    def content(self) -> tuple[str, ...]:
        """The columns that a version is compared by."""
        return (*(name for name in self.columns if not name.startswith("_")), *self.lists)


def history_name(name: str) -> str:
    """Return the name of the history of a table."""
    return f"{name}{SUFFIX}"


def base_name(name: str) -> str:
    """Return the name of the table that a history belongs to."""
    return name.removesuffix(SUFFIX)


def histories(sql: Sql) -> dict[str, dict[str, str]]:
    """Return the columns of each history that exists, with their types, by the base table's name.

    Tables of the user's with such a name are omitted.
    """
    wanted = {history_name(name): name for name in BY_NAME}
    found = {wanted[name]: held for name, held in _columns(sql, wanted).items()}
    return {name: held for name, held in found.items() if is_history(held)}


def is_history(columns: Iterable[str]) -> bool:
    """Whether this project created a history table with these columns."""
    return {*VERSION_COLUMNS, ROW_ID} <= {*columns}


def shape_of(sql: Sql, entity: Entity) -> Shape:
    """Return the columns of a table and its history, as the warehouse has them.

    Raises:
        WarehouseError: A table of the user's has the name of the history.
    """
    name = history_name(entity.name)
    found = _columns(sql, (entity.name, name), prefix=f"{entity.name}__")
    held = found.pop(name, {})
    if held and not is_history(held):
        raise WarehouseError(
            f"The dataset {sql.dataset_name} already contains {name}, a table or view that "
            f"pipedrive_assets did not create. Nothing was written to {entity.name}. Rename it, or "
            f"remove {entity.name} from PIPEDRIVE_HISTORY."
        )
    own = {key: kind for key, kind in found.pop(entity.name, {}).items() if key not in OF_ROW}
    lists = {
        key.removeprefix(f"{entity.name}__"): columns
        for key, columns in found.items()
        if "_dlt_parent_id" in columns
    }
    return Shape(
        columns=own,
        lists={
            key: tuple(each for each in columns if not each.startswith("_dlt"))
            for key, columns in lists.items()
        },
        links={
            key: "_dlt_root_id" if "_dlt_root_id" in columns else "_dlt_parent_id"
            for key, columns in lists.items()
        },
        held=held,
    )


def define(sql: Sql, entity: Entity) -> Shape:
    """Create the history of an existing table, or add and convert what its table changed.

    Args:
        sql: The warehouse.
        entity: The table; it exists.

    Returns:
        The columns of the table and its history.

    Raises:
        WarehouseError: A table of the user's has the name of the history.
    """
    shape, quote = shape_of(sql, entity), sql.escape_column_name
    name = table(sql, history_name(entity.name))
    kind = LIST_TYPE[dialect.speaks(sql)]
    wanted = {**shape.columns, **dict.fromkeys(shape.lists, kind)}
    if not shape.held:
        parts = {**wanted, **VERSION_COLUMNS, ROW_ID: wanted.get("_dlt_load_id", "VARCHAR")}
        columns = ", ".join(f"{quote(key)} {each}" for key, each in parts.items())
        sql.execute_sql(f"CREATE TABLE {name} ({columns})")
        if dialect.speaks(sql) == dialect.POSTGRES:
            # DuckDB joins a commit with a whole history in milliseconds.
            key = ", ".join(map(quote, entity.key))
            sql.execute_sql(f"CREATE INDEX ON {name} ({key}) WHERE _is_current")
        return shape
    for key, each in wanted.items():
        column = quote(key)
        if key not in shape.held:
            sql.execute_sql(f"ALTER TABLE {name} ADD COLUMN {column} {each}")
        elif shape.held[key] != each:
            # The base table was converted in the same way; see `load.migrate`.
            sql.execute_sql(conversion(sql, history_name(entity.name), key, each))
    return shape


def drop_excluded(sql: Sql, entity: Entity) -> list[str]:
    """Drop the columns of a history that a setting excludes, and return their names."""
    held = histories(sql).get(entity.name, {}) if entity.excluded else {}
    gone = [name for name in held if name[:1] != "_" and is_left_out(entity, name)]
    for name in gone:
        column = sql.escape_column_name(name)
        sql.execute_sql(f"ALTER TABLE {table(sql, history_name(entity.name))} DROP COLUMN {column}")
    return gone


def make_macros(sql: Sql, tables: Iterable[str]) -> None:
    """Create or replace a table function `<table>_as_of(moment)` for each of these tables."""
    for name in tables:
        source, function = table(sql, history_name(name)), table(sql, f"{name}_as_of")
        if dialect.speaks(sql) == dialect.DUCKDB:
            sql.execute_sql(
                f"CREATE OR REPLACE MACRO {function}(moment) AS TABLE SELECT * FROM {source} "
                f"WHERE {_was_valid('CAST(moment AS TIMESTAMPTZ)')}"
            )
        else:
            sql.execute_sql(
                f"CREATE OR REPLACE FUNCTION {function}(moment timestamptz) "
                f"RETURNS SETOF {source} LANGUAGE sql STABLE AS "
                f"$$ SELECT * FROM {source} WHERE {_was_valid('$1')} $$"
            )


def _was_valid(moment: str) -> str:
    return f"_valid_from <= {moment} AND (_valid_to IS NULL OR {moment} < _valid_to)"


def _columns(sql: Sql, names: Iterable[str], prefix: str = "") -> dict[str, dict[str, str]]:
    """Return the columns and their types of these tables or views, and of tables with a prefix."""
    wanted = tuple(names)
    rows = sql.execute_sql(
        "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c "
        "JOIN information_schema.tables t USING (table_catalog, table_schema, table_name) "
        "WHERE c.table_schema = %s AND c.table_catalog = current_database() "
        f"AND (c.table_name IN ({', '.join(dialect.quoted(each) for each in wanted)}) "
        "OR (t.table_type = 'BASE TABLE' AND %s <> '' "
        "AND substr(c.table_name, 1, length(%s)) = %s)) "
        "ORDER BY c.table_name, c.ordinal_position",
        *(sql.dataset_name, prefix, prefix, prefix),
    )
    found: dict[str, dict[str, str]] = {}
    for name, column, kind in rows or ():
        found.setdefault(name, {})[column] = kind
    return found
