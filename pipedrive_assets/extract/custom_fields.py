"""Custom fields while tables are read: definitions asked for once a run, names kept for ever.

Where the mapping of keys to names is kept is each door's own: a MappingStore.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import Refused
from pipedrive_assets.extract.list_pages import whole_list
from pipedrive_assets.registry import BY_NAME, ENTITIES, Endpoint, Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.custom_fields.map_fields import (
    FieldDefinition,
    MappingRow,
    definition_rows,
    mapping_record,
    parse_definition,
    parse_mapping_record,
    update_mapping,
)
from pipedrive_assets.rows.custom_fields.names import Normalize
from pipedrive_assets.windows import stamp

log = logging.getLogger(__name__)

DEFINITION_COST = 10
"""Tokens a page of field definitions takes (official docs, fields in API v2)."""
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
Update = Callable[[list[MappingRow]], list[MappingRow]]
"""From the mapping that is known of an entity's fields to the one as of now."""


class MappingStore(Protocol):
    """Where a door keeps the mappings, by endpoint."""

    def update(self, updates: Mapping[str, Update]) -> dict[str, list[MappingRow]]:
        """Bring each endpoint's mapping up to date, keep the results, and return them."""

    def release(self) -> None:
        """Hold nothing that others wait for: Pipedrive is about to be asked."""


class StateMapping:
    """A MappingStore in a JSON object that the door keeps: the state of a dlt source, of a tap."""

    def __init__(self, held: dict[str, Any]) -> None:
        """`held` is changed in place."""
        self._held = held

    def release(self) -> None:
        """Holds nothing."""

    def update(self, updates: Mapping[str, Update]) -> dict[str, list[MappingRow]]:
        """As JSON: endpoint -> mapping records."""
        mappings = {
            endpoint: update([parse_mapping_record(each) for each in self._held.get(endpoint, ())])
            for endpoint, update in updates.items()
        }
        for endpoint, rows in mappings.items():
            self._held[endpoint] = [stored_record(row) for row in rows]
        return mappings


class FieldMemory:
    """Definitions and mappings of one load. Asks Pipedrive at most once per field list, and once
    more where rows hold a key that was not defined when the load began.
    """

    def __init__(
        self, client: Client, store: MappingStore, now: datetime, *, normalize: Normalize
    ) -> None:
        """`normalize` makes a column name of a label, as the door's tables have them."""
        self._client, self._store, self._now = client, store, now
        self._normalize = normalize
        self._definitions: dict[str, list[FieldDefinition] | None] = {}
        self._mappings: dict[str, list[MappingRow]] = {}
        self._asked_again: set[str] = set()

    def ask(self, entity: Entity, stats: RequestStats) -> None:
        """Get the definitions that an entity needs, unless this load has them."""
        needed = (
            [endpoint for endpoint in FIELD_LISTS if endpoint not in ON_REQUEST]
            if entity.shape in OWN_SHAPES
            else [ENDPOINT_OF.get(entity.fields or "")]
        )
        for endpoint in needed:
            if endpoint and endpoint not in self._definitions:
                self._definitions[endpoint] = self._defined(endpoint, stats)

    def fields_of(self, entity: Entity) -> FieldSet | None:
        """An entity's custom fields, named and stored; None: it has none.

        Where the definitions are refused, the fields known from earlier loads serve.
        """
        endpoint = ENDPOINT_OF.get(entity.fields or "")
        if endpoint is None:
            return None
        self._learn()
        return FieldSet(rows=tuple(self._mappings[endpoint]))

    def fields_for(
        self, entity: Entity, rows: Iterable[Row], stats: RequestStats
    ) -> FieldSet | None:
        """The same, asked for once more where `rows` hold a key that is not known yet."""
        found = self.fields_of(entity)
        endpoint = ENDPOINT_OF.get(entity.fields or "", "")
        refused = self._definitions.get(endpoint) is None
        if found is None or refused or endpoint in self._asked_again or found.knows(rows):
            return found
        self._asked_again.add(endpoint)
        self._mappings.pop(endpoint)
        self._definitions[endpoint] = self._defined(endpoint, stats)
        return self.fields_of(entity)

    def mapping_records(self) -> list[Row]:
        """The mapping of every entity asked for, as rows of its table."""
        self._learn()
        return [stored_record(row) for rows in self._mappings.values() for row in rows]

    def definition_rows(self) -> list[Row]:
        """The definitions of every entity asked for, as rows of the table `fields`."""
        return [
            row
            for endpoint, defined in self._definitions.items()
            for row in definition_rows(endpoint, defined or ())
        ]

    @property
    def defined(self) -> frozenset[str]:
        """The entities whose fields this load has read, without refused and empty lists."""
        return frozenset(name for name, defined in self._definitions.items() if defined)

    def ask_again(self, stats: RequestStats) -> None:
        """Read the definitions of this load once more, in a thread that does not write."""
        for endpoint in tuple(self._definitions):
            self._definitions[endpoint] = self._read(endpoint, stats)

    def _defined(self, endpoint: str, stats: RequestStats) -> list[FieldDefinition] | None:
        self._store.release()
        return self._read(endpoint, stats)

    def _read(self, endpoint: str, stats: RequestStats) -> list[FieldDefinition] | None:
        """None: Pipedrive refuses to tell."""
        listing = Endpoint(path=f"api/v2/{FIELD_LISTS[endpoint]}", tokens_per_page=DEFINITION_COST)
        try:
            rows, _ = whole_list(self._client, BY_NAME["fields"], listing, stats, ())
            return [parse_definition(row) for row in rows]
        except Refused as refusal:
            log.warning("custom fields keep the names known so far: %s", refusal)
            return None

    def _learn(self) -> None:
        """Bring the stored mapping of all that was asked for up to date, in one go."""
        fresh = [endpoint for endpoint in self._definitions if endpoint not in self._mappings]
        if fresh:
            updates = {endpoint: partial(self._updated, endpoint) for endpoint in fresh}
            self._mappings.update(self._store.update(updates))

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
            normalize=self._normalize,
        )


def stored_record(row: MappingRow) -> Row:
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
