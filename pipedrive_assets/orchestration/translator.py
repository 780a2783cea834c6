"""Converts entities into Dagster asset specs."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from pipedrive_assets.config import FILE_DESTINATION
from pipedrive_assets.orchestration.embedded_elt import (
    DagsterDltTranslator,
    DltResourceTranslatorData,
)
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.orchestration.table_schema import column_schema
from pipedrive_assets.registry import BY_NAME, ENTITIES, Entity, Kind
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.warehouse.dlt.hints import table_resource

PARTITION_MEANING = {
    Kind.WINDOWED: (
        "A partition covers the records last changed on that UTC day. The first load reads the "
        "whole history, whatever the partition. Today's partition reads everything up to now."
    ),
    Kind.SNAPSHOT: (
        "Each load reads the complete list, so a partition records the state at that time. "
        "Rows that Pipedrive no longer lists are kept, with `_deleted_at` set."
    ),
    Kind.CHILD: (
        "Each load reads the rows of every record in {parent} that has changed since its rows were "
        "last read, the latest changes first. A partition records the state at load time."
    ),
}


class EntityTranslator(DagsterDltTranslator):
    """Creates asset specs from the registry. A dlt resource has the name of its entity."""

    def __init__(
        self,
        entities: Iterable[Entity] = ENTITIES,
        destination: str = FILE_DESTINATION,
        names: Names = OWN_NAMES,
    ) -> None:
        super().__init__()
        self._names = names
        self._destination = destination
        self._by_name = {**BY_NAME, **{entity.name: entity for entity in entities}}

    def get_asset_spec(self, data: Any) -> dg.AssetSpec:
        """Return the spec of the asset that loads a dlt resource of this project."""
        return _spec(self._by_name[data.resource.name], self._destination, self._names)


def _spec(entity: Entity, destination: str, names: Names) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=names.key(entity.name),
        deps=[names.key(entity.parent)] if entity.parent else [],
        description=description(entity),
        group_name=entity.group,
        kinds={"dlt", destination},
        tags={"cost_tokens": str(entity.tokens_per_page)},
        metadata={
            "api_path": f"GET /{entity.path}",
            "api_reference": dg.MetadataValue.url(columns_of(entity.name).url),
            "tokens_per_page": entity.tokens_per_page,
            "dagster/column_schema": column_schema(entity),
        },
    )


def specs(
    entities: Iterable[Entity], destination: str = FILE_DESTINATION, names: Names = OWN_NAMES
) -> list[dg.AssetSpec]:
    """Return the spec of each entity, in the given order.

    Args:
        entities: The entities.
        destination: dlt's name of the destination, shown as the assets' kind.
        names: The names of the assets.
    """
    chosen = tuple(entities)
    translate = EntityTranslator(chosen, destination, names)
    return [
        translate.get_asset_spec(
            DltResourceTranslatorData(resource=table_resource(entity, None), pipeline=None)
        )
        for entity in chosen
    ]


def description(entity: Entity) -> str:
    """Return what the table contains and what its partitions mean, as Markdown."""
    meaning = PARTITION_MEANING[entity.kind].format(parent=entity.parent)
    lists = ", ".join(f"`GET /{endpoint.path}`" for endpoint in entity.endpoints)
    source = (
        f"Source: [{lists}]({columns_of(entity.name).url}) in Pipedrive's API reference, "
        f"{entity.tokens_per_page} tokens per page."
    )
    versions = f"\n\nVersions of its rows: `{entity.name}_history`." if entity.history else ""
    return f"{entity.description}\n\n{meaning}{versions}\n\n{source}"
