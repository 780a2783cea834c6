"""The registry: one entry per table, with its endpoint, token cost, key and parent.

Tables, dlt resources, Dagster assets and docs are derived from it. It sends no requests and uses
no settings.
"""

from pipedrive_assets.registry.entities import (
    BY_NAME,
    DEFAULT_ENTITIES,
    ENTITIES,
    children_of,
    histories_of,
)
from pipedrive_assets.registry.entity import (
    BULK_PARENTS,
    PAGE_ROWS,
    Endpoint,
    Entity,
    Kind,
    SchemaPolicy,
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
    "SchemaPolicy",
    "children_of",
    "histories_of",
]
