"""The client: one loop around the verdict table, shared by every scan of a run.

Many threads may call it at once. The api token travels in the `x-api-token` header and nowhere
else.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import requests

from pipedrive_assets import errors
from pipedrive_assets.api.allowance import DailyTokens
from pipedrive_assets.api.budget import RateLimiter, RequestStats, growing_pause
from pipedrive_assets.api.nul import may_have_nul, without_nul
from pipedrive_assets.api.paging import (
    IncompletePage,
    Page,
    Paging,
    looping_pagination,
    page_params,
    read_object,
    read_page,
)
from pipedrive_assets.api.verdict import (
    Action,
    ApiReply,
    Verdict,
    budget_reset_at,
    judge,
    reported_reset_at,
)
from pipedrive_assets.api.wire import READ_SECONDS, USER_AGENT, NoReply, Params, Wire
from pipedrive_assets.windows import utc_now

log = logging.getLogger(__name__)

ATTEMPTS = 8
"""Tries of one call before a fault that should pass is called lasting: where one call in eight
fails, one in seventeen million fails as often as that."""

PATIENCE_SECONDS = 900.0
"""A call is not tried for longer, however few tries it had; refusals in a row end the run."""

BACKOFF_SECONDS = 0.5
BACKOFF_CAP_SECONDS = 20.0
BURST_WAITS = 10
"""Consecutive burst refusals, of one call or of all, before the account is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A page and when Pipedrive (by its own clock, else ours) gave it."""

    page: Page
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One GET: `path` below the base URL, `cost` in tokens, `stats` that it is counted in."""

    path: str
    cost: int
    params: Params = ()
    stats: RequestStats
    paged_on: bool = False


class Client:
    """Asks Pipedrive.

    Raises ApiError and its kin, DataError, and ConfigurationError where the host's certificate is
    not trusted; never anything from the HTTP library.
    """

    def __init__(  # noqa: PLR0913 - the edges of the world, each replaceable
        self,
        *,
        base_url: str,
        api_token: str,
        adapter: requests.adapters.BaseAdapter | None = None,
        user_agent: str = USER_AGENT,
        read_seconds: float = READ_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`adapter` replaces the network (the sandbox's door); a reply of which nothing comes for
        `read_seconds` is given up; the rest replaces time and chance.
        """
        self.base_url = base_url.rstrip("/")
        self.stats, self.daily = RequestStats(), DailyTokens()
        self.pace = RateLimiter(sleep=sleep, monotonic=monotonic)
        self.now, self._sleep, self._monotonic, self._jitter = now, sleep, monotonic, jitter
        self.removes_nul = False
        """Whether NUL characters are removed from replies: set where the destination of the rows
        cannot store them."""

        self.latest: ApiReply | None = None
        """Status and headers of the latest reply, without its body."""
        self._final: Callable[[], errors.ApiError] | None = None
        self._lock = threading.Lock()
        self._wire = Wire(
            base_url=self.base_url,
            api_token=api_token,
            adapter=adapter,
            user_agent=user_agent,
            read_seconds=read_seconds,
            monotonic=monotonic,
        )

    def __repr__(self) -> str:
        """Without the api token."""
        return f"Client({self.base_url!r})"

    def object(
        self, path: str, *, cost: int, params: Params = (), stats: RequestStats | None = None
    ) -> tuple[dict[str, Any], datetime]:
        """The `data` object of an endpoint that answers with one, and when it was read."""
        call = ApiCall(path=path, cost=cost, params=params, stats=stats or RequestStats())
        body, read_at = self._ask(call, read_object)
        return body, read_at

    def pages(  # noqa: PLR0913 - what a list is
        self,
        path: str,
        *,
        cost: int,
        paging: Paging,
        page_rows: int,
        params: Params = (),
        marker: str | None = None,
        stats: RequestStats | None = None,
        null_is_empty: bool = False,
        data_key: str | None = None,
    ) -> Iterator[Answer]:
        """Scan a list from `marker` (None: its start) to its end, a page at a time.

        With `null_is_empty`, a first page of API v2 with `data: null` twice in a row is empty.
        `data_key` is the key of the rows where `data` is an object.

        Raises PageMarkerExpired where a marker in mid-scan is no longer accepted.
        """
        counted, seen, last_rows = stats or RequestStats(), {marker}, None
        v1 = path.startswith("v1/")
        while True:
            call = ApiCall(
                path=path,
                cost=cost,
                params=(*params, *page_params(paging, page_rows, marker)),
                stats=counted,
                paged_on=paging == "cursor" and marker is not None,
            )
            read = partial(
                read_page,
                paging=paging,
                marker=marker,
                page_rows=page_rows,
                v1=v1,
                data_key=data_key,
            )
            page, read_at = self._ask(call, _NullTwice(read) if null_is_empty else read)
            if page.marker is not None and (page.marker in seen or page.rows == last_rows != []):
                raise looping_pagination(path)
            yield Answer(page=page, read_at=read_at)
            if page.marker is None:
                return
            marker, last_rows = page.marker, page.rows
            seen.add(marker)

    def _ask(self, call: ApiCall, read: Callable[[dict[str, Any]], Any]) -> tuple[Any, datetime]:
        """Ask until there is a readable reply, or an error that asking again will not mend."""
        attempts = waits = 0
        began = self._monotonic()
        while True:
            reply, verdict = self._try(call)
            if verdict.action is Action.GO_ON:
                try:
                    return read(self._storable(reply, verdict.body)), _read_at(reply, self.now)
                except IncompletePage as found:
                    verdict = Verdict(action=Action.RETRY, error=found.error, quote=str(found))
            lasting = self._monotonic() - began
            if verdict.action is Action.WAIT and self._wait(call, verdict, waits, lasting):
                waits += 1
                continue
            attempts += 1
            patient = lasting < PATIENCE_SECONDS
            if verdict.action is Action.RETRY and patient and attempts < ATTEMPTS:
                self._back_off(call, verdict, attempts)
                continue
            raise self._stop(call, reply, verdict, attempts + waits)

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
        self.stats.add(requests=1, tokens=call.cost)
        call.stats.add(requests=1, tokens=call.cost)
        try:
            reply = self._wire.get(call.path, call.params)
        except NoReply as trouble:
            return None, Verdict(action=Action.RETRY, quote=str(trouble))
        finally:
            call.stats.add(asking=self._monotonic() - started)
        call.stats.add(replies_429=int(reply.status == 429))
        self.pace.learn(reply, started)
        self.latest = replace(reply, content=b"")
        self.daily.learn(reply, cost=call.cost, now=self.now())
        verdict = judge(reply, cost=call.cost, paged_on=call.paged_on, known_left=self.daily.left)
        return reply, replace(verdict, quote=self._wire.clean(verdict.quote))

    def _raise_known_end(self, call: ApiCall) -> None:
        """Raise what ended all calls of this client, or what the account would answer: nothing is
        sent once earlier replies show that the day's tokens do not cover the call.
        """
        if self._final:
            raise self._final()
        now = self.now()
        if self.latest and self.daily.is_spent(call.cost, now):
            raise errors.PipedriveTooManyRequestsError(
                path=call.path,
                status=0,
                reset_at=budget_reset_at(self.latest, now, self.daily.ends_at),
                quote=f"it costs {call.cost} API tokens, {self.daily.left} of the day are left",
            )

    def _wait(self, call: ApiCall, verdict: Verdict, waits: int, lasting: float) -> bool:
        """Close the window for everybody; returns whether the call is tried again.

        `waits` is how often the call has waited already, `lasting` for how many seconds it has been
        tried. A call that is refused while others are answered has pauses of its own.
        """
        told = issubclass(verdict.error, errors.PipedriveTooManyRequestsInSecondError)
        closed = self.pace.close(verdict.seconds, told=told)
        pause = closed.seconds if told else max(closed.seconds, growing_pause(waits + 1))
        if max(lasting, closed.lasting) + pause > PATIENCE_SECONDS:
            return False
        if told and max(waits + 1, closed.refusals) > BURST_WAITS:
            return False
        log.info("/%s: rate limit reached (429); waiting %.1f s", call.path, pause)
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
        log.warning(
            "/%s: %s; trying again in %.1f s", call.path, verdict.quote or "no answer", seconds
        )
        for stats in (self.stats, call.stats):
            stats.add(retries=1)
        call.stats.add(waiting=seconds)
        self._sleep(seconds)

    def _stop(
        self, call: ApiCall, reply: ApiReply | None, verdict: Verdict, attempts: int
    ) -> errors.ApiError:
        """The error to raise; what concerns the whole account ends every scan of this client."""
        error = self._error(call, reply, verdict, attempts)
        if isinstance(error, _OF_ALL) or verdict.action is Action.WAIT:
            with self._lock:
                # Made anew for each scan: an exception that is raised twice mixes its tracebacks.
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
                is_told=reported_reset_at(reply, self.now()) is not None,
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


class _NullTwice:
    """Reads `data: null` as an empty list, the second time."""

    def __init__(self, read: Callable[..., Page]) -> None:
        self._read, self._nulls = read, 0

    def __call__(self, body: dict[str, Any]) -> Page:
        self._nulls += body.get("data") is None
        return self._read(body, null_is_empty=self._nulls > 1)


_OF_ALL = (errors.AuthenticationError, errors.BudgetExhausted, errors.Blocked)
"""What concerns the whole account."""


def _read_at(reply: ApiReply | None, now: Callable[[], datetime]) -> datetime:
    """The earlier of Pipedrive's clock and ours: whichever runs ahead, no change is passed over."""
    ours = now()
    return min((reply.date if reply else None) or ours, ours)
