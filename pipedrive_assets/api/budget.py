"""Pace and spending: the burst limit shared by all threads, and what each table's scan has
used.
"""

import math
import threading
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pipedrive_assets.api.allowance import TokenBudget
from pipedrive_assets.api.verdict import BURST_SECONDS, ApiReply

LONGEST_PAUSE_SECONDS = 120.0
"""The longest pause after refusals in a row that do not report how long to wait."""

UNKNOWN_BURST_LIMIT = 20
"""Requests per window on the smallest plan (official docs, rate limiting); assumed until a reply
tells."""

JITTER_SECONDS = 0.15
"""How much two calls may close up on their way, so that a window is never overfull where it is
counted."""

KEPT_SECONDS = 2 * (BURST_SECONDS + JITTER_SECONDS)
"""How long starts are remembered, to tell our places from others' when a reply comes, and how long
what it told of the others holds: past our next turn, which tells anew."""


def growing_pause(refusals: int) -> float:
    """Seconds to wait after so many refusals in a row that do not report how long to wait."""
    return min(LONGEST_PAUSE_SECONDS, BURST_SECONDS * 2.0 ** min(refusals - 1, 10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A window that a refusal closed.

    `refusals` counts refusals in a row of this kind, `seconds` is how long the window stays closed,
    `lasting` the seconds since the first refusal after the last good reply.
    """

    refusals: int
    seconds: float
    lasting: float


@dataclass(slots=True)
class RequestStats:
    """What was used: requests sent, tokens they cost, burst waits, retries, replies of 429.

    `asking` and `waiting` are seconds, added up over all threads: from a request to its reply, and
    for a place in the burst window or before another try.
    """

    requests: int = 0
    tokens: int = 0
    burst_waits: int = 0
    retries: int = 0
    replies_429: int = 0
    asking: float = field(default=0.0, compare=False)
    waiting: float = field(default=0.0, compare=False)
    allowance: TokenBudget | None = field(default=None, repr=False, compare=False)
    """What its calls are taken from before they are sent; None: no cap."""

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(  # noqa: PLR0913 - all that is counted
        self,
        *,
        requests: int = 0,
        tokens: int = 0,
        burst_waits: int = 0,
        retries: int = 0,
        replies_429: int = 0,
        asking: float = 0.0,
        waiting: float = 0.0,
    ) -> None:
        """Count; safe from any thread."""
        with self._lock:
            self.requests += requests
            self.tokens += tokens
            self.burst_waits += burst_waits
            self.retries += retries
            self.replies_429 += replies_429
            self.asking += asking
            self.waiting += waiting


class RateLimiter:
    """Lets at most the announced number of requests start in any burst window, from however many
    threads, and gives way to other programs that use the same window.

    `sleep` takes seconds, `monotonic` returns them.
    """

    def __init__(self, *, sleep: Callable[[float], None], monotonic: Callable[[], float]) -> None:
        """Start with the smallest plan's limit."""
        self._sleep, self._monotonic = sleep, monotonic
        self._limit = UNKNOWN_BURST_LIMIT
        self._starts: list[float] = []
        self._others: deque[tuple[float, int]] = deque()
        """What others take, the most first, each until when it holds."""
        self._closed_at = self._closed_until = -math.inf
        self._refusals, self._was_told, self._is_probing = 0, True, False
        self._refused_since: float | None = None
        self._gap = BURST_SECONDS + JITTER_SECONDS
        """Between two starts while one goes ahead."""

        self._lock = threading.Lock()

    @property
    def limit(self) -> int:
        """Requests per burst window."""
        return self._limit

    def take(self) -> float:
        """Wait for a place in the window and take it; returns the moment, for `learn`."""
        while True:
            with self._lock:
                now = self._monotonic()
                opens = self._opens_at(now)
                if opens <= now:
                    del self._starts[: bisect_left(self._starts, now - KEPT_SECONDS)]
                    self._starts.append(now)
                    return now
            self._sleep(opens - now)

    def _opens_at(self, now: float) -> float:
        """When the next request may start."""
        if now < self._closed_until:
            return self._closed_until
        while self._others and self._others[0][0] <= now:
            self._others.popleft()
        until, others = self._others[0] if self._others else (math.inf, 0)
        places = max(1, self._limit - others)
        if len(self._starts) < places:
            return now
        gap = self._gap if self._is_probing else BURST_SECONDS + JITTER_SECONDS
        return min(self._starts[-places] + gap, until)

    def close(self, seconds: float, *, told: bool = True) -> Closing:
        """Start no request for at least `seconds`; after that, one goes ahead.

        Args:
            seconds: How long the reply asks to wait.
            told: Whether the reply reported a full burst window. Where it did not, the pauses grow
                with the refusals in a row, and so does the time in which only one goes ahead.
        """
        with self._lock:
            now = self._monotonic()
            if told is not self._was_told:
                self._refusals, self._was_told = 0, told
            self._refusals += now >= self._closed_until or not self._refusals
            if self._refused_since is None:
                self._refused_since = now
            pause = seconds if told else max(seconds, growing_pause(self._refusals))
            self._closed_at, self._closed_until = now, max(self._closed_until, now + pause)
            alone = BURST_SECONDS if told else pause
            self._gap = BURST_SECONDS + JITTER_SECONDS if told else pause
            self._others = deque([(self._closed_until + alone, self._limit)])
            self._is_probing = True
            return Closing(
                refusals=self._refusals,
                seconds=self._closed_until - now,
                lasting=now - self._refused_since,
            )

    def learn(self, reply: ApiReply, started: float) -> None:
        """Take the limit and the others' share from a reply to the request of that moment."""
        limit, left = reply.number("x-ratelimit-limit"), reply.number("x-ratelimit-remaining")
        with self._lock:
            if limit and limit >= 1:
                self._limit = int(limit)
            if started < self._closed_at or reply.status == 429:
                return
            self._refusals, self._refused_since = 0, None
            if left is not None and self._monotonic() <= started + BURST_SECONDS:
                self._give_way(left, started)
            elif self._is_probing:
                self._others.clear()
                self._is_probing = False

    def _give_way(self, left: float, started: float) -> None:
        """Leave the places that are gone and cannot be ours.

        Counted as ours is all that may have been in the window when the request arrived, so that
        nothing is given away while nobody else is there. The others are at least so many, so the
        most that was told of late holds.
        """
        first = bisect_left(self._starts, started - BURST_SECONDS - JITTER_SECONDS)
        ours = bisect_right(self._starts, started + JITTER_SECONDS) - first
        others = max(0, int(self._limit - max(left, 0.0) - ours))
        while self._others and (self._is_probing or self._others[-1][1] <= others):
            self._others.pop()
        self._is_probing = False
        self._others.append((self._monotonic() + KEPT_SECONDS, others))
