"""The registry as the two constants that dlt's verified source exports."""

from typing import Any

from pipedrive_assets.extract.custom_fields import FIELD_LISTS, OWN_SHAPES
from pipedrive_assets.registry import ENTITIES, Entity, Kind


def _singular(entity: Entity) -> str:
    plural = entity.name
    return f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s")


_LISTED = tuple(
    entity
    for entity in ENTITIES
    if entity.kind is not Kind.CHILD and entity.shape not in OWN_SHAPES
)

RECENTS_ENTITIES: dict[str, str] = {_singular(entity): entity.name for entity in _LISTED}
"""By Pipedrive's name of one record, the resource that loads these records."""

ENTITY_MAPPINGS: list[tuple[str, str | None, dict[str, Any] | None]] = [
    (name, FIELD_LISTS.get(name) or entity.fields, dict(entity.params) or None)
    for name, entity in zip(RECENTS_ENTITIES, _LISTED, strict=True)
]
"""Per table: the name of one record, the list of its field definitions, the request parameters."""
