"""Classifies replies: from status, headers and body to a verdict, without I/O.

This is the only place that decides whether to retry, wait or stop. Source: official docs, HTTP
status codes and rate limiting.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

from pipedrive_assets import errors
from pipedrive_assets.api.json_body import UNREADABLE, decode
from pipedrive_assets.fault_text import shown

BURST_SECONDS = 2.0
"""Length of the rolling window in which the burst limit counts requests."""

DAY_LONG_RESET_SECONDS = 300
"""A longer `x-ratelimit-reset` is the daily limit's, not the burst window's (seconds)."""

LONGEST_RESET_SECONDS = 2 * 86_400
"""A longer `x-ratelimit-reset` is not plausible and is ignored (seconds)."""

DAY_LIMIT = "x-daily-ratelimit-token-limit"
DAY_LEFT = "x-daily-ratelimit-token-remaining"
MOST_DAILY_TOKENS = 10**12
"""A daily limit above this is not plausible and is ignored."""


SCOPE_MISMATCH = "scope and url mismatch"
"""Pipedrive's error text, in lower case, if the OAuth app lacks the scope of an endpoint."""


class Action(Enum):
    """What the client does next with a request."""

    GO_ON = "go on"
    WAIT = "wait"
    RENEW = "renew"
    RETRY = "retry"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiReply:
    """One HTTP reply.

    Attributes:
        status: HTTP status code.
        headers: Headers by lower-case name.
        content: The body, not decoded.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    def number(self, header: str) -> float | None:
        """Return a numeric header; None if it is missing or not a finite number."""
        try:
            number = float(self.headers[header])
        except (KeyError, ValueError):
            return None
        return number if math.isfinite(number) else None

    @property
    def daily_limit(self) -> int | None:
        """The account's tokens per day; None if the header is missing or not plausible."""
        limit = self.number(DAY_LIMIT)
        return int(limit) if limit and 1 <= limit <= MOST_DAILY_TOKENS else None

    @property
    def daily_left(self) -> int | None:
        """Daily tokens that remained before this request was charged.

        None if the header is missing or not plausible: negative, not a finite number, too large,
        larger than the daily limit of the same reply, or sent with a limit that is not plausible.
        """
        left, most = self.number(DAY_LEFT), self.daily_limit
        if DAY_LIMIT not in self.headers:
            most = MOST_DAILY_TOKENS
        return int(left) if left is not None and most and 0 <= left <= most else None

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait from the header `Retry-After`, which is a number of seconds or a date.

        None if it is missing, neither of the two, in the past, or more than two days away.
        """
        seconds = self.number("retry-after")
        if seconds is None and (until := _moment(self.headers.get("retry-after"))):
            seconds = (until - self.date).total_seconds() if self.date else None
        return seconds if seconds and 0 < seconds <= LONGEST_RESET_SECONDS else None

    @property
    def date(self) -> datetime | None:
        """The `Date` header (aware, UTC); None if it is missing or not plausible."""
        return _moment(self.headers.get("date"))


def _moment(text: str | None) -> datetime | None:
    """Parse an HTTP date (aware, UTC); None if it is missing, invalid or not from 2010 to 2199."""
    try:
        moment = parsedate_to_datetime(text or "")
        aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        date = aware.astimezone(timezone.utc)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return date if 2010 <= date.year < 2200 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do after a reply.

    Attributes:
        action: What the client does next.
        error: The error to raise if the client stops.
        quote: Pipedrive's error text, or a description of the reply.
        seconds: How long to wait, for `Action.WAIT`.
        body: The decoded JSON, for `Action.GO_ON`.
    """

    action: Action
    error: type[errors.ApiError] = errors.TransientApiError
    quote: str = ""
    seconds: float = 0.0
    body: Any = None


_STOPS: dict[int, type[errors.ApiError]] = {
    400: errors.PipedriveBadRequestError,
    401: errors.PipedriveUnauthorizedError,
    402: errors.PipedrivePaymentRequiredError,
    403: errors.Forbidden,
    404: errors.PipedriveNotFoundError,
    405: errors.BadRequest,
    410: errors.PipedriveGoneError,
    415: errors.PipedriveUnsupportedMediaError,
    422: errors.PipedriveUnprocessableEntityError,
    501: errors.PipedriveNotImplementedError,
}
_PASSES: dict[int, type[errors.ApiError]] = {
    500: errors.PipedriveInternalServiceError,
    503: errors.PipedriveServiceUnavailableError,
}


def judge(
    reply: ApiReply, *, cost: int, paged_on: bool = False, known_left: int | None = None
) -> Verdict:
    """Decide what to do after a reply.

    Args:
        reply: Pipedrive's reply.
        cost: Token cost of the request.
        paged_on: Whether the request contained a page marker.
        known_left: Daily tokens remaining after earlier replies; None if unknown.

    Returns:
        The verdict: continue, wait, retry or stop, with the error to raise.
    """
    body = decode(reply.content)
    quote = _quote(reply, body)
    if 200 <= reply.status < 300:
        return _judge_success(reply, body, quote)
    if 300 <= reply.status < 400:
        return Verdict(
            action=Action.STOP, error=errors.Redirected, quote=reply.headers.get("location", "")
        )
    if reply.status == 429:
        is_page = not isinstance(body, dict) and b"<" in reply.content[:100]
        found = _judge_limit(reply, cost, known_left, is_page=is_page)
        return replace(found, quote=quote)
    if reply.status in _STOPS or (400 <= reply.status < 500 and reply.status != 408):
        error = _refusal(reply.status, is_json=isinstance(body, dict), paged_on=paged_on)
        if error is errors.Forbidden and SCOPE_MISMATCH in quote.casefold():
            error = errors.ScopeMissing
        return Verdict(action=Action.STOP, error=error, quote=quote)
    error = _PASSES.get(reply.status, errors.TransientApiError)
    return Verdict(action=Action.RETRY, error=error, quote=quote)


def _refusal(status: int, *, is_json: bool, paged_on: bool) -> type[errors.ApiError]:
    """Return the error class for a status from 400 to 499, or 501."""
    if status == 403 and not is_json:
        return errors.Blocked
    if paged_on and status in {400, 404, 410, 422}:
        return errors.PageMarkerExpired
    return _STOPS.get(status, errors.ApiError)


def _judge_success(reply: ApiReply, body: Any, quote: str) -> Verdict:
    """Accept a 2xx only if its body is a JSON object with `data` and without `success: false`."""
    if body is None or not reply.content.strip():
        return Verdict(action=Action.RETRY, error=errors.PipedriveNull200Error, quote=quote)
    if not isinstance(body, dict):
        return Verdict(action=Action.RETRY, quote=quote or "a body that is not a JSON object")
    if body.get("success") is False:
        return Verdict(action=Action.RETRY, quote=quote or "success: false")
    if "data" not in body:
        return Verdict(action=Action.RETRY, quote="a body without data")
    return Verdict(action=Action.GO_ON, body=body)


def _judge_limit(reply: ApiReply, cost: int, known_left: int | None, *, is_page: bool) -> Verdict:
    """Decide which limit a 429 is about: the daily tokens, the burst window, or an unknown one.

    The burst window is full when it has no requests left (official docs, rate limiting). The daily
    tokens are spent if this reply or earlier replies report fewer than the request costs. A web
    page (`is_page`) comes from the firewall, which has no information on the tokens.
    """
    reset, requests_left = reply.number("x-ratelimit-reset"), reply.number("x-ratelimit-remaining")
    tokens_left = reply.daily_left
    if tokens_left is None and not is_page:
        tokens_left = known_left
    if tokens_left is not None:
        day = tokens_left < cost
    else:
        day = not is_page and requests_left is not None and requests_left >= 1
    if day or (reset or 0) >= DAY_LONG_RESET_SECONDS:
        return Verdict(action=Action.STOP, error=errors.PipedriveTooManyRequestsError)
    return Verdict(
        action=Action.WAIT,
        error=(
            errors.TooManyRequests
            if requests_left is None or requests_left >= 1
            else errors.PipedriveTooManyRequestsInSecondError
        ),
        seconds=max(reset or 0.0, reply.retry_after or 0.0, BURST_SECONDS),
    )


def reported_reset_at(reply: ApiReply, now: datetime) -> datetime | None:
    """Return when the daily tokens reset (UTC) according to the reply; None if not reported."""
    reset = reply.number("x-ratelimit-reset") or 0.0
    if DAY_LONG_RESET_SECONDS <= reset <= LONGEST_RESET_SECONDS:
        return (reply.date or now) + timedelta(seconds=reset)
    return None


def budget_reset_at(
    reply: ApiReply, now: datetime, day_ends_at: datetime | None = None
) -> datetime:
    """Determine when the daily tokens reset.

    Args:
        reply: A reply of Pipedrive.
        now: The current time (UTC), used if the reply has no date.
        day_ends_at: End of the observed window (UTC); None if no reset has been observed.

    Returns:
        The reset time (UTC): as the reply reports it, else `day_ends_at`, else the next UTC
        midnight.
    """
    if reported := reported_reset_at(reply, now):
        return reported
    moment = reply.date or now
    if day_ends_at and day_ends_at > moment:
        return day_ends_at
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _quote(reply: ApiReply, body: Any) -> str:
    """Return Pipedrive's error text, or a description of a body that has none."""
    if isinstance(body, dict):
        values = [body.get(name) for name in ("error", "error_info", "errors", "code")]
        return " - ".join(text for value in values for text in _texts(value))
    if not reply.content:
        return "an empty body"
    if body is not UNREADABLE:
        return f"the JSON body is {shown(body)}, not an object"
    kind = reply.headers.get("content-type", "no content type")
    title = re.search(rb"<title[^>]*>([^<]+)<", reply.content[:4096], re.IGNORECASE)
    heading = f"{title[1].decode(errors='replace')}: " if title else ""
    return f"{heading}{len(reply.content)} bytes of {kind} that are not JSON"


def _texts(found: Any) -> list[str]:
    """Return a string as a list, or the strings directly in an object or list (webhooks)."""
    values = found.values() if isinstance(found, dict) else found
    values = values if isinstance(found, (dict, list)) else [found]
    return [value for value in values if isinstance(value, str) and value]
