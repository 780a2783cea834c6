"""Pipedrive as a plain dlt source, for any dlt pipeline, without Dagster.

No warehouse, no ledger: what a run has to know of earlier ones is in dlt's state. What to read is
decided in `extract`.
"""

from pipedrive_assets.dlt_source.verified_source_names import ENTITY_MAPPINGS, RECENTS_ENTITIES
from pipedrive_assets.errors import extra_needed

with extra_needed("pipedrive_source"):
    from pipedrive_assets.dlt_source.run import unfinished
    from pipedrive_assets.dlt_source.source import pipedrive_source

__all__ = ["ENTITY_MAPPINGS", "RECENTS_ENTITIES", "pipedrive_source", "unfinished"]
