"""How far recorded runs have come, in the ledger table `_pipedrive_steps`.

Each transaction of a run notes its number together with what it writes, so the number is exact
wherever the run is killed. The next run copies it into its own recording.
"""

from collections.abc import Iterable
from typing import NamedTuple

from pipedrive_assets.load.raw_zone import RawRun
from pipedrive_assets.load.step import Step
from pipedrive_assets.warehouse.statements import Sql, in_clause, table
from pipedrive_assets.warehouse.warehouse import Warehouse

STEPS = "_pipedrive_steps"


class Position(NamedTuple):
    """The last transaction that a run has committed.

    Attributes:
        step: The number of its step in the run, from 1; 0: none.
        part: Its number in the step, from 1; 0: none.
    """

    step: int = 0
    part: int = 0


class RecordedStep(Step):
    """The current step of a run that is recorded."""

    def __init__(self, raw: RawRun) -> None:
        """Begin with no step.

        Args:
            raw: The recording of the run.
        """
        super().__init__()
        self.position = Position()
        self._raw = raw

    def check(self, name: str = "") -> None:  # noqa: ARG002 - of a step that is repeated
        """Write the steps to disk before a transaction."""
        self._raw.flush_steps()

    def count(self, sql: Sql) -> None:
        """Note the number of the transaction in the transaction."""
        self.position = self.position._replace(part=self.position.part + 1)
        note_position(sql, self._raw.folder, self.position)

    def keep_replies(self) -> None:
        """Write all replies that were read."""
        self._raw.flush()


def note_position(sql: Sql, run: str, position: Position) -> None:
    """Replace the position of a run.

    Args:
        sql: The warehouse; the caller has begun a transaction, or the run has no position.
        run: The folder of the run.
        position: Its last transaction.
    """
    _forget(sql, [run])
    values, parameters = in_clause((run, *position))
    sql.execute_sql(f"INSERT INTO {table(sql, STEPS)} VALUES ({values})", *parameters)


def positions(sql: Sql) -> dict[str, Position]:
    """Return the positions of all runs that have not ended, by folder."""
    rows = sql.execute_sql(f"SELECT run, step, part FROM {table(sql, STEPS)}")
    return {run: Position(step, part) for run, step, part in rows or ()}


def forget_positions(warehouse: Warehouse, runs: Iterable[str]) -> None:
    """Delete the positions of runs that have ended, or whose position was copied.

    Args:
        warehouse: The warehouse.
        runs: Their folders.
    """
    with warehouse.sql() as sql:
        _forget(sql, list(runs))


def _forget(sql: Sql, runs: list[str]) -> None:
    if runs:
        these, values = in_clause(runs)
        sql.execute_sql(f"DELETE FROM {table(sql, STEPS)} WHERE run IN ({these})", *values)
