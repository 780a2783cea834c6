"""How far a run is, how long it still takes at its pace, and a line about it now and then."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

LINE_SECONDS = 30.0
"""How far apart the lines of a log are."""

PACE_SECONDS = 60.0
"""The pace is that of so many seconds before now: pages of a list take longer than a deal's."""

EARLY_SECONDS = 5.0
"""Before so many seconds a pace says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is: calls made, rows committed, API tokens spent, tables finished of all.

    `pages_left` is how many calls are still to come, None as long as nobody can know: the end of a
    list that was never read shows only when it is reached.
    """

    pages: int
    rows: int
    tokens: int
    tables_done: int
    tables: int
    pages_left: int | None = None

    @property
    def counts(self) -> str:
        """What was done."""
        return f"{self.pages:,} pages, {self.rows:,} rows, {self.tokens:,} tokens"

    def __str__(self) -> str:
        """What was done, the tables first."""
        return f"{self.tables_done} of {self.tables} tables, {self.counts}"


OnProgress = Callable[[Progress], None]
"""Is told how far a run is: after each commit, and each second while nothing is committed."""


class EtaEstimator:
    """How long is left, by the pages of the last minute: a wait makes it longer at once."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic` returns seconds."""
        self._monotonic = monotonic
        self._began: float | None = None
        self._seen: deque[tuple[float, int]] = deque()

    @property
    def elapsed(self) -> float:
        """Seconds since the first look."""
        return 0.0 if self._began is None else self._monotonic() - self._began

    def seconds_left(self, progress: Progress) -> float | None:
        """None where the end is not known, or nothing has moved for a minute."""
        now = self._monotonic()
        if self._began is None:
            self._began = now
        self._seen.append((now, progress.pages))
        while self._seen[0][0] < now - PACE_SECONDS:
            self._seen.popleft()
        since, before = self._seen[0]
        seconds, pages = now - since, progress.pages - before
        if progress.pages_left is None or seconds < EARLY_SECONDS or not pages:
            return None
        return progress.pages_left * seconds / pages


class ProgressLines:
    """Tells a log how far a run is, each half minute; a short run says nothing."""

    def __init__(self, say: Callable[[str], None], monotonic: Callable[[], float]) -> None:
        """`say` takes a line, `monotonic` returns seconds."""
        self._say, self._pace = say, EtaEstimator(monotonic)
        self._said_at = 0.0

    def __call__(self, progress: Progress) -> None:
        """Take a look."""
        left, elapsed = self._pace.seconds_left(progress), self._pace.elapsed
        if elapsed - self._said_at >= LINE_SECONDS:
            self._said_at = elapsed
            ahead = f"; about {duration(left)} left" if left else ""
            self._say(f"After {duration(elapsed)}: {progress}{ahead}")


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `2 h 5 min`: as exact as anybody wants it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"
