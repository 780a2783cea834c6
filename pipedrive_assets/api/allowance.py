"""The account's daily API tokens, and the caps on tables that need one request per parent row.

Source of the numbers: the headers `x-daily-ratelimit-token-limit` and `-remaining`. Real accounts
send them; the official docs do not mention them. Without the headers, tokens are counted locally.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipedrive_assets.api.verdict import DAY_LEFT, DAY_LIMIT, ApiReply, budget_reset_at
from pipedrive_assets.errors import CapReached

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
CAP_SHARE = 0.5
"""Default daily cap of the capped tables, as a share of the account's daily limit."""

RESERVE_SHARE = 0.1
"""Share of the account's daily limit that capped tables leave unused when no daily cap is set."""

CAP_OF_UNKNOWN_LIMIT = 15_000
"""Daily cap in tokens when the account's limit is unknown: half of the smallest plan's daily limit
(official docs, rate limiting)."""

HEADROOM = 15_000
"""Tokens kept free for uncapped tables; enough to list a million rows."""

RESET_TOKENS, RESET_SHARE = 1_280, 0.05
"""A larger increase of the remaining tokens is a daily reset: more than 32 replies out of order (40
tokens each) can explain, or more than this share of the daily limit."""

RUN_PAUSE = timedelta(hours=1)
"""How long a table waits after it has reached the cap per run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaWindow:
    """A period of 24 hours after which the daily tokens reset; `start` is aware, UTC."""

    start: datetime

    @property
    def end(self) -> datetime:
        """End of the window and start of the next one (aware, UTC)."""
        return self.start + DAY

    def at(self, moment: datetime) -> "QuotaWindow":
        """Return the window that contains `moment`, in steps of 24 hours from this window."""
        return QuotaWindow(start=self.start + max(0, (moment - self.start) // DAY) * DAY)

    @classmethod
    def utc(cls, moment: datetime) -> "QuotaWindow":
        """Return the UTC day of `moment`, used until a reset has been observed."""
        return cls(start=moment.replace(hour=0, minute=0, second=0, microsecond=0))


class DailyTokens:
    """Daily token numbers from the headers of Pipedrive's replies. Thread-safe.

    Attributes:
        limit: Tokens per day; None if Pipedrive does not report it.
        left: Remaining tokens; None if Pipedrive does not report them.
        resets: Number of daily resets seen since the start.
        ends_at: When the current window ends (UTC); None if unknown.
    """

    limit: int | None
    left: int | None
    resets: int
    ends_at: datetime | None

    def __init__(self) -> None:
        """Start with all values unknown, until the first reply."""
        self.limit = self.left = None
        self.resets = 0
        self.ends_at = None
        self._left_until: datetime | None = None
        """When the value of `left` expires, because the daily tokens reset."""

        self._ignored: set[str] = set()
        self._lock = threading.Lock()

    def learn(self, reply: ApiReply, *, cost: int, now: datetime) -> None:
        """Record the daily limit and the remaining tokens from a reply.

        Pipedrive reports the tokens that remained before it charged the request. Replies can arrive
        out of order, so the lowest value is used. Replies of 429 are ignored.

        Args:
            reply: Pipedrive's reply.
            cost: Token cost of the request.
            now: The current time (UTC).
        """
        if reply.status == 429:
            return
        limit, before = reply.daily_limit, reply.daily_left
        with self._lock:
            self._warn_of_ignored(reply)
            self.limit = limit or self.limit
            if before is None:
                return
            left = max(0, before - cost)
            if has_reset(self.left, left, self.limit):
                self.resets += 1
                self.left = left
            self.left = left if self.left is None else min(self.left, left)
            self._left_until = budget_reset_at(reply, now, self.ends_at)

    def is_spent(self, cost: int, now: datetime) -> bool:
        """Return whether the remaining tokens do not cover a request of `cost` tokens today."""
        with self._lock:
            if self.left is None or self._left_until is None:
                return False
            return self.left < cost and now < self._left_until

    def _warn_of_ignored(self, reply: ApiReply) -> None:
        """Log a warning, once per header, when a daily header has an implausible value."""
        for header, found in ((DAY_LIMIT, reply.daily_limit), (DAY_LEFT, reply.daily_left)):
            if found is None and header in reply.headers and header not in self._ignored:
                self._ignored.add(header)
                number = reply.number(header)
                log.warning(
                    "Ignoring the header %s of Pipedrive's replies: %s is not a plausible value.",
                    *(header, "its text" if number is None else f"{number:g}"),
                )


def has_reset(before: int | None, now: int | None, limit: int | None) -> bool:
    """Return whether the daily tokens were reset between two replies.

    Args:
        before: Remaining tokens after the earlier reply; None if unknown.
        now: Remaining tokens after the later reply; None if unknown.
        limit: The account's tokens per day; None if unknown.

    Returns:
        True if the remaining tokens have increased more than replies out of order can explain.
    """
    if before is None or now is None:
        return False
    return now - before > max(RESET_TOKENS, RESET_SHARE * (limit or now))


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
