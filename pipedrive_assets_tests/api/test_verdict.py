"""Every reply has one meaning, whatever its status, headers and body."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_assets import errors
from pipedrive_assets.api.json_body import _decode_anything, decode
from pipedrive_assets.api.verdict import (
    Action,
    ApiReply,
    budget_reset_at,
    judge,
)

OK = b'{"success": true, "data": []}'
REFUSAL = b'{"success": false, "error": "No", "code": "ERR_X"}'
HTML = b"<!DOCTYPE html><html><head><title>Access denied</title></head></html>"
LIMIT = {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2"}
FREE = {**LIMIT, "x-ratelimit-remaining": "7"}
DAY_LIMIT = "x-daily-ratelimit-token-limit"
DAY_LEFT = "x-daily-ratelimit-token-remaining"


def reply(status: int, content: bytes = REFUSAL, **headers: str) -> ApiReply:
    return ApiReply(status=status, headers=headers, content=content)


STOP = Action.STOP
GO_ON = (Action.GO_ON, errors.TransientApiError)
RETRY = (Action.RETRY, errors.TransientApiError)
EMPTY = (Action.RETRY, errors.PipedriveNull200Error)
WAIT = (Action.WAIT, errors.PipedriveTooManyRequestsInSecondError)
UNSURE = (Action.WAIT, errors.TooManyRequests)
SPENT = (STOP, errors.PipedriveTooManyRequestsError)

TABLE: list[tuple[str, ApiReply, Action, type[errors.ApiError]]] = [
    ("a list", reply(200, OK), *GO_ON),
    ("created", reply(201, OK), *GO_ON),
    ("null data is for the page to judge", reply(200, b'{"data": null}'), *GO_ON),
    ("a wrong content type", reply(200, OK, **{"content-type": "text/html"}), *GO_ON),
    ("no content", reply(204, b""), *EMPTY),
    ("a web page", reply(200, HTML), *RETRY),
    ("half a body", reply(200, OK[:-3]), *RETRY),
    ("not UTF-8", reply(200, b'{"data": ["\xff"]}'), *RETRY),
    ("NaN, which is no JSON", reply(200, b'{"data": [{"a": NaN}]}'), *RETRY),
    ("null", reply(200, b"null"), *EMPTY),
    ("a bare list", reply(200, b"[]"), *RETRY),
    ("a bare text", reply(200, b'"ok"'), *RETRY),
    ("deep nesting", reply(200, b"[" * 100_000), *RETRY),
    ("success false", reply(200, b'{"success":false,"data":[]}'), *RETRY),
    ("no data", reply(200, b'{"success": true}'), *RETRY),
    ("moved", reply(301, b"", location="https://other.invalid"), STOP, errors.Redirected),
    ("found", reply(302, HTML), STOP, errors.Redirected),
    ("not modified", reply(304, b""), STOP, errors.Redirected),
    ("moved for good", reply(308, OK), STOP, errors.Redirected),
    ("a wrong parameter", reply(400), STOP, errors.PipedriveBadRequestError),
    ("a wrong api token", reply(401), STOP, errors.PipedriveUnauthorizedError),
    ("not paid", reply(402), STOP, errors.PipedrivePaymentRequiredError),
    ("not allowed", reply(403), STOP, errors.Forbidden),
    ("the firewall", reply(403, HTML), STOP, errors.Blocked),
    ("a bare 403", reply(403, b""), STOP, errors.Blocked),
    ("missing", reply(404), STOP, errors.PipedriveNotFoundError),
    ("missing, as a web page", reply(404, HTML), STOP, errors.PipedriveNotFoundError),
    ("a wrong method", reply(405), STOP, errors.BadRequest),
    ("a proxy that wants a password", reply(407, HTML), STOP, errors.ApiError),
    ("slow", reply(408, b""), *RETRY),
    ("gone", reply(410), STOP, errors.PipedriveGoneError),
    ("switched off", reply(415), STOP, errors.PipedriveUnsupportedMediaError),
    ("a teapot", reply(418), STOP, errors.ApiError),
    ("a limit of things", reply(422), STOP, errors.PipedriveUnprocessableEntityError),
    *[
        (f"{status}", reply(status, HTML), *RETRY)
        for status in (502, 504, 520, 524)
    ],
    ("500", reply(500, HTML), Action.RETRY, errors.PipedriveInternalServiceError),
    ("503", reply(503, HTML), Action.RETRY, errors.PipedriveServiceUnavailableError),
    ("no such function", reply(501), STOP, errors.PipedriveNotImplementedError),
    ("an unheard-of status", reply(999), *RETRY),
    ("a burst", reply(429, **LIMIT), *WAIT),
    ("a burst, tokens left", reply(429, **LIMIT, **{DAY_LEFT: "500"}), *WAIT),
    ("429 with no numbers", reply(429, HTML), *UNSURE),
    ("429 with odd numbers", reply(429, **dict.fromkeys(LIMIT, "nan")), *UNSURE),
    ("tokens for less than this call", reply(429, **LIMIT, **{DAY_LEFT: "9"}), *SPENT),
    ("tokens for just this call", reply(429, **LIMIT, **{DAY_LEFT: "10"}), *WAIT),
    ("a refusal with places free", reply(429, **FREE), *SPENT),
    ("places and tokens free", reply(429, **FREE, **{DAY_LEFT: "99"}), *UNSURE),
    ("the firewall's limit", reply(429, HTML, **{"retry-after": "6"}), *UNSURE),
    ("the firewall's, beside places", reply(429, HTML, **FREE), *UNSURE),
    ("the firewall's, tokens spent", reply(429, HTML, **FREE, **{DAY_LEFT: "0"}), *SPENT),
    ("spent, whatever Retry-After", reply(429, **{DAY_LEFT: "0", "retry-after": "3"}), *SPENT),
    ("spent, whatever the window", reply(429, **LIMIT, **{DAY_LEFT: "0"}), *SPENT),
    ("tokens below none", reply(429, **{DAY_LEFT: "-5"}), *UNSURE),
    ("tokens of a limit of none", reply(429, **{DAY_LIMIT: "0", DAY_LEFT: "0"}), *UNSURE),
    ("a reset hours away", reply(429, **{**LIMIT, "x-ratelimit-reset": "300"}), *SPENT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "action", "error"),
    [row[1:] for row in TABLE],
    ids=[row[0].replace(" ", "_") for row in TABLE],
)
def test_a_reply_means(answer: ApiReply, action: Action, error: type[errors.ApiError]) -> None:
    verdict = judge(answer, cost=10)
    assert (action, error) == (verdict.action, verdict.error)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_refused_page_marker_has_expired(status: int) -> None:
    assert errors.PageMarkerExpired is judge(reply(status), cost=10, paged_on=True).error


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, errors.PipedriveUnauthorizedError),
        (402, errors.PipedrivePaymentRequiredError),
        (403, errors.Forbidden),
        (415, errors.PipedriveUnsupportedMediaError),
    ],
)
def test_other_refusals_in_mid_walk_are_what_they_are_elsewhere(status: int, error: Any) -> None:
    assert error is judge(reply(status), cost=10, paged_on=True).error


@pytest.mark.parametrize(
    ("told", "expected"),
    [("7", 7.0), ("0", 2.0), ("-5", 2.0), ("inf", 2.0), ("", 2.0), ("soon", 2.0), ("299", 299.0)],
)
def test_a_burst_is_waited_for_as_long_as_told_and_two_seconds_at_least(
    told: str, expected: float
) -> None:
    assert expected == judge(reply(429, **{**LIMIT, "x-ratelimit-reset": told}), cost=1).seconds


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("6", 6.0),
        ("3600", 3600.0),
        ("0", 2.0),
        ("-5", 2.0),
        ("nan", 2.0),
        ("", 2.0),
        ("999999999", 2.0),
        ("Tue, 10 Mar 2026 12:00:30 GMT", 30.0),
        ("Tue, 10 Mar 2026 11:00:00 GMT", 2.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 2.0),
    ],
)
@pytest.mark.parametrize("content", [REFUSAL, HTML])
def test_retry_after_is_honoured_in_seconds_and_as_a_date(
    content: bytes, told: str, expected: float
) -> None:
    headers = {"retry-after": told, "date": "Tue, 10 Mar 2026 12:00:00 GMT"}
    assert expected == judge(reply(429, content, **headers), cost=1).seconds


@pytest.mark.parametrize(
    ("content", "quote"),
    [
        (REFUSAL, "No - ERR_X"),
        (b'{"success":false,"error":"No","error_info":"Ask us","data":null}', "No - Ask us"),
        (b'{"status":"error","errors":{"url":"is wrong","n":1}}', "is wrong"),
        (b'{"error":{"message":"No","deep":{"er":[1]}}}', "No"),
        (b'{"error":["a","b"],"code":4}', "a - b"),
        (HTML, "Access denied: 69 bytes of no content type that are not JSON"),
        (b"<html>", "6 bytes of no content type that are not JSON"),
        (b"", "an empty body"),
        (b"null", "the JSON body is null, not an object"),
    ],
)
def test_a_refusal_is_quoted(content: bytes, quote: str) -> None:
    assert quote == judge(reply(403, content), cost=1).quote


def test_halves_of_signs_become_whole_ones_that_every_file_can_hold() -> None:
    body = judge(
        reply(200, rb'{"data": ["\ud83d", "\ud83d\ude00", "\\ud83d", "\uDE00x"]}'), cost=1
    ).body
    assert ["�", "😀", "\\ud83d", "�x"] == body["data"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_read_in_every_encoding_it_may_have(encoding: str) -> None:
    assert ["ü"] == judge(reply(200, '{"data": ["ü"]}'.encode(encoding)), cost=1).body["data"]


def test_of_a_key_given_twice_the_last_counts_and_big_numbers_stay_exact_as_text() -> None:
    body = judge(reply(200, b'{"data": [], "data": [%d]}' % 10**40), cost=1).body
    assert [str(10**40)] == body["data"]


def test_a_number_too_long_to_be_one_is_no_json() -> None:
    assert Action.RETRY is judge(reply(200, b'{"data": %s}' % (b"9" * 5000)), cost=1).action


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Tue, 10 Mar 2026 12:00:00 GMT", datetime(2026, 3, 10, 12, tzinfo=timezone.utc)),
        ("Tue, 10 Mar 2026 14:00:00 +0200", datetime(2026, 3, 10, 12, tzinfo=timezone.utc)),
        ("Tue, 10 Mar 2026 12:00:00 -0000", datetime(2026, 3, 10, 12, tzinfo=timezone.utc)),
        ("10 Mar 2026 12:00:00", datetime(2026, 3, 10, 12, tzinfo=timezone.utc)),
        ("Tuesday, 10-Mar-26 12:00:00 GMT", datetime(2026, 3, 10, 12, tzinfo=timezone.utc)),
        *[
            (odd, None)
            for odd in (
                "",
                "noon",
                "0",
                "2026-03-10T12:00:00Z",
                "Tue, 99 Foo 2026 99:00:00 GMT",
                "Thu, 01 Jan 1970 00:00:00 GMT",
                "Fri, 31 Dec 9999 23:59:59 GMT",
                "Fri, 31 Dec 99999999999999999999 23:59:59 GMT",
                "Mon, 01 Jan 0001 00:00:00 +1400",
            )
        ],
    ],
)
def test_the_date_is_utc_or_none(told: str, expected: datetime | None) -> None:
    date = reply(200, date=told).date
    assert expected == date
    assert date is None or timedelta(0) == date.utcoffset()


@settings(deadline=None)
@given(st.text())
def test_no_date_header_does_harm(text: str) -> None:
    date = reply(200, date=text).date
    assert date is None or date.tzinfo is timezone.utc


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "", "-", "20, 20", "0x10", "None"])
def test_odd_numbers_are_none(text: str) -> None:
    assert None is reply(200, n=text).number("n")


NIGHT = datetime(2026, 3, 11, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, NIGHT),
        ({"x-ratelimit-reset": "2"}, NIGHT),
        ({"x-ratelimit-reset": "3600"}, datetime(2026, 3, 10, 13, tzinfo=timezone.utc)),
        ({"x-ratelimit-reset": "1e300"}, NIGHT),
        ({"x-ratelimit-reset": "nan"}, NIGHT),
        ({"date": "Wed, 11 Mar 2026 01:00:00 +0200"}, NIGHT),
        ({"date": "Fri, 31 Dec 9999 23:59:59 GMT"}, NIGHT),
    ],
)
def test_the_budget_comes_back_when_told_else_at_midnight_utc(
    headers: dict[str, str], expected: datetime
) -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
    assert expected == budget_reset_at(reply(429, **headers), now)


@settings(deadline=None)
@given(
    st.integers(0, 1000),
    st.dictionaries(
        st.sampled_from([*LIMIT, DAY_LIMIT, DAY_LEFT, "date", "location", "retry-after"]), st.text()
    ),
    st.one_of(
        st.binary(),
        st.recursive(st.none() | st.text(), st.lists).map(lambda made: json.dumps(made).encode()),
    ),
)
def test_every_reply_has_a_verdict(status: int, headers: dict[str, str], content: bytes) -> None:
    answer = ApiReply(status=status, headers=headers, content=content)
    verdict = judge(answer, cost=10)
    assert 0 <= verdict.seconds < 300 or answer.retry_after == verdict.seconds
    assert (
        NIGHT - timedelta(days=1) < budget_reset_at(answer, NIGHT - timedelta(hours=1))
        or "date" in headers
    )


def test_numbers_of_up_to_64_bits_stay_numbers() -> None:
    body = judge(reply(200, b'{"data": [9223372036854775808, 9223372036854775807]}'), cost=1).body
    assert ["9223372036854775808", 9223372036854775807] == body["data"]


@pytest.mark.parametrize(
    ("known_left", "expected"), [(39, Action.STOP), (40, Action.WAIT), (None, Action.WAIT)]
)
def test_a_refusal_without_numbers_is_the_days_where_too_little_was_left(
    known_left: int | None, expected: Action
) -> None:
    assert expected is judge(reply(429), cost=40, known_left=known_left).action
    free = judge(reply(429, **FREE), cost=40, known_left=known_left or 39)
    assert expected is free.action or known_left is None
    assert Action.WAIT is judge(reply(429, HTML), cost=40, known_left=known_left).action


@pytest.mark.parametrize(
    "text",
    ["1e16", "0.1e-7", "1E400", "-0", "-0.0", "9007199254740993", "18446744073709551615",
     "18446744073709551616", "1234567890123456789012.5", '"\\u0000"', '"\\ud83d\\ude00"', '"\x7f"',
     '{"a": 1, "a": 2}', "5e-324", "0.30000000000000004", '"12345678901234567890"'],
)  # fmt: skip
def test_the_fast_parser_reads_what_pythons_reads(text: str) -> None:
    content = f'{{"data": [{text}]}}'.encode()
    assert _decode_anything(content) == decode(content)
    assert repr(_decode_anything(content)) == repr(decode(content))
