"""The step that a run's writer thread takes: its time, and its transactions.

A step is several transactions if rows, a table or custom fields are written by themselves. Runs
whose steps are recorded count them (`recording/steps.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipedrive_assets.warehouse.statements import Sql, transaction
from pipedrive_assets.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from datetime import datetime

Then = Callable[[Sql, str], None]
"""Writes in the transaction of rows, or in the next one; see `load_rows`."""


class Step:
    """The current step of a run that is not recorded.

    Attributes:
        moment: The time of the step, UTC; None: time passes during the step.
    """

    def __init__(self) -> None:
        self.moment: datetime | None = None

    @contextmanager
    def transaction(self, warehouse: Warehouse) -> Iterator[Sql]:
        """Commit what the block does in one transaction, or undo it.

        Args:
            warehouse: The warehouse. Statements of the block that fail end the transaction.

        Yields:
            A client of the warehouse.
        """
        self.check()
        with warehouse.sql() as sql, transaction(sql):
            yield sql
            self.count(sql)

    def after_rows(self, name: str, act: Then) -> Then:
        """Return what to do after rows of a table were written, as a transaction of this step.

        Args:
            name: The table.
            act: What to do.
        """

        def then(sql: Sql, load_id: str) -> None:
            if self.goes_on(name):
                act(sql, load_id)
                self.count(sql)

        self.check(name)
        return then

    def check(self, name: str = "") -> None:
        """Prepare a transaction, or the writing of rows.

        Args:
            name: The table whose rows are written next; empty: none are.
        """

    def goes_on(self, name: str) -> bool:  # noqa: ARG002 - of a step that is repeated
        """Whether the step continues after the rows of a table were written."""
        return True

    def count(self, sql: Sql) -> None:
        """Count the transaction that is about to be committed."""

    def keep_replies(self) -> None:
        """Write the replies to disk on which the next transaction depends."""
