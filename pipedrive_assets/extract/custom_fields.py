"""Custom fields during a load: request their definitions, and keep their column names.

A MappingStore stores the mapping of field keys to column names: in the warehouse, the dlt state or
the Singer state.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import BadRequest, Refused
from pipedrive_assets.extract.background import Background
from pipedrive_assets.extract.list_pages import whole_list
from pipedrive_assets.extract.offset_pages import Params
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
"""Token cost of a page of field definitions (official docs, fields in API v2)."""
OWN_SHAPES = ("definition", "mapping")
"""Shapes of the tables that are built from the definitions of all entities."""
FIELD_LISTS = {
    "deal": "dealFields",
    "person": "personFields",
    "organization": "organizationFields",
    "product": "productFields",
    "activity": "activityFields",
    "project": "projectFields",
}
"""Endpoint of the field definitions by entity; leads use the fields of deals."""

WITH_REQUIREMENTS = ("deal", "person", "organization")
"""Entities whose definitions can have REQUIREMENTS (official docs, fields in API v2)."""
REQUIREMENTS: Params = (("include_fields", "important_fields,required_fields"),)

ON_REQUEST = ("project",)
"""Entities whose definitions are requested only if their table is loaded; few accounts have it."""
ENDPOINT_OF = {fields: endpoint for endpoint, fields in FIELD_LISTS.items()}

Row = dict[str, Any]
Update = Callable[[list[MappingRow]], list[MappingRow]]
"""A function from the stored mapping of an entity's fields to the current one."""


class MappingStore(Protocol):
    """Stores the mapping of custom fields to column names, by entity of the fields."""

    def update(self, updates: Mapping[str, Update]) -> dict[str, list[MappingRow]]:
        """Update and store mappings.

        Args:
            updates: By entity of the fields, the function that updates its mapping.

        Returns:
            The updated mapping of each of these entities.
        """

    def release(self) -> None:
        """Release locks before a request to Pipedrive, so that other processes do not wait."""


class StateMapping:
    """A MappingStore in a JSON object: the state of a dlt source or of a Singer tap."""

    def __init__(self, held: dict[str, Any]) -> None:
        """Use `held`, a JSON object of mapping records by entity, which is changed in place."""
        self._held = held

    def release(self) -> None:
        """Do nothing; there are no locks."""

    def update(self, updates: Mapping[str, Update]) -> dict[str, list[MappingRow]]:
        """Update the mappings in the JSON object; see `MappingStore.update`."""
        mappings = {
            endpoint: update([parse_mapping_record(each) for each in self._held.get(endpoint, ())])
            for endpoint, update in updates.items()
        }
        for endpoint, rows in mappings.items():
            self._held[endpoint] = [stored_record(row) for row in rows]
        return mappings


@dataclass(slots=True)
class _Early:
    """Definitions that were requested before their first table."""

    definitions: list[FieldDefinition] | None = None
    error: Exception | None = None
    stats: RequestStats = field(default_factory=RequestStats)


class FieldMemory:
    """Definitions and mappings of custom fields during one load.

    Requests each list of definitions once, and once more if rows contain an unknown key.
    """

    def __init__(
        self, client: Client, store: MappingStore, now: datetime, *, normalize: Normalize
    ) -> None:
        """Create an empty memory; no request is sent.

        Args:
            client: The client for Pipedrive.
            store: Stores the mappings.
            now: Time of the load (UTC).
            normalize: Turns a label into a column name.
        """
        self._client, self._store, self._now = client, store, now
        self._normalize = normalize
        self._definitions: dict[str, list[FieldDefinition] | None] = {}
        self._mappings: dict[str, list[MappingRow]] = {}
        self._asked_again: set[str] = set()
        self._early: dict[str, _Early] = {}

    def ask_early(self, entities: Iterable[Entity]) -> None:
        """Request the definitions that several tables need, all at once.

        `ask` then returns them, or raises the error of their request. Tables with a token cap are
        left out, because the cap may stop them before their first request.

        Args:
            entities: The tables that will be loaded.
        """
        tables = [entity for entity in entities if not entity.capped]
        needed = dict.fromkeys(endpoint for entity in tables for endpoint in _endpoints_of(entity))
        asked = {endpoint: _Early() for endpoint in needed}
        with Background("definitions") as background:
            for endpoint, early in asked.items():
                background.start(partial(self._read_early, endpoint, early))
        self._early = asked

    def _read_early(self, endpoint: str, early: _Early) -> None:
        try:
            early.definitions = self._read(endpoint, early.stats)
        except Exception as error:  # noqa: BLE001 - raised to the table that needs the definitions
            early.error = error

    def ask(self, entity: Entity, stats: RequestStats) -> None:
        """Request the definitions that an entity needs, unless this load already has them.

        Args:
            entity: The table that is loaded.
            stats: Statistics that the requests are added to.

        Raises:
            PipedriveError: The definitions cannot be read. A refusal is not an error.
        """
        for endpoint in _endpoints_of(entity):
            if endpoint in self._definitions:
                continue
            if early := self._early.pop(endpoint, None):
                stats.include(early.stats)
                if early.error:
                    raise early.error
                self._definitions[endpoint] = early.definitions
            else:
                self._definitions[endpoint] = self._defined(endpoint, stats)

    def fields_of(self, entity: Entity) -> FieldSet | None:
        """Return an entity's custom fields with their column names; None if it has none.

        If Pipedrive refuses the definitions, the fields of earlier loads are used.
        """
        endpoint = ENDPOINT_OF.get(entity.fields or "")
        if endpoint is None:
            return None
        self._learn()
        return FieldSet(rows=tuple(self._mappings[endpoint]))

    def fields_for(
        self, entity: Entity, rows: Iterable[Row], stats: RequestStats
    ) -> FieldSet | None:
        """Find an entity's custom fields; request them again if `rows` have an unknown key.

        If that is not possible, the names that another run has stored meanwhile are used.

        Args:
            entity: The table that is loaded.
            rows: Rows as Pipedrive sent them.
            stats: Statistics that the requests are added to.

        Returns:
            The custom fields with their column names; None if the entity has none.
        """
        found = self.fields_of(entity)
        if found is None or found.knows(rows):
            return found
        endpoint = ENDPOINT_OF[entity.fields or ""]
        if self._definitions[endpoint] is None or endpoint in self._asked_again:
            self._mappings.update(self._store.update({endpoint: list}))
            return self.fields_of(entity)
        self._asked_again.add(endpoint)
        self._mappings.pop(endpoint)
        self._definitions[endpoint] = self._defined(endpoint, stats)
        return self.fields_of(entity)

    def mapping_records(self) -> list[Row]:
        """Return the mappings of this load as rows of the table `custom_fields_mapping`."""
        self._learn()
        return [stored_record(row) for rows in self._mappings.values() for row in rows]

    def definition_rows(self) -> list[Row]:
        """Return the definitions of this load as rows of the table `fields`."""
        return [
            row
            for endpoint, defined in self._definitions.items()
            for row in definition_rows(endpoint, defined or ())
        ]

    def own_rows(self, entity: Entity) -> list[Row]:
        """The rows of a table that is made from definitions (`OWN_SHAPES`)."""
        return self.mapping_records() if entity.shape == "mapping" else self.definition_rows()

    @property
    def defined(self) -> frozenset[str]:
        """Entities whose definitions were read in this load and are not empty."""
        return frozenset(name for name, defined in self._definitions.items() if defined)

    def ask_again(self, stats: RequestStats) -> None:
        """Request all definitions of this load again; does not touch the store."""
        for endpoint in tuple(self._definitions):
            self._definitions[endpoint] = self._read(endpoint, stats)

    def _defined(self, endpoint: str, stats: RequestStats) -> list[FieldDefinition] | None:
        self._store.release()
        return self._read(endpoint, stats)

    def _read(self, endpoint: str, stats: RequestStats) -> list[FieldDefinition] | None:
        """Request the definitions of an entity; return None if Pipedrive refuses them."""
        listing = Endpoint(path=f"api/v2/{FIELD_LISTS[endpoint]}", tokens_per_page=DEFINITION_COST)
        extras = REQUIREMENTS if endpoint in WITH_REQUIREMENTS else ()
        try:
            rows = self._list(listing, extras, stats)
            return [parse_definition(row) for row in rows]
        except Refused as refusal:
            log.warning(
                "Field definitions (%s) not read, using those of earlier loads: %s",
                *(endpoint, refusal),
            )
            return None

    def _list(self, listing: Endpoint, extras: Params, stats: RequestStats) -> list[Row]:
        """Read a list of definitions, without the extra keys if Pipedrive refuses these."""
        try:
            return whole_list(self._client, BY_NAME["fields"], listing, stats, extras)[0]
        except BadRequest as error:
            if not extras:
                raise
            log.warning("Field definitions are read without required_fields: %s", error)
            return whole_list(self._client, BY_NAME["fields"], listing, stats, ())[0]

    def _learn(self) -> None:
        """Update the stored mappings of all definitions read so far, in one transaction."""
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
    """Return a mapping row as a JSON-serializable record, with times as text (UTC)."""
    return {
        name: stamp(value) if isinstance(value, datetime) else value
        for name, value in mapping_record(row).items()
    }


def _endpoints_of(entity: Entity) -> list[str]:
    """Return the entities whose field definitions a table needs."""
    if entity.shape in OWN_SHAPES:
        return [endpoint for endpoint in FIELD_LISTS if endpoint not in ON_REQUEST]
    endpoint = ENDPOINT_OF.get(entity.fields or "")
    return [endpoint] if endpoint else []


def entities_with(endpoint: str) -> Iterator[Entity]:
    """Return the tables that have the custom fields of an entity, e.g. `deal`."""
    return (entity for entity in ENTITIES if ENDPOINT_OF.get(entity.fields or "") == endpoint)


def built_in_columns(endpoint: str) -> set[str]:
    """Return the built-in columns and lists of all tables with an entity's custom fields."""
    found: set[str] = set()
    for entity in entities_with(endpoint):
        held = columns_of(entity.name)
        found |= held.columns.keys() | held.lists.keys()
        found |= {name.partition("__")[0] for name in held.columns}
    return found
