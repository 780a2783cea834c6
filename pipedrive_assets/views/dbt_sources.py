"""dbt sources: the tables with their descriptions, keys, references and freshness.

Everything comes from the registry, the column files and the settings, as in docs/entities.md. If
the warehouse was loaded, only tables that it has are listed, with the columns of custom fields.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pipedrive_assets.config import FILE_DESTINATION, Settings
from pipedrive_assets.config.freshness import DAILY_TOLERANCE, tolerance_of
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.exclusion import is_left_out
from pipedrive_assets.views.comments import comments, descriptions
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.checks import (
    ORPHANED_ROWS,
    ORPHANED_SHARE,
    POINTS_TO,
    references,
)
from pipedrive_assets.warehouse.ledger import all_columns

OWN = "pipedrive"
"""Name of the source of a single account."""

ROW_COLUMNS = ("_dlt_load_id", "_dlt_id")
ITEM_COLUMNS = ("_dlt_root_id", "_dlt_parent_id", "_dlt_list_idx", "_dlt_id")
NOT_DELETED = "_deleted_at is null"

Columns = Mapping[str, Sequence[str]]
Texts = Mapping[tuple[str, str], str]
Node = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtSource:
    """A dbt source: the tables of one account.

    Attributes:
        settings: The settings of the account.
        name: Name of the source. For a DuckDB file, also the alias under which dbt attaches it.
        key_prefix: Prefix of the Dagster asset keys of the tables.
        columns: The columns of each table.
        texts: Descriptions by table and column; the column is empty for the table itself.
        exists: Whether `columns` was read from the warehouse.
    """

    settings: Settings
    name: str = OWN
    key_prefix: tuple[str, ...] = ()
    columns: Columns = field(default_factory=dict)
    texts: Texts = field(default_factory=dict)
    exists: bool = False

    def node(self) -> Node:
        """Return the source as an entry of `sources`."""
        is_file = self.settings.destination == FILE_DESTINATION
        return {
            "name": self.name,
            "description": "A Pipedrive account, loaded by pipedrive_assets.",
            **({"database": self.name} if is_file else {}),
            "schema": self.settings.dataset,
            "tables": [self._table(name) for name in self.columns],
        }

    def relation(self, table: str) -> str:
        """Return the name of a table in SQL."""
        schema = f"{self.settings.dataset}.{table}"
        is_file = self.settings.destination == FILE_DESTINATION
        return f"{self.name}.{schema}" if is_file else schema

    def _table(self, name: str) -> Node:
        entity, is_list = _entity_of(name)
        tests = self._item_tests(name, entity) if is_list else self._tests(entity)
        own = tests.pop("", [])
        meta = {"dagster": {"asset_key": [*self.key_prefix, entity.name]}}
        return {
            "name": name,
            "description": self.texts[name, ""],
            "config": {**({} if is_list else self._freshness(entity)), "meta": meta},
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

    def _freshness(self, entity: Entity) -> Node:
        """Return the thresholds, and the query for the time up to which a table is complete."""
        warn, error = thresholds(entity, self.settings)
        ledger = self.relation("_pipedrive_coverage")
        return {
            "freshness": {
                "warn_after": _period(warn),
                **({"error_after": _period(error)} if error else {}),
            },
            "loaded_at_query": (
                f"select complete_until from {ledger} where entity = '{entity.name}'"
            ),
        }

    def _tests(self, entity: Entity) -> dict[str, list[Any]]:
        """Return the tests of a table by column; those of the table itself under an empty name."""
        tests: dict[str, list[Any]] = {column: ["not_null"] for column in entity.key}
        if len(entity.key) == 1:
            tests[entity.key[0]].insert(0, "unique")
        else:
            expression = " || '-' || ".join(entity.key)
            name = f"unique_{self.name}_{entity.name}_key"
            tests[""] = [{"unique": {"name": name, "arguments": {"column_name": expression}}}]
        for column, target, key in relationships(entity):
            if target in self.columns and column in self.columns[entity.name]:
                is_parent = target == entity.parent and column in entity.key
                tests.setdefault(column, []).append(
                    self._relationship(entity.name, column, target, key, is_certain=is_parent)
                )
        return tests

    def _relationship(
        self, table: str, column: str, target: str, key: str, *, is_certain: bool
    ) -> Node:
        """Return a test of a reference; only the reference of a child row to its parent can fail.

        For the others, as many references without a row are normal as in Dagster's check
        `references`: records that were deleted or hidden leave them behind.
        """
        total = f"select count({column}) from {self.relation(table)} where {NOT_DELETED}"
        unusual = f"count(*) > greatest({ORPHANED_ROWS}, {ORPHANED_SHARE} * ({total}))"
        tolerant = {
            "severity": "warn",
            "fail_calc": f"case when {unusual} then count(*) else 0 end",
        }
        arguments = {"to": f"source('{self.name}', '{target}')", "field": key}
        config = {"where": NOT_DELETED, **({} if is_certain else tolerant)}
        return {"relationships": {"arguments": arguments, "config": config}}

    def _item_tests(self, name: str, entity: Entity) -> dict[str, list[Any]]:
        """Return the tests of a list table; without a warehouse it may not exist."""
        if not self.exists:
            return {}
        link = "_dlt_root_id" if "_dlt_root_id" in self.columns[name] else "_dlt_parent_id"
        arguments = {"to": f"source('{self.name}', '{entity.name}')", "field": "_dlt_id"}
        return {
            "_dlt_id": ["unique", "not_null"],
            link: ["not_null", {"relationships": {"arguments": arguments}}],
        }


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


def relationships(entity: Entity) -> Iterator[tuple[str, str, str]]:
    """Yield column, other table, and key of the other table, for each tested reference.

    References between leads and deals are left out: Pipedrive removes a lead that was converted.
    """
    if entity.name == "activities":
        yield "type", "activity_types", "key_string"
    owner = entity.parent or entity.list_per
    if owner and entity.key[0] not in POINTS_TO:
        yield entity.key[0], owner, BY_NAME[owner].key[0]
    for column, target in references(entity).items():
        yield column, target, "id"


def thresholds(entity: Entity, settings: Settings) -> tuple[timedelta, timedelta | None]:
    """Return the ages at which a table is reported as stale: as a warning, and as an error.

    Args:
        entity: The table.
        settings: The settings; with the sensor switched off, the daily schedule loads all tables.

    Returns:
        Twice and three times the freshness tolerance, but an error not before two days: the daily
        schedule loads every table as well. No error for a table that Pipedrive may refuse or whose
        rows may wait for tokens.
    """
    tolerance = tolerance_of(entity, settings.freshness) or DAILY_TOLERANCE
    if not settings.sensor:
        tolerance = max(tolerance, DAILY_TOLERANCE)
    may_wait = bool(entity.parent) or entity.capped
    if may_wait or entity.feature_gated or entity.rights_vary:
        return 2 * tolerance, None
    return 2 * tolerance, max(3 * tolerance, 2 * DAILY_TOLERANCE)


def _entity_of(table: str) -> tuple[Entity, bool]:
    root, _, nested = table.partition("__")
    return BY_NAME[root], bool(nested)


def _period(age: timedelta) -> Node:
    minutes = round(age.total_seconds() / 60)
    if minutes % 60:
        return {"count": minutes, "period": "minute"}
    return {"count": minutes // 60, "period": "hour"}


def _filled(name: str, value: Any) -> Node:
    return {name: value} if value else {}
