"""Measures the seconds that a load spends in each phase."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator

SHAPING, COMMITTING = "shaping", "committing"


class Stopwatch:
    """Measures phases in one thread. The time of a nested phase is not part of the outer one."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start without a phase.

        Args:
            monotonic: Returns seconds; never goes backwards.
        """
        self.seconds: dict[str, float] = defaultdict(float)
        """Seconds by phase."""

        self._monotonic, self._inner = monotonic, 0.0

    @contextlib.contextmanager
    def lap(self, phase: str) -> Iterator[None]:
        """Add the time spent in the `with` block to a phase."""
        began, before, self._inner = self._monotonic(), self._inner, 0.0
        try:
            yield
        finally:
            spent = self._monotonic() - began
            self.seconds[phase] += spent - self._inner
            self._inner = before + spent
