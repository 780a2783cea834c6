"""The tables and views that a reader of the warehouse can query, with their columns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views.comments import comments, history_comments
from pipedrive_assets.views.dbt_sources import described_view
from pipedrive_assets.views.personal import base_of, custom_types, personal_columns
from pipedrive_assets.views.readable_queries import VIEWS
from pipedrive_assets.views.sql import DERIVED_TABLES
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.history.history_table import SUFFIX, base_name, is_history
from pipedrive_assets.warehouse.ledger import is_own
from pipedrive_assets.warehouse.own_views import own_views
from pipedrive_assets.warehouse.statements import Sql

DESCRIBED_VIEWS = {*(view.name for view in VIEWS), *(table.name for table in DERIVED_TABLES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table or view.

    Attributes:
        name: Its name.
        is_view: Whether it is a view.
        description: What a row is.
        columns: The type of each column, with DuckDB's names.
        texts: Descriptions of columns.
        personal: Columns with personal data.
        base: The table whose columns it has; its own name, if it has others.
        key: The columns of its key; empty for lists and views.
    """

    name: str
    is_view: bool
    description: str
    columns: Mapping[str, str]
    texts: Mapping[str, str]
    personal: frozenset[str]
    base: str
    key: tuple[str, ...] = ()


def catalog(sql: Sql) -> dict[str, Relation]:
    """Return the tables and views of this project, by name.

    Tables of the ledger, of dlt and of the user are left out.

    Args:
        sql: The warehouse.
    """
    tables, views = _held(sql)
    custom = custom_types(sql, tables)
    texts = comments(sql, {name: list(columns) for name, columns in tables.items()})
    past = {base_name(name): held for name, held in tables.items() if _is_history(name, held)}
    texts |= history_comments(past, texts)
    found = {}
    for name, columns in {**tables, **views}.items():
        base = base_of(name)
        source = name if (name, "") in texts else base
        description, own = _described(name, texts.get((source, ""), ""))
        known = {column: own.get(column) or texts.get((source, column), "") for column in columns}
        found[name] = Relation(
            name=name,
            is_view=name in views,
            description=description,
            columns=columns,
            texts={column: text for column, text in known.items() if text},
            personal=personal_columns(name, columns, custom),
            base=base,
            key=BY_NAME[name].key if name in BY_NAME else (),
        )
    return found


def _described(name: str, of_base: str) -> tuple[str, Mapping[str, str]]:
    """Return the description of a table or view, and those of its own columns."""
    if name in DESCRIBED_VIEWS:
        _, description, own = described_view(name)
        return description, own
    if name.endswith("_live"):
        return f"{of_base} Only rows that are not marked as deleted.".strip(), {}
    return of_base, {}


Columns = dict[str, dict[str, str]]


def _held(sql: Sql) -> tuple[Columns, Columns]:
    """Return the columns of tables and of views."""
    tables: Columns = {}
    views: Columns = {}
    for name, column, kind, is_view in _rows(sql):
        held = views if is_view else tables
        held.setdefault(name, {})[column] = dialect.shown_type(sql, kind)
    try:
        own = own_views(sql)
    except DatabaseUndefinedRelation:
        own = set()
    return (
        {
            name: columns
            for name, columns in tables.items()
            if not name.startswith("_") and (is_own(name, columns) or _is_history(name, columns))
        },
        {name: columns for name, columns in views.items() if name in own},
    )


def _is_history(name: str, columns: Mapping[str, str]) -> bool:
    return name.endswith(SUFFIX) and base_name(name) in BY_NAME and is_history(columns)


def _rows(sql: Sql) -> Iterator[tuple[str, str, str, bool]]:
    rows = sql.execute_sql(
        "SELECT table_name, column_name, c.data_type, t.table_type = 'VIEW' "
        "FROM information_schema.columns c "
        "JOIN information_schema.tables t USING (table_schema, table_name) "
        "WHERE table_schema = %s ORDER BY table_name, c.ordinal_position",
        sql.dataset_name,
    )
    yield from ((row[0], row[1], row[2], row[3]) for row in rows or ())
