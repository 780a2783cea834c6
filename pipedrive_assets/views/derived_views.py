"""Creates the derived tables, which are views in the warehouse.

A load that changes something creates them again. As views they are as current as the tables that
they read, contain no rows that a purge would have to remove, and are in the read copy.
"""

import logging
import re
from collections.abc import Mapping, Sequence

from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.views import fingerprint
from pipedrive_assets.views.hygiene import hygiene_queries
from pipedrive_assets.views.sql import DERIVED_BY_NAME, DERIVED_TABLES, DerivedTable
from pipedrive_assets.views.sql.table import GENERATED
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.own_views import OwnViews, own_views
from pipedrive_assets.warehouse.statements import Sql, table

log = logging.getLogger(__name__)

STANDARD_TYPES = {
    "text": "VARCHAR",
    "json": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE PRECISION",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
}
"""Standard SQL names for the types of the column files."""

Columns = Mapping[str, Sequence[str]]


def make_views(sql: Sql, columns: Columns) -> dict[str, str]:
    """Create or replace all derived views.

    Args:
        sql: The warehouse.
        columns: The columns of each table that exists.

    Returns:
        By view that could not be created: the reason.
    """
    missing: dict[str, str] = {}
    own = OwnViews(sql)
    names = Placeholders(sql, columns, missing)
    for derived in DERIVED_TABLES:
        reason = unmet(derived, columns, missing) or _make(sql, own, derived, names, columns)
        if reason:
            missing[derived.name] = reason
            own.drop(derived.name)
            log.info("The view %s was not created. %s", derived.name, reason)
    return missing


def ensure_views(sql: Sql, columns: fingerprint.Columns) -> dict[str, str]:
    """Create or replace the derived views, unless all of them exist and are current.

    Args:
        sql: The warehouse.
        columns: The columns of each table that exists.

    Returns:
        By view that could not be created: the reason.
    """
    wanted = {derived.name for derived in DERIVED_TABLES}
    if wanted <= own_views(sql) and fingerprint.are_current(sql, columns):
        return {}
    return make_views(sql, {name: list(held) for name, held in columns.items()})


def unmet(derived: DerivedTable, columns: Columns, missing: Mapping[str, str]) -> str:
    """Return why the view cannot be created from the tables that exist; empty if it can.

    Args:
        derived: The derived table.
        columns: The columns of each table that exists.
        missing: By derived table that does not exist: the reason.
    """
    for name in derived.needs_derived:
        if missing.get(name):
            return f"It reads {name}, which does not exist. {missing[name]}"
    if lacking := [name for name in derived.needs if name not in columns]:
        return f"It needs tables that are not loaded yet. Load them first: {', '.join(lacking)}."
    return ""


def _make(
    sql: Sql, own: OwnViews, derived: DerivedTable, names: Mapping[str, str], columns: Columns
) -> str:
    """Create a view; return why that failed, or an empty text."""
    query = derived.query.format_map(names)
    reason = own.replace(derived.name, dialect.translate(sql, query), derived.description)
    if reason and (absent := _absent_columns(derived, columns)):
        return (
            f"Its query needs {', '.join(absent)}, which the warehouse does not have. Remove it "
            "from PIPEDRIVE_EXCLUDE_COLUMNS and load the table with --full."
        )
    return reason


def _absent_columns(derived: DerivedTable, columns: Columns) -> list[str]:
    """Return the columns in the query of a derived table that the tables lack."""
    words = set(re.findall(r"\w+", derived.query))
    return [
        f"{name}.{column}"
        for name in derived.reads
        if name in BY_NAME and name in columns
        for column in columns_of(name).columns
        if column in words and column not in columns[name]
    ]


class Placeholders(dict[str, str]):
    """Replaces `{deals}` in a query by the table, or by an empty one if it does not exist.

    Attributes:
        sql: The warehouse.
        columns: The columns of each table that exists.
        missing: By derived table that does not exist: the reason.
    """

    def __init__(self, sql: Sql, columns: Columns, missing: Mapping[str, str]) -> None:
        """Take the tables of a warehouse.

        Args:
            sql: The warehouse.
            columns: The columns of each table that exists.
            missing: By derived table that does not exist: the reason. It is read when a query
                names the findings of the hygiene rules.
        """
        super().__init__()
        self.sql, self.columns, self.missing = sql, columns, missing

    def __missing__(self, name: str) -> str:
        """Return what a placeholder stands for."""
        if name in GENERATED:
            there = DERIVED_BY_NAME.keys() - self.missing.keys()
            self.update(hygiene_queries(self.sql, self.columns, there, self))
            return self[name]
        if name in self.columns or name not in BY_NAME:
            return table(self.sql, name)
        return f"(SELECT {_null_columns(BY_NAME[name])} WHERE 1 = 0)"


def _null_columns(entity: Entity) -> str:
    return ", ".join(
        f"CAST(NULL AS {STANDARD_TYPES[column.type]}) AS {name}"
        for name, column in columns_of(entity.name).columns.items()
    )
