"""What a reply means: one pure table from status, headers and body to a verdict.

Nothing is retried, waited for or refused anywhere else. Source: official docs, HTTP status
codes and rate limiting.
"""

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
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


class Action(Enum):
    """What the loop around the table does next."""

    GO_ON = "go on"
    WAIT = "wait"
    RETRY = "retry"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
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
    def date(self) -> datetime | None:
        """Pipedrive's clock, aware, UTC; None where it is absent or no date of this age."""
        try:
            moment = parsedate_to_datetime(self.headers["date"])
            aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
            date = aware.astimezone(timezone.utc)
        except (KeyError, ValueError, TypeError, OverflowError, IndexError):
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
    reply: Reply, *, cost: int, paged_on: bool = False, known_left: int | None = None
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
        return _judge_limit(reply, cost, quote, known_left)
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


def _judge_success(reply: Reply, body: Any, quote: str) -> Verdict:
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


def _judge_limit(reply: Reply, cost: int, quote: str, known_left: int | None) -> Verdict:
    """Burst or day?

    Official docs, rate limiting: the burst window says so by having nothing left. A refusal
    without numbers is the day's where earlier replies left too little; else it is waited for
    once, and if it is refused again, it was the day's.
    """
    reset = reply.number("x-ratelimit-reset")
    tokens_left = reply.number("x-daily-ratelimit-token-remaining")
    requests_left = reply.number("x-ratelimit-remaining")
    if tokens_left is None and requests_left is None:
        tokens_left = known_left
    if tokens_left is not None:
        day = tokens_left < cost
    else:
        day = requests_left is not None and requests_left >= 1
    if day or (reset or 0) >= DAY_LONG_RESET_SECONDS:
        return Verdict(action=Action.STOP, error=errors.PipedriveTooManyRequestsError, quote=quote)
    return Verdict(
        action=Action.WAIT,
        error=(
            errors.PipedriveTooManyRequestsError
            if requests_left is None or requests_left >= 1
            else errors.PipedriveTooManyRequestsInSecondError
        ),
        quote=quote,
        seconds=max(reset or 0.0, BURST_SECONDS),
    )


def told_reset_at(reply: Reply, now: datetime) -> datetime | None:
    """When the day's tokens come back by the reply's own word."""
    reset = reply.number("x-ratelimit-reset") or 0.0
    if DAY_LONG_RESET_SECONDS <= reset <= LONGEST_RESET_SECONDS:
        return (reply.date or now) + timedelta(seconds=reset)
    return None


def budget_reset_at(reply: Reply, now: datetime, day_ends_at: datetime | None = None) -> datetime:
    """When the day's tokens come back: the reply's own word, else the end of the day as observed,
    else the next UTC midnight.
    """
    if told := told_reset_at(reply, now):
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


def _quote(reply: Reply, body: Any) -> str:
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
    said_by = f"{title[1].decode(errors='replace')}: " if title else ""
    return f"{said_by}{len(reply.content)} bytes of {kind} that are not JSON"


def _texts(said: Any) -> list[str]:
    """A text, or the texts directly in an object or list (webhooks answer so)."""
    inner = said.values() if isinstance(said, dict) else said if isinstance(said, list) else [said]
    return [one for one in inner if isinstance(one, str) and one]
