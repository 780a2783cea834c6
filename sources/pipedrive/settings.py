"""Names of tables, at the place where users of dlt's verified source expect them."""

from pipedrive_assets.dlt_source import ENTITY_MAPPINGS, RECENTS_ENTITIES

__all__ = ["ENTITY_MAPPINGS", "RECENTS_ENTITIES"]
