"""The warehouse: a DuckDB file or a PostgreSQL database in dlt's layout, and its ledger.

Decisions on what to read and when belong in `load`; views belong in `views`.
"""

from pipedrive_assets.warehouse.checks import CheckResult, references, run_checks
from pipedrive_assets.warehouse.open import backend_of, name_of, warehouse_of
from pipedrive_assets.warehouse.sample import TableSample, sample_rows
from pipedrive_assets.warehouse.server.database import DatabaseServer
from pipedrive_assets.warehouse.warehouse import Warehouse

__all__ = [
    "CheckResult",
    "DatabaseServer",
    "TableSample",
    "Warehouse",
    "backend_of",
    "name_of",
    "references",
    "run_checks",
    "sample_rows",
    "warehouse_of",
]
