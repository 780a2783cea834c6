"""The account's daily tokens: the window in which they count, and what replies report of them.

Source of the numbers: the headers `x-daily-ratelimit-token-limit` and `-remaining`. Real accounts
send them; the official docs do not mention them.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipedrive_assets.api.verdict import DAY_LEFT, DAY_LIMIT, ApiReply, budget_reset_at

log = logging.getLogger(__name__)

DAY = timedelta(days=1)

RESET_TOKENS, RESET_SHARE = 1_280, 0.05
"""A larger increase of the remaining tokens is a daily reset: more than 32 replies out of order (40
tokens each) can explain, or more than this share of the daily limit."""


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
class DayNote:
    """The account's day and tokens, as the last run recorded them.

    Attributes:
        day: The period of the daily token limit, UTC.
        limit: The daily token limit; None if Pipedrive does not return it.
        left: The remaining tokens; None if Pipedrive does not return them.
    """

    day: QuotaWindow
    limit: int | None
    left: int | None


def current_day(noted: DayNote | None, daily: DailyTokens, now: datetime) -> QuotaWindow:
    """Determine the current period of the account's daily token limit.

    Args:
        noted: What the last run recorded; None if nothing.
        daily: The account's daily tokens, as replies have reported them so far.
        now: The current time, UTC.

    Returns:
        The day since the last observed reset, or the UTC day if none was observed.
    """
    if noted is None:
        return QuotaWindow.utc(now)
    if has_reset(noted.left, daily.left, daily.limit or noted.limit):
        return QuotaWindow(start=now)
    return noted.day.at(now)
