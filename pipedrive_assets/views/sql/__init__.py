"""The derived tables: one `.sql` file each, with its documentation and query."""

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
