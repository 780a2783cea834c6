"""The caps on the tokens of tables that need one request per parent row, and of optional tables."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipedrive_assets.api.daily import DailyTokens, QuotaWindow
from pipedrive_assets.errors import CapReached

CAP_SHARE = 0.5
"""Default daily cap of the capped tables, as a share of the account's daily limit."""

RESERVE_SHARE = 0.1
"""Share of the account's daily limit that capped tables leave unused when no daily cap is set."""

CAP_OF_UNKNOWN_LIMIT = 15_000
"""Daily cap in tokens when the account's limit is unknown: half of the smallest plan's daily limit
(official docs, rate limiting)."""

HEADROOM = 15_000
"""Tokens kept free for uncapped tables; enough to list a million rows."""

RUN_PAUSE = timedelta(hours=1)
"""How long a table waits after it has reached the cap per run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Caps on the tokens that capped tables may use; 0 means no cap.

    Attributes:
        per_run: Tokens per run; None if only the daily cap applies.
        per_day: Tokens per day; None for half of the account's daily limit.
    """

    per_run: int | None = None
    per_day: int | None = None

    def day_cap(self, limit: int | None) -> int:
        """Return the daily cap for an account's daily limit (None: unknown)."""
        if self.per_day is not None:
            return self.per_day
        return CAP_OF_UNKNOWN_LIMIT if limit is None else int(limit * CAP_SHARE)

    def run_cap(self, limit: int | None) -> int:
        """Return the most tokens that one run can use under both caps; 0 means no cap."""
        return min((cap for cap in (self.per_run, self.day_cap(limit)) if cap), default=0)

    def reserve(self, limit: int | None) -> int:
        """Return the daily tokens that capped tables must leave for other requests."""
        return int(limit * RESERVE_SHARE) if limit and self.per_day is None else 0


class TokenBudget:
    """Counts the tokens that capped tables use in a run and enforces the caps. Thread-safe."""

    def __init__(
        self,
        caps: Caps,
        daily: DailyTokens,
        *,
        day: QuotaWindow,
        now: Callable[[], datetime],
        others: int = 0,
    ) -> None:
        """Start with no tokens used by this run.

        Args:
            caps: Caps per run and per day.
            daily: The account's daily tokens, updated by the client.
            day: The window that is current at the start of the run.
            now: Returns the current time (UTC).
            others: Tokens that other runs have used in the same window.
        """
        self.caps, self.daily, self.day, self.others = caps, daily, day, others
        self._now = now
        self._of_run = self._of_day = self._unanswered = 0
        self._resets = daily.resets
        self._lock = threading.Lock()

    def take(self, tokens: int) -> None:
        """Count the tokens of a request before it is sent.

        Args:
            tokens: Token cost of the request.

        Raises:
            CapReached: A cap does not allow the request; nothing is counted.
        """
        with self._lock:
            self._check(tokens)
            self._of_run += tokens
            self._of_day += tokens

    @contextmanager
    def call(self, tokens: int) -> Iterator[None]:
        """Count the tokens of the request made inside the `with` block.

        Until the block ends, these tokens are not part of the remaining tokens that Pipedrive has
        reported, so the check of the reserve subtracts them.

        Args:
            tokens: Token cost of the request.

        Raises:
            CapReached: A cap does not allow the request; nothing is counted.
        """
        self.take(tokens)
        with self._lock:
            self._unanswered += tokens
        try:
            yield
        finally:
            with self._lock:
                self._unanswered -= tokens

    def require(self, tokens: int) -> None:
        """Check that a request is allowed, without counting it.

        Args:
            tokens: Token cost of the request.

        Raises:
            CapReached: A cap does not allow the request.
        """
        with self._lock:
            self._check(tokens)

    @property
    def of_day(self) -> int:
        """Tokens that this run and the others have used in the current window."""
        with self._lock:
            return self._of_day + self.others

    @property
    def left(self) -> int | None:
        """Tokens that may still be used under all caps; None if there is no cap."""
        with self._lock:
            limit, left = self.daily.limit, self.daily.left
            per_run, per_day = self.caps.per_run, self.caps.day_cap(limit)
            reserve = self.caps.reserve(limit)
            allowed = [per_day - self._of_day - self.others] if per_day else []
            allowed += [left - reserve] if reserve and left is not None else []
            allowed += [per_run - self._of_run] if per_run else []
        return max(0, min(allowed)) if allowed else None

    def turn_over(self) -> QuotaWindow:
        """Return the current window; a new window starts with no tokens used."""
        with self._lock:
            self._turn_over()
            return self.day

    def has_headroom(self, wanted: int) -> bool:
        """Return whether enough tokens remain for uncapped tables after the capped tables.

        Args:
            wanted: Tokens that the capped tables need; limited by the cap per run.

        Returns:
            False if the account does not report its remaining tokens.
        """
        limit, left = self.daily.limit, self.daily.left
        if left is None:
            return False
        most = min(wanted, self.caps.run_cap(limit) or wanted)
        return left - most >= max(self.caps.reserve(limit), HEADROOM)

    def _check(self, tokens: int) -> None:
        self._turn_over()
        per_run, per_day = self.caps.per_run, self.caps.day_cap(self.daily.limit)
        reserve, left = self.caps.reserve(self.daily.limit), self.daily.left
        if per_day and self._of_day + self.others + tokens > per_day:
            reason = f"daily token cap reached (PIPEDRIVE_TOKENS_PER_DAY, {per_day:,} tokens)"
            raise CapReached(reason, self.day.end)
        if reserve and left is not None and left - self._unanswered - tokens < reserve:
            reason = f"the account's last {reserve:,} daily tokens are reserved for other tables"
            raise CapReached(reason, self.day.end)
        if per_run and self._of_run + tokens > per_run:
            reason = f"token cap per run reached (PIPEDRIVE_TOKENS_PER_RUN, {per_run:,} tokens)"
            raise CapReached(reason, self._now() + RUN_PAUSE)

    def _turn_over(self) -> None:
        now = self._now()
        if self.daily.resets != self._resets:
            self._resets, day = self.daily.resets, QuotaWindow(start=now)
        else:
            day = self.day.at(now)
        if day != self.day:
            self.day, self._of_day, self.others = day, 0, 0
            self.daily.ends_at = day.end
