"""Loads deals, persons, organizations, activities and all else that Pipedrive holds."""

from pipedrive_assets.dlt_source import (
    ENTITY_MAPPINGS,
    RECENTS_ENTITIES,
    pipedrive_source,
    unfinished,
)

__all__ = ["ENTITY_MAPPINGS", "RECENTS_ENTITIES", "pipedrive_source", "unfinished"]
