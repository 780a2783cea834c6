"""The registry under the two names that users of dlt's verified source know."""

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
"""Pipedrive's word for one record -> the resource that loads them."""

ENTITY_MAPPINGS: list[tuple[str, str | None, dict[str, Any] | None]] = [
    (name, FIELD_LISTS.get(name) or entity.fields, dict(entity.params) or None)
    for name, entity in zip(RECENTS_ENTITIES, _LISTED, strict=True)
]
"""Of each: its name, the list that defines its fields, the parameters sent along with the call."""
