"""Creates and drops the views of this project. The ledger lists them; other views are the user's.

Callers of this module hold the warehouse lock.
"""

import contextlib
import logging
from collections.abc import Iterable

from dlt.common.destination.exceptions import DestinationException as DatabaseException

from pipedrive_assets.fault_text import causes, described
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.statements import Sql, table, tuples

log = logging.getLogger(__name__)

LEDGER = "_pipedrive_views"


class OwnViews:
    """Creates and drops the views of this project, never those of the user."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._names = own_views(sql)
        rows = sql.execute_sql(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s",
            sql.dataset_name,
        )
        self._taken = {row[0] for row in rows or ()} - self._names

    def replace(self, name: str, query: str, description: str = "") -> str:
        """Create or replace a view.

        Args:
            name: The name of the view.
            query: Its query, in the SQL of this database.
            description: Its comment, if any.

        Returns:
            Why the view could not be created, as a sentence; empty if it was.
        """
        if name in self._taken:
            return (
                f"The dataset already contains a table or view {name} that pipedrive_assets did "
                "not create. Rename it; the next load then creates the view."
            )
        try:
            dialect.replace_view(self._sql, table(self._sql, name), query)
        except DatabaseException as error:
            self.drop(name)
            if dependent := dialect.dependent(error):
                return f"It could not be replaced because {dependent}."
            return f"Its query failed: {described(causes(error)[-1])}"
        if name not in self._names:
            self._names.add(name)
            remember(self._sql, [name])
        if description:
            comment = dialect.quoted(description)
            with contextlib.suppress(DatabaseException):  # a comment is not worth a failed load
                self._sql.execute_sql(f"COMMENT ON VIEW {table(self._sql, name)} IS {comment}")
        return ""

    def drop(self, name: str) -> None:
        """Drop a view of this project, unless an object of the user's depends on it."""
        if name in self._names and (obstacle := self._try_to_drop(name)):
            log.warning("The view %s could not be dropped because %s.", name, obstacle)

    def drop_all(self) -> None:
        """Drop all views of this project, so that columns can be changed or dropped."""
        left = sorted(self._names)
        while left:
            # PostgreSQL drops a view only after the views that read it.
            obstacles = {name: self._try_to_drop(name) for name in left}
            still = [name for name, obstacle in obstacles.items() if obstacle]
            if still == left:
                log.warning("Views could not be dropped: %s.", "; ".join(obstacles.values()))
                return
            left = still

    def _try_to_drop(self, name: str) -> str:
        """Drop a view; return what prevents it, or an empty text."""
        try:
            dialect.drop_view(self._sql, table(self._sql, name))
        except DatabaseException as error:
            raised = f"the database raised {described(causes(error)[-1])}"
            return dialect.dependent(error) or raised
        self._names.discard(name)
        self._sql.execute_sql(f"DELETE FROM {table(self._sql, LEDGER)} WHERE name = %s", name)
        return ""


def own_views(sql: Sql) -> set[str]:
    """Return the names of the views that this project created."""
    rows = sql.execute_sql(f"SELECT name FROM {table(sql, LEDGER)}")
    return {row[0] for row in rows or ()}


def remember(sql: Sql, names: Iterable[str]) -> None:
    """Record views as created by this project."""
    if rows := [(name,) for name in names]:
        text, values = tuples(rows)
        sql.execute_sql(f"INSERT INTO {table(sql, LEDGER)} VALUES {text}", *values)
