"""Rate limits of an account: requests in two seconds, API tokens in a day.

Source: Pipedrive's documentation of rate limiting.
"""

from collections import deque
from dataclasses import dataclass
from math import ceil

BURST_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Rate limits that the plan of an account sets.

    Attributes:
        burst: Requests allowed in two seconds.
        daily_tokens: API tokens of one UTC day.
        blocked_after: Consecutive refused requests after which the firewall blocks the client.
        daily_headers: Whether replies have headers for the daily tokens. Real accounts omit them
            at times. The headers of a reply show the tokens left before the call is charged.
    """

    burst: int = 120
    daily_tokens: int = 1_800_000
    blocked_after: int = 10
    daily_headers: bool = True


class Quota:
    """Usage of an account's rate limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spent_today = 0
        self.spent_total = 0
        self._today = ""
        self._moments: deque[float] = deque()
        self._refused = 0

    def admit(self, moment: float) -> bool:
        """Count one call if fewer calls than the limit were made in the last two seconds.

        Args:
            moment: Time of the call in seconds of a monotonic clock.

        Returns:
            Whether the call is within the limit.
        """
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
        """Whether the client sent too many calls in a row after being refused."""
        return self._refused > self.limits.blocked_after

    @property
    def is_spent(self) -> bool:
        """Whether no daily tokens are left."""
        return self.spent_today >= self.limits.daily_tokens

    def begin(self, today: str) -> None:
        """Reset the daily tokens if `today`, an ISO date in UTC, is a new day."""
        if today != self._today:
            self._today, self.spent_today = today, 0

    def spend(self, tokens: int) -> None:
        """Subtract tokens from the daily tokens."""
        self.spent_today += tokens
        self.spent_total += tokens

    @property
    def left_today(self) -> int:
        """Daily tokens that are left."""
        return max(0, self.limits.daily_tokens - self.spent_today)

    def headers(self, moment: float, left: int | None = None) -> dict[str, str]:
        """Build the rate limit headers that every reply has.

        Args:
            moment: Time of the call in seconds of a monotonic clock.
            left: Daily tokens left before the call; by default the tokens left now.

        Returns:
            Headers by lower-case name. The reset is in seconds from now.
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
