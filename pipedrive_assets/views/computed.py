"""Computes derived tables for a step: each one once, whatever reads it.

A derived table is a view. A query of it also computes all views that it reads, again each time.
Here, the rows of a derived table are kept in a temporary table, which the others read.
"""

from functools import cached_property

from pipedrive_assets.views.content_digest import content_digest
from pipedrive_assets.views.derived_views import Placeholders, ensure_views
from pipedrive_assets.views.sql import DERIVED_BY_NAME, DERIVED_TABLES, DerivedTable
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.ledger import all_columns, prepare
from pipedrive_assets.warehouse.statements import Sql


class ComputedTables(Placeholders):
    """The tables in queries, by the name of their placeholder; derived tables are temporary.

    A derived table is computed when a query first names it.
    """

    def __init__(self, sql: Sql) -> None:
        """Create the derived views, unless they are current; nothing is computed yet.

        Args:
            sql: The warehouse. The temporary tables exist until it is closed.
        """
        prepare(sql)
        columns = all_columns(sql)
        missing = ensure_views(sql, columns)
        super().__init__(sql, {name: list(held) for name, held in columns.items()}, missing)

    def __missing__(self, name: str) -> str:
        """Return the table of a placeholder that no query has named before."""
        if name not in DERIVED_BY_NAME:
            return super().__missing__(name)
        self[name] = self._compute(DERIVED_BY_NAME[name])
        return self[name]

    @cached_property
    def digest(self) -> str:
        """A digest of everything that the derived tables show, without computing them."""
        names = Placeholders(self.sql, self.columns, self.missing)
        there = (each for each in DERIVED_TABLES if each.name not in self.missing)
        queries = [each.query.format_map(names) for each in there]
        return content_digest(self.sql, self.columns, [*queries, *self.missing.values()])

    def _compute(self, derived: DerivedTable) -> str:
        name = f"_pipedrive_computed_{derived.name}"
        query = dialect.translate(self.sql, derived.query.format_map(self))
        self.sql.execute_sql(f"DROP TABLE IF EXISTS {name}")
        self.sql.execute_sql(f"CREATE TEMP TABLE {name} AS {query}")
        return name
