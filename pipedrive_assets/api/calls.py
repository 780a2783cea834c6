"""One request, sent again until a reply can be read: rate limit, token accounting, retries."""

import logging
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from pipedrive_assets import errors
from pipedrive_assets.api.access import AccessUnavailable, Authentication
from pipedrive_assets.api.budget import RateLimiter, RequestStats, growing_pause
from pipedrive_assets.api.daily import DailyTokens
from pipedrive_assets.api.nul import may_have_nul, without_nul
from pipedrive_assets.api.paging import IncompletePage
from pipedrive_assets.api.verdict import (
    Action,
    ApiReply,
    Verdict,
    budget_reset_at,
    judge,
    reported_reset_at,
)
from pipedrive_assets.api.wire import NoReply, Params, Sink, Wire

log = logging.getLogger(__name__)

ATTEMPTS = 8
"""Attempts per request before a transient fault becomes an error. If one request in eight fails at
random, one in seventeen million fails eight times in a row."""

PATIENCE_SECONDS = 900.0
"""A request is not retried for longer than this, whatever the number of attempts."""

BACKOFF_SECONDS = 0.5
BACKOFF_CAP_SECONDS = 20.0
LONG_PAUSE = 10.0
"""A pause for the burst limit of so many seconds is a warning: a run seems to hang otherwise."""

BURST_WAITS = 10
"""Consecutive refusals by the burst limit, of one request or of all, before the run ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One GET request.

    Attributes:
        path: Path below the base URL.
        cost: Token cost.
        params: Query parameters.
        stats: Statistics that the request is counted in.
        paged_on: Whether the request continues a list at a page marker.
        attempts: Attempts before a transient fault becomes an error.
        sink: Takes the body of a file; None: the reply is JSON.
        judge: Decides what to do after a reply.
    """

    path: str
    cost: int
    params: Params = ()
    stats: RequestStats
    paged_on: bool = False
    attempts: int = ATTEMPTS
    sink: Sink | None = None
    judge: Callable[..., Verdict] = judge


class ReadReply(NamedTuple):
    """What was read from a reply.

    Attributes:
        result: What the function that read the body has returned.
        read_at: Time of the reply (UTC).
        size: Length of the body in bytes.
    """

    result: Any
    read_at: datetime
    size: int


class Caller:
    """Sends the requests of a client. Thread-safe.

    Methods raise only errors of `pipedrive_assets.errors`, never exceptions of the HTTP library.

    Attributes:
        base_url: Address of the API, without a trailing slash.
        stats: Statistics of all requests.
        daily: The account's daily tokens, as last reported.
        pace: The burst rate limiter.
        now: Returns the current time (UTC).
        removes_nul: Whether NUL characters are removed from replies; set this if the destination
            cannot store them.
        keep: Receives each call with the reply that was read, or that ended the call at once,
            without secrets, and its time (UTC); None: nothing does. Called in the thread of the
            call.
        latest: Status and headers of the latest reply, without its body; None before the first.
    """

    base_url: str
    stats: RequestStats
    daily: DailyTokens
    pace: RateLimiter
    now: Callable[[], datetime]
    removes_nul: bool
    keep: "Callable[[ApiCall, ApiReply, datetime], None] | None"
    latest: ApiReply | None

    def __init__(  # noqa: PLR0913 - external dependencies, each replaceable
        self,
        wire: Wire,
        authentication: Authentication,
        *,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        """Take what sends requests and what measures time; no request is sent.

        Args:
            wire: The HTTP connection.
            authentication: Gives each request its token.
            sleep: Waits the given number of seconds.
            monotonic: Returns a monotonic time in seconds.
            now: Returns the current time (UTC).
            jitter: Returns a random number from 0 to 1, for the pauses between retries.
        """
        self.base_url = wire.base_url
        self.stats, self.daily = RequestStats(), DailyTokens()
        self.pace = RateLimiter(sleep=sleep, monotonic=monotonic)
        self.now, self._sleep, self._monotonic, self._jitter = now, sleep, monotonic, jitter
        self.removes_nul = False
        self.keep = None
        self.latest = None
        self._wire, self._authentication = wire, authentication
        self._final: Callable[[], errors.ApiError] | None = None
        self._lock = threading.Lock()

    def _ask(self, call: ApiCall, read: Callable[[dict[str, Any]], Any]) -> ReadReply:
        """Send the request until a reply can be read, or until retrying cannot help."""
        attempts = waits = 0
        renewed = False
        began = self._monotonic()
        while True:
            reply, verdict = self._try(call)
            if verdict.action is Action.GO_ON:
                try:
                    result = read(self._storable(reply, verdict.body))
                except IncompletePage as found:
                    verdict = Verdict(action=Action.RETRY, error=found.error, quote=str(found))
                else:
                    size = len(reply.content) if reply else 0
                    return ReadReply(result, self._kept(call, reply), size)
            if verdict.action is Action.RENEW and not renewed:
                renewed = True
                continue
            lasting = self._monotonic() - began
            if verdict.action is Action.WAIT and self._wait(call, verdict, waits, lasting):
                waits += 1
                continue
            attempts += 1
            patient = lasting < PATIENCE_SECONDS
            if verdict.action is Action.RETRY and patient and attempts < call.attempts:
                self._back_off(call, verdict, attempts)
                continue
            if verdict.action is Action.STOP:
                self._kept(call, reply)
            raise self._stop(call, reply, verdict, attempts + waits)

    def _kept(self, call: ApiCall, reply: ApiReply | None) -> datetime:
        """Pass the last reply of a call to `keep`, and return its time (UTC)."""
        read_at = _read_at(reply, self.now)
        if self.keep and reply and call.sink is None:
            content = self._wire.without_secrets(reply.content)
            self.keep(call, replace(reply, content=content), read_at)
        return read_at

    def _storable(self, reply: ApiReply | None, body: Any) -> Any:
        if self.removes_nul and reply and may_have_nul(reply.content):
            return without_nul(body)
        return body

    def _try(self, call: ApiCall) -> tuple[ApiReply | None, Verdict]:
        with call.stats.allowance.call(call.cost) if call.stats.allowance else nullcontext():
            return self._send(call)

    def _send(self, call: ApiCall) -> tuple[ApiReply | None, Verdict]:
        came = self._monotonic()
        self._raise_known_end(call)
        started = self.pace.take()
        call.stats.add(waiting=started - came)
        self._raise_known_end(call)
        try:
            access = self._authentication.access()
        except AccessUnavailable as unavailable:
            return None, unavailable.verdict
        self.stats.add(requests=1, tokens=call.cost)
        call.stats.add(requests=1, tokens=call.cost)
        try:
            reply = self._wire.get(call.path, call.params, access, call.sink)
        except NoReply as trouble:
            return None, Verdict(action=Action.RETRY, quote=str(trouble))
        finally:
            call.stats.add(asking=self._monotonic() - started)
        call.stats.add(replies_429=int(reply.status == 429))
        self.pace.learn(reply, started)
        self.latest = replace(reply, content=b"")
        self.daily.learn(reply, cost=call.cost, now=self.now())
        verdict = call.judge(
            reply, cost=call.cost, paged_on=call.paged_on, known_left=self.daily.left
        )
        verdict = replace(verdict, quote=self._wire.clean(verdict.quote))
        if reply.status == 401 and self._authentication.refused(access):
            verdict = replace(verdict, action=Action.RENEW, error=errors.AccessTokenRefused)
        return reply, verdict

    def _raise_known_end(self, call: ApiCall) -> None:
        """Raise the error that ended all requests of this client, or BudgetExhausted if earlier
        replies show that the remaining daily tokens do not cover the request.
        """
        if self._final:
            raise self._final()
        now = self.now()
        if self.latest and self.daily.is_spent(call.cost, now):
            raise errors.PipedriveTooManyRequestsError(
                path=call.path,
                status=0,
                reset_at=budget_reset_at(self.latest, now, self.daily.ends_at),
                quote=f"it costs {call.cost} API tokens, and {self.daily.left} are left today",
            )

    def _wait(self, call: ApiCall, verdict: Verdict, waits: int, lasting: float) -> bool:
        """Pause all requests after a 429.

        A request that is refused while others succeed has its own growing pauses.

        Args:
            call: The refused request.
            verdict: The verdict on the reply.
            waits: How often this request has waited already.
            lasting: Seconds since the first attempt of this request.

        Returns:
            Whether to send the request again.
        """
        is_full = issubclass(verdict.error, errors.PipedriveTooManyRequestsInSecondError)
        closed = self.pace.close(verdict.seconds, is_full=is_full)
        pause = closed.seconds if is_full else max(closed.seconds, growing_pause(waits + 1))
        if max(lasting, closed.lasting) + pause > PATIENCE_SECONDS:
            return False
        if is_full and max(waits + 1, closed.refusals) > BURST_WAITS:
            return False
        level = logging.WARNING if pause >= LONG_PAUSE else logging.INFO
        log.log(level, "/%s: rate limit reached (429); waiting %.1f s", call.path, pause)
        for stats in (self.stats, call.stats):
            stats.add(burst_waits=1)
        if pause > closed.seconds:
            call.stats.add(waiting=pause)
            self._sleep(pause)
        return True

    def _back_off(self, call: ApiCall, verdict: Verdict, attempts: int) -> None:
        seconds = min(BACKOFF_CAP_SECONDS, BACKOFF_SECONDS * 2 ** (attempts - 1)) * (
            0.5 + self._jitter() / 2
        )
        log.warning("/%s: %s; retrying in %.1f s", call.path, verdict.quote or "no reply", seconds)
        for stats in (self.stats, call.stats):
            stats.add(retries=1)
        call.stats.add(waiting=seconds)
        self._sleep(seconds)

    def _stop(
        self, call: ApiCall, reply: ApiReply | None, verdict: Verdict, attempts: int
    ) -> errors.ApiError:
        """Return the error to raise; an error of the whole account ends all later requests."""
        error = self._error(call, reply, verdict, attempts)
        if isinstance(error, _OF_ALL) or verdict.action is Action.WAIT:
            with self._lock:
                # A new exception per request: raising one twice would mix the tracebacks.
                self._final = self._final or partial(self._error, call, reply, verdict, attempts)
        return error

    def _error(
        self, call: ApiCall, reply: ApiReply | None, verdict: Verdict, attempts: int
    ) -> errors.ApiError:
        status, kind = reply.status if reply else 0, verdict.error
        if reply and issubclass(kind, errors.BudgetExhausted):
            return kind(
                path=call.path,
                reset_at=budget_reset_at(reply, self.now(), self.daily.ends_at),
                quote=verdict.quote,
                is_reported=reported_reset_at(reply, self.now()) is not None,
            )
        if issubclass(kind, errors.TooManyRequests):
            return kind(
                path=call.path,
                status=status,
                quote=verdict.quote,
                attempts=attempts,
                tokens_left=self.daily.left,
            )
        if issubclass(kind, errors.TransientApiError):
            return kind(path=call.path, status=status, quote=verdict.quote, attempts=attempts)
        return kind(path=call.path, status=status, quote=verdict.quote)


_OF_ALL = (errors.AuthenticationError, errors.BudgetExhausted, errors.Blocked)
"""Errors that affect every request of the account."""


def _read_at(reply: ApiReply | None, now: Callable[[], datetime]) -> datetime:
    """Return the earlier of Pipedrive's clock and ours, so that a fast clock skips no change."""
    ours = now()
    return min((reply.date if reply else None) or ours, ours)
