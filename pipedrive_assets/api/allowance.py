"""The account's tokens of a day, and how many of them the tables that cost a call a deal may take.

Source of the numbers: the headers `x-daily-ratelimit-token-limit` and `-remaining`, which real
accounts send and the official docs do not name. Where they are missing, our own count serves.
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
"""Share of the account's daily limit that capped tables take unless a setting says otherwise."""

RESERVE_SHARE = 0.1
"""Share of the account's day that capped tables leave untouched, unless a setting caps them."""

CAP_OF_UNKNOWN_LIMIT = 15_000
"""The cap where the account does not tell its limit: half of the smallest plan's day (official
docs, rate limiting)."""

HEADROOM = 15_000
"""With so many tokens left a million rows can be listed: tables without a cap lack nothing."""

RESET_TOKENS, RESET_SHARE = 1_280, 0.05
"""What is left goes up by more than this (32 replies that overtook each other, 40 tokens each; or
a share of the limit) only when a new day has begun."""

RUN_PAUSE = timedelta(hours=1)
"""How long tables wait that a run's cap has stopped, before the next run should go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaWindow:
    """24 hours after which the account's tokens come back; `start` is aware, UTC."""

    start: datetime

    @property
    def end(self) -> datetime:
        """When the next one begins."""
        return self.start + DAY

    def at(self, moment: datetime) -> "QuotaWindow":
        """The day that holds a moment, counted on from this one."""
        return QuotaWindow(start=self.start + max(0, (moment - self.start) // DAY) * DAY)

    @classmethod
    def utc(cls, moment: datetime) -> "QuotaWindow":
        """The UTC day, as long as no reset was observed."""
        return cls(start=moment.replace(hour=0, minute=0, second=0, microsecond=0))


class DailyTokens:
    """What the replies of an account tell of its day; safe from any thread.

    `limit` and `left` are None where it does not tell; `ends_at` is when the day is over, as far as
    known.
    """

    def __init__(self) -> None:
        """Nothing is known before the first reply."""
        self.limit: int | None = None
        self.left: int | None = None
        self.resets = 0
        """How often what is left went up: new days that began meanwhile."""

        self.ends_at: datetime | None = None
        self._left_until: datetime | None = None
        """When the day ends to which `left` belongs."""

        self._ignored: set[str] = set()
        self._lock = threading.Lock()

    def learn(self, reply: ApiReply, *, cost: int, now: datetime) -> None:
        """Take the numbers of a reply to a call of `cost` tokens.

        Pipedrive reports what was left before it charged the call. Of replies that overtook each
        other the lowest counts. A refusal (429) is judged by itself and changes nothing here.
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
        """Whether a call of `cost` tokens is known to be refused before the day ends."""
        with self._lock:
            if self.left is None or self._left_until is None:
                return False
            return self.left < cost and now < self._left_until

    def _warn_of_ignored(self, reply: ApiReply) -> None:
        """Log once for each daily header that holds something other than a plausible number."""
        for header, found in ((DAY_LIMIT, reply.daily_limit), (DAY_LEFT, reply.daily_left)):
            if found is None and header in reply.headers and header not in self._ignored:
                self._ignored.add(header)
                number = reply.number(header)
                log.warning(
                    "Ignoring the header %s of Pipedrive's replies: %s is not plausible.",
                    *(header, "its text" if number is None else f"{number:g}"),
                )


def has_reset(before: int | None, now: int | None, limit: int | None) -> bool:
    """Whether the account's tokens came back between two replies that told what is left."""
    if before is None or now is None:
        return False
    return now - before > max(RESET_TOKENS, RESET_SHARE * (limit or now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Tokens that capped tables may take; 0: no cap.

    `per_day` None: half of the account's daily limit; `per_run` None: only the day's cap counts.
    """

    per_run: int | None = None
    per_day: int | None = None

    def day_cap(self, limit: int | None) -> int:
        """The day's cap for an account with that daily limit (None: it does not tell)."""
        if self.per_day is not None:
            return self.per_day
        return CAP_OF_UNKNOWN_LIMIT if limit is None else int(limit * CAP_SHARE)

    def run_cap(self, limit: int | None) -> int:
        """What one run can take at most, by both caps; 0: no cap."""
        return min((cap for cap in (self.per_run, self.day_cap(limit)) if cap), default=0)

    def reserve(self, limit: int | None) -> int:
        """Tokens of the account's day that are left for everything else."""
        return int(limit * RESERVE_SHARE) if limit and self.per_day is None else 0


class TokenBudget:
    """What the capped tables of a run may still take; safe from any thread.

    `others` is what other runs of the same day have taken.
    """

    def __init__(
        self,
        caps: Caps,
        daily: DailyTokens,
        *,
        day: QuotaWindow,
        now: Callable[[], datetime],
        others: int = 0,
    ) -> None:
        """`now` is the account's clock."""
        self.caps, self.daily, self.day, self.others = caps, daily, day, others
        self._now = now
        self._of_run = self._of_day = self._unanswered = 0
        self._resets = daily.resets
        self._lock = threading.Lock()

    def take(self, tokens: int) -> None:
        """Take the tokens of one call, before it is sent; raises CapReached where a cap forbids."""
        with self._lock:
            self._check(tokens)
            self._of_run += tokens
            self._of_day += tokens

    @contextmanager
    def call(self, tokens: int) -> Iterator[None]:
        """Take the tokens of the call inside, which no reply has told of before it ends."""
        self.take(tokens)
        with self._lock:
            self._unanswered += tokens
        try:
            yield
        finally:
            with self._lock:
                self._unanswered -= tokens

    def require(self, tokens: int) -> None:
        """Raise CapReached where so many could not be taken; takes none."""
        with self._lock:
            self._check(tokens)

    @property
    def left(self) -> int | None:
        """Tokens that all caps together still allow; None: there is no cap."""
        with self._lock:
            limit, left = self.daily.limit, self.daily.left
            per_run, per_day = self.caps.per_run, self.caps.day_cap(limit)
            reserve = self.caps.reserve(limit)
            allowed = [per_day - self._of_day - self.others] if per_day else []
            allowed += [left - reserve] if reserve and left is not None else []
            allowed += [per_run - self._of_run] if per_run else []
        return max(0, min(allowed)) if allowed else None

    def turn_over(self) -> QuotaWindow:
        """The day it is now; a new one begins with nothing taken."""
        with self._lock:
            self._turn_over()
            return self.day

    def has_headroom(self, wanted: int) -> bool:
        """Whether enough is left for the tables without a cap, were the capped ones to take all of
        `wanted` that their cap allows; False where the account does not tell what is left.
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
            raise CapReached(self._sentence("PIPEDRIVE_TOKENS_PER_DAY", per_day), self.day.end)
        if reserve and left is not None and left - self._unanswered - tokens < reserve:
            said = f"the last {reserve:,} tokens of the account's day are left to other tables"
            raise CapReached(said, self.day.end)
        if per_run and self._of_run + tokens > per_run:
            resumes_at = self._now() + RUN_PAUSE
            raise CapReached(self._sentence("PIPEDRIVE_TOKENS_PER_RUN", per_run), resumes_at)

    @staticmethod
    def _sentence(setting: str, cap: int) -> str:
        return f"the {cap:,} tokens that {setting} allows are taken"

    def _turn_over(self) -> None:
        now = self._now()
        if self.daily.resets != self._resets:
            self._resets, day = self.daily.resets, QuotaWindow(start=now)
        else:
            day = self.day.at(now)
        if day != self.day:
            self.day, self._of_day, self.others = day, 0, 0
            self.daily.ends_at = day.end
