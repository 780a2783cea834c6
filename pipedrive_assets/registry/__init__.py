"""The registry: one row per table, with its endpoint, its cost and its key. Nothing here makes
calls.
"""

from pipedrive_assets.registry.entities import (
    BULK_PARENTS,
    BY_NAME,
    DEFAULT_ENTITIES,
    ENTITIES,
    PAGE_ROWS,
    Entity,
    Kind,
    Listing,
    children_of,
)

__all__ = [
    "BULK_PARENTS",
    "BY_NAME",
    "DEFAULT_ENTITIES",
    "ENTITIES",
    "PAGE_ROWS",
    "Entity",
    "Kind",
    "Listing",
    "children_of",
]
