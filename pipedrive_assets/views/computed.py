"""Computes derived tables for a step: each one once, whatever reads it.

A derived table is a view. A query of it also computes all views that it reads, again each time.
Here, the rows of a derived table are kept in a temporary table, which the others read.
"""

from pipedrive_assets.views.derived_views import Placeholders, ensure_views
from pipedrive_assets.views.hygiene import hygiene_queries
from pipedrive_assets.views.sql import DERIVED_BY_NAME, DerivedTable
from pipedrive_assets.views.sql.table import GENERATED
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.ledger import all_columns, prepare
from pipedrive_assets.warehouse.statements import Sql


class ComputedTables(Placeholders):
    """The tables in queries, by the name of their placeholder; derived tables are temporary.

    A derived table is computed when a query first names it.

    Attributes:
        sql: The warehouse.
        missing: By derived table that does not exist: the reason.
    """

    def __init__(self, sql: Sql) -> None:
        """Create the derived views, unless they are current; nothing is computed yet.

        Args:
            sql: The warehouse. The temporary tables exist until it is closed.
        """
        prepare(sql)
        columns = all_columns(sql)
        self.missing = ensure_views(sql, columns)
        super().__init__(sql, {name: list(held) for name, held in columns.items()})

    def __missing__(self, name: str) -> str:
        """Return the table of a placeholder that no query has named before."""
        if name in DERIVED_BY_NAME:
            self[name] = self._compute(DERIVED_BY_NAME[name])
        elif name in GENERATED:
            there = DERIVED_BY_NAME.keys() - self.missing
            self.update(hygiene_queries(self.sql, self.columns, there, self))
        else:
            return super().__missing__(name)
        return self[name]

    def _compute(self, derived: DerivedTable) -> str:
        name = f"_pipedrive_computed_{derived.name}"
        query = dialect.translate(self.sql, derived.query.format_map(self))
        self.sql.execute_sql(f"DROP TABLE IF EXISTS {name}")
        self.sql.execute_sql(f"CREATE TEMP TABLE {name} AS {query}")
        return name
