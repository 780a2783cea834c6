"""Pipedrive as a dlt source, and the load that keeps a warehouse complete."""

from pipedrive_assets.source.chosen import name_of, warehouse_of
from pipedrive_assets.source.derived_views import Derivation, derive
from pipedrive_assets.source.glimpse import Glimpse, glimpse
from pipedrive_assets.source.health import Finding, examine, references
from pipedrive_assets.source.load import load, load_tables
from pipedrive_assets.source.overview import Overview, overview
from pipedrive_assets.source.pipedrive import (
    ENTITY_MAPPINGS,
    RECENTS_ENTITIES,
    pipedrive_source,
    unfinished,
)
from pipedrive_assets.source.purge import forgive_person, purge_person, recognized
from pipedrive_assets.source.reconciliation import (
    ReconcileRequest,
    children_to_read_again,
    reconcilable,
    reconcile,
    reconcile_tables,
)
from pipedrive_assets.source.report import LoadRequest, TableReport, Waiting, raise_failures
from pipedrive_assets.source.server import Server
from pipedrive_assets.source.warehouse import Warehouse

__all__ = [
    "ENTITY_MAPPINGS",
    "RECENTS_ENTITIES",
    "Derivation",
    "Finding",
    "Glimpse",
    "LoadRequest",
    "Overview",
    "ReconcileRequest",
    "Server",
    "TableReport",
    "Waiting",
    "Warehouse",
    "children_to_read_again",
    "derive",
    "examine",
    "forgive_person",
    "glimpse",
    "load",
    "load_tables",
    "name_of",
    "overview",
    "pipedrive_source",
    "purge_person",
    "raise_failures",
    "recognized",
    "reconcilable",
    "reconcile",
    "reconcile_tables",
    "references",
    "unfinished",
    "warehouse_of",
]
