"""What the account allows: calls in two seconds, tokens in a day (official docs, rate limits)."""

from collections import deque
from dataclasses import dataclass
from math import ceil

BURST_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The plan of an account.

    `burst` is calls per two seconds, `daily_tokens` the budget of a UTC day, `blocked_after` the
    number of refused calls in a row after which the firewall steps in. `daily_headers` tells
    whether replies carry the daily numbers; real accounts leave them out at times. The tokens left
    in a reply are those before the call was charged.
    """

    burst: int = 120
    daily_tokens: int = 1_800_000
    blocked_after: int = 10
    daily_headers: bool = True


class Quota:
    """What is left of the limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spent_today = 0
        self.spent_total = 0
        self._today = ""
        self._moments: deque[float] = deque()
        self._refused = 0

    def admit(self, moment: float) -> bool:
        """Count one call at a monotonic moment, if the last two seconds leave room for it."""
        while self._moments and self._moments[0] <= moment - BURST_SECONDS:
            self._moments.popleft()
        if len(self._moments) >= self.limits.burst:
            self._refused += 1
            return False
        self._refused = 0
        self._moments.append(moment)
        return True

    @property
    def is_blocked(self) -> bool:
        """Too many calls in a row ignored the refusals."""
        return self._refused > self.limits.blocked_after

    @property
    def is_spent(self) -> bool:
        """Nothing is left of the day's budget."""
        return self.spent_today >= self.limits.daily_tokens

    def begin(self, today: str) -> None:
        """Start a new budget when a new UTC day has begun."""
        if today != self._today:
            self._today, self.spent_today = today, 0

    def spend(self, tokens: int) -> None:
        """Take tokens from the day's budget."""
        self.spent_today += tokens
        self.spent_total += tokens

    @property
    def left_today(self) -> int:
        """What is left of the day's budget."""
        return max(0, self.limits.daily_tokens - self.spent_today)

    def headers(self, moment: float, left: int | None = None) -> dict[str, str]:
        """The numbers every reply carries; the reset is in seconds from now.

        `left` is what was left of the day's budget before the call; None: what is left now.
        """
        oldest = self._moments[0] if self._moments else moment
        wait = max(1, ceil(oldest + BURST_SECONDS - moment))
        headers = {
            "x-ratelimit-limit": str(self.limits.burst),
            "x-ratelimit-remaining": str(max(0, self.limits.burst - len(self._moments))),
            "x-ratelimit-reset": str(wait),
        }
        if self.limits.daily_headers:
            before = self.left_today if left is None else left
            headers["x-daily-ratelimit-token-limit"] = str(self.limits.daily_tokens)
            headers["x-daily-ratelimit-token-remaining"] = str(before)
        return headers
