"""The registry, where users of dlt's verified source look for it."""

from pipedrive_assets.dlt_source import ENTITY_MAPPINGS, RECENTS_ENTITIES

__all__ = ["ENTITY_MAPPINGS", "RECENTS_ENTITIES"]
