"""Pipedrive as a plain dlt source, for any dlt pipeline, without Dagster."""

from pipedrive_assets.source.pipedrive.run import unfinished
from pipedrive_assets.source.pipedrive.settings import ENTITY_MAPPINGS, RECENTS_ENTITIES
from pipedrive_assets.source.pipedrive.source import pipedrive_source

__all__ = ["ENTITY_MAPPINGS", "RECENTS_ENTITIES", "pipedrive_source", "unfinished"]
