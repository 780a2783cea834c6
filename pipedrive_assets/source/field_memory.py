"""Custom fields while tables are loaded: definitions asked for once a load, names kept for ever.

The mapping of keys to names lives in the table `custom_fields_mapping`. It is stored before any row
that uses it, and labels in rows already loaded are changed before it is.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from dlt.common.normalizers.naming.snake_case import NamingConvention

from pipedrive_assets.api import Client, Tally
from pipedrive_assets.entities import BY_NAME, ENTITIES, PAGE_ROWS, Entity
from pipedrive_assets.errors import Refused
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.fields import (
    FieldDefinition,
    LabelChange,
    MappingRow,
    definition_rows,
    label_changes,
    mapping_record,
    parse_definition,
    parse_mapping_record,
    update_mapping,
)
from pipedrive_assets.source import commit
from pipedrive_assets.source.commit import Written
from pipedrive_assets.source.field_set import FieldSet
from pipedrive_assets.source.ledger import Sql, columns_in, table, table_exists
from pipedrive_assets.source.warehouse import Warehouse
from pipedrive_assets.windows import stamp

log = logging.getLogger(__name__)

DEFINITION_COST = 10
"""Tokens a page of field definitions takes (official docs, fields in API v2)."""
MAPPING_TABLE = "custom_fields_mapping"
OWN_SHAPES = ("definition", "mapping")
"""Shapes of the tables that are made from definitions; they need those of every entity."""
FIELD_LISTS = {
    "deal": "dealFields",
    "person": "personFields",
    "organization": "organizationFields",
    "product": "productFields",
    "activity": "activityFields",
    "project": "projectFields",
}
"""The entities whose fields Pipedrive defines; leads have the deals' fields."""

ON_REQUEST = ("project",)
"""Asked for only where their table is loaded: few accounts have the feature."""
ENDPOINT_OF = {fields: endpoint for endpoint, fields in FIELD_LISTS.items()}

Row = dict[str, Any]


class FieldMemory:
    """Definitions and mappings of one load. Asks Pipedrive at most once per field list, and once
    more where rows hold a key that was not defined when the load began.
    """

    def __init__(self, client: Client, warehouse: Warehouse, now: datetime) -> None:
        self._client, self._warehouse, self._now = client, warehouse, now
        self._definitions: dict[str, list[FieldDefinition] | None] = {}
        self._mappings: dict[str, list[MappingRow]] = {}
        self._asked_again: set[str] = set()

    def ask(self, entity: Entity, tally: Tally) -> None:
        """Get the definitions that an entity needs, unless this load has them."""
        needed = (
            [endpoint for endpoint in FIELD_LISTS if endpoint not in ON_REQUEST]
            if entity.shape in OWN_SHAPES
            else [ENDPOINT_OF.get(entity.fields or "")]
        )
        for endpoint in needed:
            if endpoint and endpoint not in self._definitions:
                self._definitions[endpoint] = self._defined(endpoint, tally)

    def fields_of(self, entity: Entity) -> FieldSet | None:
        """An entity's custom fields, named and stored; None: it has none.

        Where the definitions are refused, the fields known from earlier loads serve.
        """
        endpoint = ENDPOINT_OF.get(entity.fields or "")
        if endpoint is None:
            return None
        self._learn()
        return FieldSet(rows=tuple(self._mappings[endpoint]))

    def fields_for(self, entity: Entity, rows: Iterable[Row], tally: Tally) -> FieldSet | None:
        """The same, asked for once more where `rows` hold a key that is not known yet."""
        found = self.fields_of(entity)
        endpoint = ENDPOINT_OF.get(entity.fields or "", "")
        refused = self._definitions.get(endpoint) is None
        if found is None or refused or endpoint in self._asked_again or found.knows(rows):
            return found
        self._asked_again.add(endpoint)
        self._mappings.pop(endpoint)
        self._definitions[endpoint] = self._defined(endpoint, tally)
        return self.fields_of(entity)

    def mapping_records(self) -> list[Row]:
        """The mapping of every entity asked for, as rows of its table."""
        self._learn()
        return [_record(row) for rows in self._mappings.values() for row in rows]

    def definition_rows(self) -> list[Row]:
        """The definitions of every entity asked for, as rows of the table `fields`."""
        return [
            row
            for endpoint, defined in self._definitions.items()
            for row in definition_rows(endpoint, defined or ())
        ]

    def _defined(self, endpoint: str, tally: Tally) -> list[FieldDefinition] | None:
        """None: Pipedrive refuses to tell."""
        pages = self._client.pages(
            f"api/v2/{FIELD_LISTS[endpoint]}",
            cost=DEFINITION_COST,
            paging="cursor",
            page_rows=PAGE_ROWS,
            tally=tally,
        )
        try:
            return [parse_definition(row) for answer in pages for row in answer.page.rows]
        except Refused as refusal:
            log.warning("custom fields keep the names known so far: %s", refusal)
            return None

    def _learn(self) -> None:
        """Bring the stored mapping of all that was asked for up to date, in one commit.

        Labels in rows already loaded are changed first: what is killed in between is done again.
        """
        fresh = [endpoint for endpoint in self._definitions if endpoint not in self._mappings]
        if not fresh:
            return
        news: list[MappingRow] = []
        with self._warehouse.table_lock(MAPPING_TABLE), self._warehouse.exclusive():
            with self._warehouse.sql() as sql:
                for endpoint in fresh:
                    known = stored_mapping(sql, endpoint)
                    rows = self._updated(endpoint, known)
                    for change in label_changes(known, rows):
                        for entity in entities_with(endpoint):
                            relabel(sql, entity, change)
                    self._mappings[endpoint] = rows
                    news += [row for row in rows if row not in known]
            if news:
                records = [_record(row) for row in news]
                commit.commit_rows(self._warehouse, BY_NAME[MAPPING_TABLE], records, Written())

    def _updated(self, endpoint: str, known: list[MappingRow]) -> list[MappingRow]:
        defined = self._definitions[endpoint]
        if defined is None:
            return known
        return update_mapping(
            known,
            defined,
            built_in_columns(endpoint),
            self._now,
            endpoint=endpoint,
            normalize=NamingConvention().normalize_identifier,
        )


def _record(row: MappingRow) -> Row:
    """A mapping row as Pipedrive would send it: times as text."""
    return {
        name: stamp(value) if isinstance(value, datetime) else value
        for name, value in mapping_record(row).items()
    }


def entities_with(endpoint: str) -> Iterator[Entity]:
    """The entities whose rows carry these custom fields."""
    return (entity for entity in ENTITIES if ENDPOINT_OF.get(entity.fields or "") == endpoint)


def built_in_columns(endpoint: str) -> set[str]:
    """Columns and lists that Pipedrive's own fields have in the tables with these custom fields."""
    found: set[str] = set()
    for entity in entities_with(endpoint):
        held = columns_of(entity.name)
        found |= held.columns.keys() | held.lists.keys()
        found |= {name.partition("__")[0] for name in held.columns}
    return found


def stored_mapping(sql: Sql, endpoint: str) -> list[MappingRow]:
    """The mapping of an entity as the warehouse holds it."""
    if not table_exists(sql, MAPPING_TABLE):
        return []
    names = list(columns_of(MAPPING_TABLE).columns)
    wanted = ", ".join(sql.escape_column_name(name) for name in names)
    rows = sql.execute_sql(
        f"SELECT {wanted} FROM {table(sql, MAPPING_TABLE)} WHERE endpoint = %s", endpoint
    )
    records = (dict(zip(names, row, strict=True)) for row in rows or ())
    return sorted(
        (parse_mapping_record(record) for record in records), key=lambda row: row.hash_string
    )


def relabel(sql: Sql, entity: Entity, change: LabelChange) -> None:
    """Put an option's new label into the rows of a table that chose it."""
    name = change.row.normalized_name
    if not table_exists(sql, entity.name) or name not in columns_in(sql, entity.name):
        return
    if change.row.column_type == "enum":
        sql.execute_sql(
            f"UPDATE {table(sql, entity.name)} SET {sql.escape_column_name(name)} = %s "
            f"WHERE {sql.escape_column_name(f'{name}_id')} = %s",
            change.after,
            int(change.option_id),
        )
    elif change.row.column_type == "set":
        _relabel_set(sql, entity, change)


def _relabel_set(sql: Sql, entity: Entity, change: LabelChange) -> None:
    name, option = change.row.normalized_name, int(change.option_id)
    labels, ids = sql.escape_column_name(name), sql.escape_column_name(f"{name}_ids")
    key = sql.escape_column_name(entity.key[0])
    rows = sql.execute_sql(
        f"SELECT {key}, {labels}, {ids} FROM {table(sql, entity.name)} WHERE {ids} IS NOT NULL"
    )
    for row_key, old, chosen in rows or ():
        options = _list(chosen)
        if option in options:
            new = [
                change.after if each == option else label
                for each, label in zip(options, _list(old), strict=False)
            ]
            sql.execute_sql(
                f"UPDATE {table(sql, entity.name)} SET {labels} = %s WHERE {key} = %s",
                json.dumps(new, ensure_ascii=False),
                row_key,
            )
    child = f"{entity.name}__{name}_labels"
    if table_exists(sql, child):
        sql.execute_sql(
            f"UPDATE {table(sql, child)} SET label = %s WHERE id = %s", change.after, option
        )


def _list(value: Any) -> list[Any]:
    found = json.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, list) else []
