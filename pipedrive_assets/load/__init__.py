"""The load: decides what to read, merges rows, and records what is complete.

SQL that is specific to a destination belongs in `warehouse`, calls to Pipedrive in `extract`.
"""

from pipedrive_assets.load.erase.purge_person import forgive_person, purge_person, recognized
from pipedrive_assets.load.reconciliation.run import (
    ReconcileRequest,
    children_to_read_again,
    reconcilable,
    reconcile,
    reconcile_tables,
)
from pipedrive_assets.load.report import LoadRequest, TableReport, Waiting, raise_failures
from pipedrive_assets.load.run import load, load_tables

__all__ = [
    "LoadRequest",
    "ReconcileRequest",
    "TableReport",
    "Waiting",
    "children_to_read_again",
    "forgive_person",
    "load",
    "load_tables",
    "purge_person",
    "raise_failures",
    "recognized",
    "reconcilable",
    "reconcile",
    "reconcile_tables",
]
