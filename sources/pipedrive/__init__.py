"""dlt source for deals, persons, organizations, activities and other data of Pipedrive."""

from pipedrive_assets.dlt_source import (
    ENTITY_MAPPINGS,
    RECENTS_ENTITIES,
    pipedrive_source,
    unfinished,
)

__all__ = ["ENTITY_MAPPINGS", "RECENTS_ENTITIES", "pipedrive_source", "unfinished"]
