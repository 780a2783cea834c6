"""dbt sources: the tables with their descriptions, keys, references and freshness.

Everything comes from the registry, the column files and the settings, as in docs/entities.md. If
the warehouse was loaded, only tables that it has are listed, with the columns of custom fields.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipedrive_assets.config import Settings
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.exclusion import is_left_out
from pipedrive_assets.views.comments import comments, descriptions
from pipedrive_assets.views.dbt_tests import DbtTests, Node
from pipedrive_assets.views.readable_columns import VIEW_COLUMNS
from pipedrive_assets.views.readable_queries import VIEWS
from pipedrive_assets.views.sql import DERIVED_TABLES
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.ledger import all_columns
from pipedrive_assets.warehouse.statements import Sql

OWN = "pipedrive"
"""Name of the source of a single account."""

ROW_COLUMNS = ("_dlt_load_id", "_dlt_id")
ITEM_COLUMNS = ("_dlt_root_id", "_dlt_parent_id", "_dlt_list_idx", "_dlt_id")

Columns = Mapping[str, Sequence[str]]
Texts = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtSource:
    """A dbt source: the tables of one account.

    Attributes:
        settings: The settings of the account.
        name: Name of the source. For a DuckDB file, also the alias under which dbt attaches it.
        key_prefix: Prefix of the Dagster asset keys of the tables.
        columns: The columns of each table.
        texts: Descriptions by table and column; the column is empty for the table itself.
        views: The columns of each readable view and derived table.
        exists: Whether `columns` was read from the warehouse.
    """

    settings: Settings
    name: str = OWN
    key_prefix: tuple[str, ...] = ()
    columns: Columns = field(default_factory=dict)
    texts: Texts = field(default_factory=dict)
    views: Columns = field(default_factory=dict)
    exists: bool = False

    def node(self) -> Node:
        """Return the source as an entry of `sources`."""
        database = self.tests.database
        return {
            "name": self.name,
            "description": "A Pipedrive account, loaded by pipedrive_assets.",
            **({"database": database} if database else {}),
            "schema": self.settings.dataset,
            "tables": [*map(self._table, self.columns), *map(self._view, self.views)],
        }

    @property
    def tests(self) -> DbtTests:
        """The tests of the tables."""
        return DbtTests(source=self.name, settings=self.settings, columns=self.columns)

    def _table(self, name: str) -> Node:
        root, _, nested = name.partition("__")
        entity = BY_NAME[root]
        if not nested:
            tests, config = self.tests.of_table(entity), self.tests.freshness(entity)
        else:
            # Without a warehouse, a list table may not exist: no row may have an item.
            tests, config = self.tests.of_list(name, entity) if self.exists else {}, {}
        own = tests.pop("", [])
        return {
            "name": name,
            "description": self.texts[name, ""],
            "config": {**config, "meta": self._meta(root)},
            **({"data_tests": own} if own else {}),
            "columns": [
                {
                    "name": column,
                    **_filled("description", self.texts.get((name, column))),
                    **_filled("data_tests", tests.get(column)),
                }
                for column in self.columns[name]
            ],
        }

    def _view(self, name: str) -> Node:
        """Return a view; what it shows is tested in its tables."""
        base, description, own = described_view(name)
        columns = [
            (each, own.get(each) or self.texts.get((base, each))) for each in self.views[name]
        ]
        return {
            "name": name,
            "description": description,
            "config": {"meta": self._meta(base)},
            "columns": [
                {"name": column, **_filled("description", text)} for column, text in columns
            ],
        }

    def _meta(self, asset: str) -> Node:
        return {"dagster": {"asset_key": [*self.key_prefix, asset]}}


def of_settings(settings: Settings, name: str = OWN, key_prefix: Sequence[str] = ()) -> DbtSource:
    """Return the source of an account, with the tables that the settings select.

    Args:
        settings: The settings of the account.
        name: Name of the source.
        key_prefix: Prefix of the Dagster asset keys.
    """
    columns = declared_columns(settings.entities)
    return DbtSource(
        settings=settings,
        name=name,
        key_prefix=tuple(key_prefix),
        columns=columns,
        texts=descriptions(columns, {}),
    )


def of_warehouse(
    settings: Settings, warehouse: Warehouse, name: str = OWN, key_prefix: Sequence[str] = ()
) -> DbtSource:
    """Return the source of an account, with the selected tables that its warehouse has.

    Args:
        settings: The settings of the account.
        warehouse: The warehouse; if it was never loaded, all selected tables are returned.
        name: Name of the source.
        key_prefix: Prefix of the Dagster asset keys.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    if not warehouse.exists():
        return of_settings(settings, name, key_prefix)
    selected = [entity.name for entity in settings.entities]
    with warehouse.sql() as sql:
        held = all_columns(sql)
        texts = comments(sql, {table: list(columns) for table, columns in held.items()})
        views = _view_columns(sql, {*held} & {*selected})
    columns = {
        table: list(held[table])
        for entity in selected
        for table in sorted(held)
        if table.partition("__")[0] == entity
    }
    if not columns:
        return of_settings(settings, name, key_prefix)
    return DbtSource(
        settings=settings,
        name=name,
        key_prefix=tuple(key_prefix),
        columns=columns,
        texts=texts,
        views=views,
        exists=True,
    )


def document(sources: Iterable[DbtSource]) -> Node:
    """Return the content of a `sources.yml`."""
    return {"version": 2, "sources": [source.node() for source in sources]}


def declared_columns(entities: Iterable[Entity]) -> dict[str, list[str]]:
    """Return the columns of tables and of their lists, without excluded columns."""
    found: dict[str, list[str]] = {}
    for entity in entities:
        declared = columns_of(entity.name)
        kept = [name for name in declared.columns if not is_left_out(entity, name)]
        found[entity.name] = [*kept, *ROW_COLUMNS]
        for name, columns in declared.lists.items():
            if not is_left_out(entity, name):
                found[f"{entity.name}__{name}"] = [*columns, *ITEM_COLUMNS]
    return found


def _view_columns(sql: Sql, listed: Collection[str]) -> dict[str, list[str]]:
    """Return the columns of the readable views and derived tables whose tables are listed."""
    wanted = [view.name for view in VIEWS if view.base in listed]
    wanted += [each.name for each in DERIVED_TABLES if {*each.needs} <= {*listed}]
    rows = sql.execute_sql(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = %s ORDER BY table_name, ordinal_position",
        sql.dataset_name,
    )
    found: dict[str, list[str]] = {}
    for name, column in rows or ():
        if name in wanted:
            found.setdefault(name, []).append(column)
    return found


def described_view(name: str) -> tuple[str, str, Mapping[str, str]]:
    """Return the asset that a view belongs to, its description, and those of its own columns."""
    for view in VIEWS:
        if view.name == name:
            own = {column: text for column, (_, text) in VIEW_COLUMNS.items()}
            return view.base, view.description, own
    derived = next(each for each in DERIVED_TABLES if each.name == name)
    texts = {column: each.description or "" for column, each in derived.columns.items()}
    return name, derived.description, texts


def _filled(name: str, value: Any) -> Node:
    return {name: value} if value else {}
