"""What a reply means: one pure table from status, headers and body to a verdict.

Nothing is retried, waited for or refused anywhere else. Source: official docs, HTTP status
codes and rate limiting.
"""

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import orjson

from pipedrive_assets import errors

BURST_SECONDS = 2.0
"""Length of the rolling window in which the burst limit counts requests."""

DAY_LONG_RESET_SECONDS = 300
"""A reset further away than this cannot be the two-second window's."""

LONGEST_RESET_SECONDS = 2 * 86_400
"""A daily reset further away than this is no daily reset; it is not believed."""

DAY_LIMIT = "x-daily-ratelimit-token-limit"
DAY_LEFT = "x-daily-ratelimit-token-remaining"
MOST_DAILY_TOKENS = 10**12
"""No account has more tokens a day; a header with a larger number is ignored."""


class Action(Enum):
    """What the loop around the table does next."""

    GO_ON = "go on"
    WAIT = "wait"
    RETRY = "retry"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiReply:
    """One HTTP reply: headers by lower-case name, the body undecoded."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def number(self, header: str) -> float | None:
        """A numeric header, or None where it is absent or no finite number."""
        try:
            number = float(self.headers[header])
        except (KeyError, ValueError):
            return None
        return number if math.isfinite(number) else None

    @property
    def daily_limit(self) -> int | None:
        """The account's tokens per day; None where the header is absent or not plausible."""
        limit = self.number(DAY_LIMIT)
        return int(limit) if limit and 1 <= limit <= MOST_DAILY_TOKENS else None

    @property
    def daily_left(self) -> int | None:
        """Tokens of the day that were left before this call was charged.

        None where the header is absent or not plausible: negative, not a finite number, too large,
        larger than the daily limit of the same reply, or beside a limit that is not plausible.
        """
        left, most = self.number(DAY_LEFT), self.daily_limit
        if DAY_LIMIT not in self.headers:
            most = MOST_DAILY_TOKENS
        return int(left) if left is not None and most and 0 <= left <= most else None

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait by `Retry-After`, which holds seconds or a date.

        None where it is absent, neither of both, in the past, or more than two days away.
        """
        seconds = self.number("retry-after")
        if seconds is None and (until := _moment(self.headers.get("retry-after"))):
            seconds = (until - self.date).total_seconds() if self.date else None
        return seconds if seconds and 0 < seconds <= LONGEST_RESET_SECONDS else None

    @property
    def date(self) -> datetime | None:
        """Pipedrive's clock, aware, UTC; None where it is absent or no date of this age."""
        return _moment(self.headers.get("date"))


def _moment(text: str | None) -> datetime | None:
    """An HTTP date, aware, UTC; None where it is absent or no date of this age."""
    try:
        moment = parsedate_to_datetime(text or "")
        aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        date = aware.astimezone(timezone.utc)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return date if 2010 <= date.year < 2200 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do; `body` is the decoded JSON of a reply to go on with, `seconds` how long to
    wait.
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
    """The verdict on one reply to a call of `cost` tokens; `paged_on`: the call carried a page
    marker; `known_left`: tokens of the day that earlier replies left.
    """
    body = _decode(reply.content)
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
        return Verdict(action=Action.STOP, error=error, quote=quote)
    error = _PASSES.get(reply.status, errors.TransientApiError)
    return Verdict(action=Action.RETRY, error=error, quote=quote)


def _refusal(status: int, *, is_json: bool, paged_on: bool) -> type[errors.ApiError]:
    """Which error a status in the 400s (or 501) is."""
    if status == 403 and not is_json:
        return errors.Blocked
    if paged_on and status in {400, 404, 410, 422}:
        return errors.PageMarkerExpired
    return _STOPS.get(status, errors.ApiError)


def _judge_success(reply: ApiReply, body: Any, quote: str) -> Verdict:
    """A 2xx goes on only with a JSON object that does not call itself a failure and carries
    `data`.
    """
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
    """Which limit a 429 is about: the day's tokens, the burst window, or an unnamed one.

    Official docs, rate limiting: the burst window is full when it has no requests left. The day's
    tokens are spent where the reply, or else earlier replies, left less than the call costs. A web
    page (`is_page`) is the firewall's: it does not know the account's tokens.
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
    """When the day's tokens come back by the reply's own word."""
    reset = reply.number("x-ratelimit-reset") or 0.0
    if DAY_LONG_RESET_SECONDS <= reset <= LONGEST_RESET_SECONDS:
        return (reply.date or now) + timedelta(seconds=reset)
    return None


def budget_reset_at(
    reply: ApiReply, now: datetime, day_ends_at: datetime | None = None
) -> datetime:
    """When the day's tokens come back: the reply's own word, else the end of the day as observed,
    else the next UTC midnight.
    """
    if told := reported_reset_at(reply, now):
        return told
    moment = reply.date or now
    if day_ends_at and day_ends_at > moment:
        return day_ends_at
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


_UNREADABLE = object()
_DIGITS, _LONG_NUMBER = bytes.maketrans(b"123456789", b"0" * 9), b"0" * 19
HALF_SIGN = re.compile(r"\\u[dD]")


def _decode(content: bytes) -> Any:
    """The JSON in a body. The fast parser makes floats of very long numbers, and refuses some of
    what Python's reads; those bodies go to Python's.
    """
    if _LONG_NUMBER not in content.translate(_DIGITS):
        with suppress(ValueError):
            return orjson.loads(content)
    return _decode_anything(content)


def _decode_anything(content: bytes) -> Any:
    try:
        text = content.decode(json.detect_encoding(content))
        body = json.loads(text, parse_constant=_refuse_constant, parse_int=_whole)
        return _mended(body) if HALF_SIGN.search(text) else body
    except (ValueError, RecursionError):
        return _UNREADABLE


def _whole(digits: str) -> int | str:
    """A whole number; as text where it has more than 64 bits, which no column takes."""
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else digits


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _mended(body: Any) -> Any:
    """The same with U+FFFD for each half of a sign (an emoji cut in two), which no UTF-8 file can
    hold.
    """
    text = json.dumps(body, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _quote(reply: ApiReply, body: Any) -> str:
    """Pipedrive's own words about a failure."""
    if isinstance(body, dict):
        said = [body.get(name) for name in ("error", "error_info", "errors", "code")]
        return " - ".join(text for one in said for text in _texts(one))
    if not reply.content:
        return "an empty body"
    if body is not _UNREADABLE:
        return f"a body that is JSON, but of {type(body).__name__} and not an object"
    kind = reply.headers.get("content-type", "no content type")
    title = re.search(rb"<title[^>]*>([^<]+)<", reply.content[:4096], re.IGNORECASE)
    error_text_of = f"{title[1].decode(errors='replace')}: " if title else ""
    return f"{error_text_of}{len(reply.content)} bytes of {kind} that are not JSON"


def _texts(said: Any) -> list[str]:
    """A text, or the texts directly in an object or list (webhooks answer so)."""
    inner = said.values() if isinstance(said, dict) else said if isinstance(said, list) else [said]
    return [one for one in inner if isinstance(one, str) and one]
