"""Where rows are stored: a DuckDB file or a database server, written through dlt. What to read
and when belongs in `load`.
"""

from pipedrive_assets.warehouse.checks import Finding, examine, references
from pipedrive_assets.warehouse.open import name_of, warehouse_of
from pipedrive_assets.warehouse.sample import Glimpse, glimpse
from pipedrive_assets.warehouse.server.database import Server
from pipedrive_assets.warehouse.warehouse import Warehouse

__all__ = [
    "Finding",
    "Glimpse",
    "Server",
    "Warehouse",
    "examine",
    "glimpse",
    "name_of",
    "references",
    "warehouse_of",
]
