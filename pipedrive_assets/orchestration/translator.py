"""Entity to Dagster asset, and nowhere else."""

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
        "A partition holds the records last changed on that UTC day. The first load brings the "
        "whole history, whatever the partition; today's partition brings everything up to now."
    ),
    Kind.SNAPSHOT: (
        "A partition records the state when it was loaded: the list is read whole each time. "
        "Rows that are no longer listed stay, marked with _deleted_at."
    ),
    Kind.CHILD: (
        "Read for every {parent} row that changed since its {name} were last read, most recent "
        "first; a partition stands for the changes known when it was loaded."
    ),
}


class EntityTranslator(DagsterDltTranslator):
    """Asset specs from the registry; the dlt resource's name is the entity's."""

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
        """The spec of the asset that loads a dlt resource of ours."""
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
    """Each entity's spec, in the order given."""
    chosen = tuple(entities)
    translate = EntityTranslator(chosen, destination, names)
    return [
        translate.get_asset_spec(
            DltResourceTranslatorData(resource=table_resource(entity, None), pipeline=None)
        )
        for entity in chosen
    ]


def description(entity: Entity) -> str:
    """What the table holds and what its partitions mean, as Markdown."""
    meaning = PARTITION_MEANING[entity.kind].format(parent=entity.parent, name=entity.name)
    lists = ", ".join(f"`GET /{endpoint.path}`" for endpoint in entity.endpoints)
    source = (
        f"Source: [{lists}]({columns_of(entity.name).url}) in Pipedrive's API reference, "
        f"{entity.tokens_per_page} API tokens a page."
    )
    return f"{entity.description}\n\n{meaning}\n\n{source}"
