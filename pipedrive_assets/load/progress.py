"""The progress of a run, and the log lines that report it."""

from collections.abc import Callable
from dataclasses import dataclass

LINE_SECONDS = 30.0
"""Time between two log lines, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a run.

    Attributes:
        pages: Requests sent.
        rows: Rows read and committed.
        tokens: Daily token budget used.
        tables_done: Tables that finished or failed.
        tables: Tables of the run.
    """

    pages: int
    rows: int
    tokens: int
    tables_done: int
    tables: int

    def __str__(self) -> str:
        """Return the counts, tables first."""
        return (
            f"{self.tables_done} of {self.tables} tables, {self.pages:,} pages, "
            f"{self.rows:,} rows, {self.tokens:,} tokens"
        )


OnProgress = Callable[[Progress], None]
"""Called after each commit, and once per second while nothing is committed."""


class ProgressLines:
    """Logs the progress of a run every 30 seconds. A shorter run logs nothing."""

    def __init__(self, log: Callable[[str], None], monotonic: Callable[[], float]) -> None:
        """Start the clock at the first progress.

        Args:
            log: Writes a line.
            monotonic: Returns seconds; never goes backwards.
        """
        self._log, self._monotonic = log, monotonic
        self._began: float | None = None
        self._logged_after = 0.0

    def __call__(self, progress: Progress) -> None:
        """Log the progress if the last line is at least 30 seconds old."""
        now = self._monotonic()
        self._began = now if self._began is None else self._began
        elapsed = now - self._began
        if elapsed - self._logged_after >= LINE_SECONDS:
            self._logged_after = elapsed
            self._log(f"After {duration(elapsed)}: {progress}")


def duration(seconds: float) -> str:
    """Format a duration in seconds as `40 s`, `12 min` or `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"
