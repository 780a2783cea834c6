"""Pace and spending: the burst limit shared by all threads, and what each table's walk has
used.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pipedrive_assets.api.verdict import BURST_SECONDS, Reply

UNKNOWN_BURST_LIMIT = 20
"""Requests per window on the smallest plan (official docs, rate limiting); assumed until a reply
tells."""

JITTER_SECONDS = 0.15
"""How much two calls may close up on their way, so that a window is never overfull where it is
counted."""


@dataclass(slots=True)
class Tally:
    """What was used: requests sent, tokens they cost, burst waits, retries."""

    requests: int = 0
    tokens: int = 0
    burst_waits: int = 0
    retries: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(
        self, *, requests: int = 0, tokens: int = 0, burst_waits: int = 0, retries: int = 0
    ) -> None:
        """Count; safe from any thread."""
        with self._lock:
            self.requests += requests
            self.tokens += tokens
            self.burst_waits += burst_waits
            self.retries += retries


class Pace:
    """Lets at most the announced number of requests start in any burst window, from however many
    threads.

    `sleep` takes seconds, `monotonic` returns them.
    """

    def __init__(self, *, sleep: Callable[[float], None], monotonic: Callable[[], float]) -> None:
        """Start with the smallest plan's limit."""
        self._sleep, self._monotonic = sleep, monotonic
        self._limit = UNKNOWN_BURST_LIMIT
        self._busy_until: deque[float] = deque()
        self._closed_until = 0.0
        self._lock = threading.Lock()

    @property
    def limit(self) -> int:
        """Requests per burst window."""
        return self._limit

    def take(self) -> None:
        """Wait for a place in the window, and take it."""
        while wait := self._try_take():
            self._sleep(wait)

    def _try_take(self) -> float:
        """Take a place and return 0, or the seconds until it is worth another try."""
        with self._lock:
            now = self._monotonic()
            while self._busy_until and self._busy_until[0] <= now:
                self._busy_until.popleft()
            if now < self._closed_until:
                return self._closed_until - now
            if len(self._busy_until) >= self._limit:
                return self._busy_until[len(self._busy_until) - self._limit] - now
            self._busy_until.append(now + BURST_SECONDS + JITTER_SECONDS)
            return 0.0

    def close(self, seconds: float) -> None:
        """Nobody starts a request for so long: a reply said that the window is overfull."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._monotonic() + seconds)

    def learn(self, reply: Reply) -> None:
        """Take the limit from a reply, and give way to other programs that use the same window."""
        limit, left = reply.number("x-ratelimit-limit"), reply.number("x-ratelimit-remaining")
        with self._lock:
            if limit and limit >= 1:
                self._limit = int(limit)
            if left is not None:
                self._give_way(int(max(left, 0)))

    def _give_way(self, left: int) -> None:
        """Fill places that others took, so that ours and theirs together fit the window."""
        ours_free = self._limit - len(self._busy_until)
        gone = self._monotonic() + BURST_SECONDS
        for _ in range(max(0, min(ours_free, self._limit - 1) - left)):
            self._busy_until.append(gone)
