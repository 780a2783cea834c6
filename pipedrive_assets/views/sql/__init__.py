"""Derived tables for a sales team: one query in a `.sql` file each."""

from pipedrive_assets.views.sql.table import (
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
