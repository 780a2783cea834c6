"""The registry: one entry per table, with its endpoint, token cost, key and parent.

Everything else is derived from it. No calls, no settings.
"""

from pipedrive_assets.registry.entities import (
    BULK_PARENTS,
    BY_NAME,
    DEFAULT_ENTITIES,
    ENTITIES,
    PAGE_ROWS,
    Endpoint,
    Entity,
    Kind,
    children_of,
)

__all__ = [
    "BULK_PARENTS",
    "BY_NAME",
    "DEFAULT_ENTITIES",
    "ENTITIES",
    "PAGE_ROWS",
    "Endpoint",
    "Entity",
    "Kind",
    "children_of",
]
