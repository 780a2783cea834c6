"""Counts what the tables of a run have done."""

from pipedrive_assets.load.progress import OnProgress, Progress
from pipedrive_assets.load.table_task import TableWork

IDLE_SECONDS = 1.0
"""Time between two calls of `on_progress` while there is nothing to commit, in seconds."""


class ProgressTracker:
    """Sums up the progress of the tables of one run. Only the writer thread uses it."""

    def __init__(self, tables: int, on_progress: OnProgress | None) -> None:
        """Start without a table.

        Args:
            tables: Number of tables of the run.
            on_progress: Receives the progress; None: nothing is reported.
        """
        self._tables, self._on_progress = tables, on_progress
        self._begun: dict[str, TableWork] = {}
        self._done: set[str] = set()

    @property
    def seconds(self) -> float | None:
        """Seconds that a run may wait before it reports again; None: without limit."""
        return IDLE_SECONDS if self._on_progress else None

    def begin(self, table: TableWork) -> None:
        """Add a table to the counts."""
        self._begun[table.entity.name] = table

    def end(self, table: TableWork) -> None:
        """Count a table as done: it finished or failed, possibly before `begin`."""
        self.begin(table)
        self._done.add(table.entity.name)

    def report(self) -> None:
        """Pass the current progress to `on_progress`."""
        if self._on_progress:
            self._on_progress(self._progress())

    def _progress(self) -> Progress:
        tables = self._begun.values()
        return Progress(
            pages=sum(table.stats.requests for table in tables),
            rows=sum(table.written.read for table in tables),
            tokens=sum(table.stats.tokens for table in tables),
            tables_done=len(self._done),
            tables=self._tables,
        )
