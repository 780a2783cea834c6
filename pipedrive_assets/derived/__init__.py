"""Tables for a sales team, derived from those that are loaded: each a query in a file."""

from pipedrive_assets.derived.table import (
    DERIVED_BY_NAME,
    DERIVED_TABLES,
    OVERVIEW,
    WEIGHTED_VALUE,
    DerivedTable,
    loaded_tables,
)

__all__ = [
    "DERIVED_BY_NAME",
    "DERIVED_TABLES",
    "OVERVIEW",
    "WEIGHTED_VALUE",
    "DerivedTable",
    "loaded_tables",
]
