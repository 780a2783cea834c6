"""The least token cost of reading a table, known before any request."""

from pipedrive_assets.extract.custom_fields import (
    DEFINITION_COST,
    FIELD_LISTS,
    ON_REQUEST,
    OWN_SHAPES,
)
from pipedrive_assets.registry import BY_NAME, Entity, Kind

_ALL_DEFINITIONS = frozenset(FIELD_LISTS.values()) - {FIELD_LISTS[name] for name in ON_REQUEST}


def pages_at_least(entity: Entity) -> int:
    """Return the token cost of one page of each of an entity's lists."""
    again = entity.tokens_per_page if entity.archived and entity.kind is Kind.SNAPSHOT else 0
    again += pages_at_least(BY_NAME[entity.list_per]) if entity.list_per else 0
    return (
        sum(endpoint.tokens_per_page for endpoint in entity.endpoints) * len(entity.variants)
        + again
    )


def definitions_cost(entity: Entity, asked: set[str]) -> int:
    """Return the token cost of the field definitions that a table needs.

    Args:
        entity: The table.
        asked: The definitions that other tables need as well; they cost nothing again. Those of
            this table are added.

    Returns:
        The token cost.
    """
    needed = _ALL_DEFINITIONS if entity.shape in OWN_SHAPES else {entity.fields} - {None}
    new = {name for name in needed if name} - asked
    asked |= new
    return len(new) * DEFINITION_COST
