"""The burst rate limiter shared by all threads, and request statistics per table."""

import math
import threading
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pipedrive_assets.api.allowance import TokenBudget
from pipedrive_assets.api.verdict import BURST_SECONDS, ApiReply

LONGEST_PAUSE_SECONDS = 120.0
"""The longest pause after consecutive refusals (429) that do not report how long to wait."""

UNKNOWN_BURST_LIMIT = 20
"""Requests per window on the smallest plan (official docs, rate limiting). Used until a reply
reports the account's limit."""

JITTER_SECONDS = 0.15
"""Safety margin: two requests may arrive at Pipedrive closer together than they were sent."""

KEPT_SECONDS = 2 * (BURST_SECONDS + JITTER_SECONDS)
"""How long start times of requests and estimates of other clients' requests are kept. Longer than
one window, so that the next reply replaces an estimate before it expires."""


def growing_pause(refusals: int) -> float:
    """Return the seconds to wait after that many consecutive refusals without a reported wait."""
    return min(LONGEST_PAUSE_SECONDS, BURST_SECONDS * 2.0 ** min(refusals - 1, 10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """State of the burst window after a refusal (429) has closed it.

    Attributes:
        refusals: Consecutive refusals of this kind.
        seconds: Seconds until the window opens again.
        lasting: Seconds since the first refusal after the last successful reply.
    """

    refusals: int
    seconds: float
    lasting: float


@dataclass(slots=True)
class RequestStats:
    """Statistics of API requests, for a table or a whole run. Thread-safe.

    Attributes:
        requests: Requests sent, including retries.
        tokens: Token cost of these requests.
        burst_waits: Pauses after a reply of 429 for the burst limit.
        retries: Requests sent again after a fault.
        replies_429: Replies with status 429.
        asking: Seconds between request and reply, summed over all threads.
        waiting: Seconds spent waiting for the burst limit or before a retry, over all threads.
        allowance: The token budget that the requests count against; None if there is no cap.
    """

    requests: int = 0
    tokens: int = 0
    burst_waits: int = 0
    retries: int = 0
    replies_429: int = 0
    asking: float = field(default=0.0, compare=False)
    waiting: float = field(default=0.0, compare=False)
    allowance: TokenBudget | None = field(default=None, repr=False, compare=False)
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
        """Add to the statistics.

        Args:
            requests: Requests sent.
            tokens: Token cost of the requests.
            burst_waits: Pauses after a 429 for the burst limit.
            retries: Requests sent again after a fault.
            replies_429: Replies with status 429.
            asking: Seconds between request and reply.
            waiting: Seconds spent waiting.
        """
        with self._lock:
            self.requests += requests
            self.tokens += tokens
            self.burst_waits += burst_waits
            self.retries += retries
            self.replies_429 += replies_429
            self.asking += asking
            self.waiting += waiting

    def include(self, other: "RequestStats") -> None:
        """Add the statistics of requests that are finished."""
        self.add(
            requests=other.requests,
            tokens=other.tokens,
            burst_waits=other.burst_waits,
            retries=other.retries,
            replies_429=other.replies_429,
            asking=other.asking,
            waiting=other.waiting,
        )


class RateLimiter:
    """Limits how many requests start per burst window, over all threads.

    Uses the limit that Pipedrive reports, minus an estimate of the requests that other clients make
    with the same API token.
    """

    def __init__(self, *, sleep: Callable[[float], None], monotonic: Callable[[], float]) -> None:
        """Start with the limit of the smallest plan.

        Args:
            sleep: Waits the given number of seconds.
            monotonic: Returns a monotonic time in seconds.
        """
        self._sleep, self._monotonic = sleep, monotonic
        self._limit = UNKNOWN_BURST_LIMIT
        self._starts: list[float] = []
        self._others: deque[tuple[float, int]] = deque()
        """Estimates of other clients' requests as (expiry, requests), largest first."""
        self._closed_at = self._closed_until = -math.inf
        self._refusals, self._was_full, self._is_probing = 0, True, False
        self._refused_since: float | None = None
        self._gap = BURST_SECONDS + JITTER_SECONDS
        """Seconds between two requests while probing: one request at a time, after a refusal."""

        self._lock = threading.Lock()

    @property
    def limit(self) -> int:
        """Requests per burst window."""
        return self._limit

    def has_room(self) -> bool:
        """Return whether the burst limit allows a request now."""
        with self._lock:
            now = self._monotonic()
            return self._opens_at(now) <= now

    def take(self) -> float:
        """Wait until the burst limit allows a request, and count it.

        Returns:
            The monotonic start time of the request, to pass to `learn`.
        """
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
        """Return the monotonic time at which the next request may start."""
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

    def close(self, seconds: float, *, is_full: bool = True) -> Closing:
        """Start no request for at least `seconds`, then probe with one request at a time.

        Args:
            seconds: How long the reply asks to wait.
            is_full: Whether the reply reported a full burst window. If not, the pauses and the time
                of probing grow with the number of consecutive refusals.

        Returns:
            How long the window stays closed, and how many refusals led to it.
        """
        with self._lock:
            now = self._monotonic()
            if is_full is not self._was_full:
                self._refusals, self._was_full = 0, is_full
            self._refusals += now >= self._closed_until or not self._refusals
            if self._refused_since is None:
                self._refused_since = now
            pause = seconds if is_full else max(seconds, growing_pause(self._refusals))
            self._closed_at, self._closed_until = now, max(self._closed_until, now + pause)
            alone = BURST_SECONDS if is_full else pause
            self._gap = BURST_SECONDS + JITTER_SECONDS if is_full else pause
            self._others = deque([(self._closed_until + alone, self._limit)])
            self._is_probing = True
            return Closing(
                refusals=self._refusals,
                seconds=self._closed_until - now,
                lasting=now - self._refused_since,
            )

    def learn(self, reply: ApiReply, started: float) -> None:
        """Update the limit and the estimate of other clients' requests from a reply.

        Args:
            reply: Pipedrive's reply.
            started: Start time of the request, as returned by `take`.
        """
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
        """Estimate how many requests other clients made in this window.

        The estimate is limit - remaining - ours. Every request of ours that may have been in the
        window is counted as ours, so the estimate is a lower bound and is 0 without other clients.
        The highest recent estimate is used.
        """
        first = bisect_left(self._starts, started - BURST_SECONDS - JITTER_SECONDS)
        ours = bisect_right(self._starts, started + JITTER_SECONDS) - first
        others = max(0, int(self._limit - max(left, 0.0) - ours))
        while self._others and (self._is_probing or self._others[-1][1] <= others):
            self._others.pop()
        self._is_probing = False
        self._others.append((self._monotonic() + KEPT_SECONDS, others))
