"""The views that this project made, listed in the ledger; all others belong to the user.

Call every function with the file held.
"""

import logging
from collections.abc import Iterable

from dlt.common.destination.exceptions import DestinationException as DatabaseException

from pipedrive_assets.fault_text import causes, described
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.statements import Sql, table, tuples

log = logging.getLogger(__name__)

LEDGER = "_pipedrive_views"


class OwnViews:
    """Makes and drops views of this project, and leaves the user's alone."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._names = own_views(sql)
        rows = sql.execute_sql(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s",
            sql.dataset_name,
        )
        self._taken = {row[0] for row in rows or ()} - self._names

    def replace(self, name: str, query: str) -> str:
        """Make a view again from a query in this database's SQL.

        Returns:
            Why it could not be made, as a sentence; empty where it was made.
        """
        if name in self._taken:
            return (
                f"The dataset has a table or view called {name} that this project did not make. "
                "Rename yours; the next load makes ours."
            )
        try:
            dialect.replace_view(self._sql, table(self._sql, name), query)
        except DatabaseException as error:
            self.drop(name)
            if dependent := dialect.dependent(error):
                return f"It could not be replaced, because {dependent}."
            return f"Its query failed: {described(causes(error)[-1])}"
        if name not in self._names:
            self._names.add(name)
            remember(self._sql, [name])
        return ""

    def drop(self, name: str) -> None:
        """Drop a view of this project, unless something of the user's depends on it."""
        if name in self._names and (obstacle := self._dropped(name)):
            log.warning("The view %s could not be dropped, because %s.", name, obstacle)

    def drop_all(self) -> None:
        """Drop every view of this project, before a column changes or goes."""
        left = sorted(self._names)
        while left:
            # In PostgreSQL a view that another one reads goes after that one.
            obstacles = {name: self._dropped(name) for name in left}
            still = [name for name, obstacle in obstacles.items() if obstacle]
            if still == left:
                log.warning("Views could not be dropped: %s.", "; ".join(obstacles.values()))
                return
            left = still

    def _dropped(self, name: str) -> str:
        """Drop a view of ours; returns what prevents it."""
        try:
            dialect.drop_view(self._sql, table(self._sql, name))
        except DatabaseException as error:
            return dialect.dependent(error) or f"of {type(error).__name__}"
        self._names.discard(name)
        self._sql.execute_sql(f"DELETE FROM {table(self._sql, LEDGER)} WHERE name = %s", name)
        return ""


def own_views(sql: Sql) -> set[str]:
    """The names of the views that this project made."""
    rows = sql.execute_sql(f"SELECT name FROM {table(sql, LEDGER)}")
    return {row[0] for row in rows or ()}


def remember(sql: Sql, names: Iterable[str]) -> None:
    """List views as made by this project."""
    if rows := [(name,) for name in names]:
        text, values = tuples(rows)
        sql.execute_sql(f"INSERT INTO {table(sql, LEDGER)} VALUES {text}", *values)
