"""Whatever Pipedrive or the line does: a whole list, or an error that says what to do next."""

import contextlib
import gzip
import json
import logging
import re
import shutil
import socket
import ssl
import subprocess
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from threading import Semaphore, Thread
from typing import Any

import pytest
import requests
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_assets import errors
from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.api.calls import ATTEMPTS, BURST_WAITS, PATIENCE_SECONDS
from pipedrive_assets.sandbox import Limits, Reply, faults
from pipedrive_assets.sandbox.exchange import Dropped, json_reply
from pipedrive_assets.sandbox.limits import Quota
from pipedrive_assets_tests.facts import mentions, raises

from .conftest import DEALS, NOON, TOKEN, Clock, Desk, client_of

FLOW_ROWS = 4
PLACES = ["first", "middle", "last"]


def lists(desk: Desk, flow: str) -> list[dict[str, Any]]:
    return [
        {"path": DEALS, "paging": "cursor", "page_rows": 10},
        {"path": flow, "paging": "offset", "page_rows": FLOW_ROWS},
    ]


def whole(desk: Desk, how: dict[str, Any]) -> tuple[list[Any], int]:
    """The list without trouble, and how many pages it has."""
    before = len(desk.sandbox.log)
    rows = desk.scan(**how)
    pages = len(desk.sandbox.log) - before
    assert pages >= 3
    return rows, pages


def page_number(place: str, pages: int) -> int:
    return {"first": 1, "middle": 2, "last": pages}[place]


TRANSIENT: dict[str, Callable[[str], Any]] = {
    "524": lambda on: faults.server_error(on, 524),
    "dropped": faults.dropped,
    "truncated": faults.truncated,
    "broken_json": faults.broken_json,
    "null_body": faults.null_body,
    "unsuccessful": faults.unsuccessful,
    "rows_of_text": lambda on: faults.reply(on, json_reply(200, {"success": True, "data": ["x"]})),
}
"""One of each kind; all statuses and bodies are in the verdict's table."""


@pytest.mark.samples(12)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", TRANSIENT)
def test_trouble_that_passes_costs_no_row_and_trouble_that_stays_is_told(
    desk: Desk, long_flow: str, name: str, place: str
) -> None:
    for how in lists(desk, long_flow):
        rows, pages = whole(desk, how)
        number = page_number(place, pages)
        fault = TRANSIENT[name](f"/{how['path']}").at(number, times=2)
        desk.sandbox.inject(fault)
        desk.clock.slept.clear()
        stats = RequestStats()
        assert rows == desk.scan(**how, stats=stats)
        assert [0.5, 1.0] == desk.clock.slept
        assert (2, pages + 2) == (stats.retries, stats.requests)
        desk.sandbox.clear_faults()
        desk.sandbox.inject(replace(fault, times=None))
        read: list[Any] = []
        with pytest.raises(errors.TransientApiError) as caught:
            desk.scan(**how, into=read)
        assert ATTEMPTS == caught.value.attempts
        assert rows[: (number - 1) * how["page_rows"]] == read
        assert "PIPEDRIVE_BASE_URL" in caught.value.next_step
        desk.sandbox.clear_faults()
        assert rows == desk.scan(**how)


@pytest.mark.parametrize("place", PLACES)
def test_null_data_is_an_empty_list_on_the_first_page_of_v1_only(
    desk: Desk, long_flow: str, place: str
) -> None:
    v2, v1 = lists(desk, long_flow)
    for how in (v2, v1):
        _, pages = whole(desk, how)
        desk.sandbox.inject(faults.null_data(f"/{how['path']}").at(page_number(place, pages), None))
        if how is v1 and place == "first":
            end = {"success": True, "data": None, "additional_data": None}
            desk.sandbox.clear_faults()
            desk.sandbox.inject(faults.reply(f"/{v1['path']}", json_reply(200, end)))
            assert [] == desk.scan(**how)
        else:
            with pytest.raises(errors.TransientApiError, match="is null"):
                desk.scan(**how)
        desk.sandbox.clear_faults()


STOPS: dict[str, tuple[Callable[[str], Any], type[errors.ApiError], str]] = {
    "400": (lambda on: faults.refused(on, 400), errors.BadRequest, "Refused"),
    "401": (lambda on: faults.refused(on, 401), errors.AuthenticationError, "Refused"),
    "revoked": (faults.revoked, errors.AuthenticationError, "unauthorized access"),
    "402": (lambda on: faults.refused(on, 402), errors.PermissionDenied, "Refused"),
    "403": (lambda on: faults.refused(on, 403), errors.PermissionDenied, "Refused"),
    "404": (lambda on: faults.refused(on, 404), errors.Missing, "Refused"),
    "405": (lambda on: faults.refused(on, 405), errors.BadRequest, "Refused"),
    "410": (lambda on: faults.refused(on, 410), errors.Missing, "Refused"),
    "415": (lambda on: faults.refused(on, 415), errors.FeatureUnavailable, "Refused"),
    "418": (lambda on: faults.refused(on, 418), errors.ApiError, "Refused"),
    "422": (lambda on: faults.refused(on, 422), errors.BadRequest, "Refused"),
    "firewall": (faults.firewall, errors.Blocked, "Access denied"),
    "spent": (faults.spent, errors.BudgetExhausted, "request over limit"),
    **{
        f"to {to[:12]}": (
            lambda on, to=to: faults.reply(
                on, Reply(status=302, body=b"", headers={"Location": to})
            ),
            errors.Redirected,
            to[:9].strip(),
        )
        for to in ("https://evil.invalid/x", "http://[", "//host:99999/", "/v1/users")
    },
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", STOPS)
def test_a_refusal_ends_the_walk_at_once_and_quotes_pipedrive(
    desk: Desk, long_flow: str, name: str, place: str
) -> None:
    make, kind, quote = STOPS[name]
    how = lists(desk, long_flow)[1]
    rows, pages = whole(desk, how)
    number = page_number(place, pages)
    desk.sandbox.log.clear()
    desk.sandbox.inject(make(f"/{how['path']}").at(number, None))
    read: list[Any] = []
    with pytest.raises(errors.ApiError) as caught:
        desk.scan(**how, into=read)
    assert isinstance(caught.value, kind)
    assert quote in caught.value.quote
    assert quote in str(caught.value)
    assert str(caught.value).endswith(f". {caught.value.next_step}")
    assert (number, []) == (len(desk.sandbox.log), desk.clock.slept)
    assert rows[: (number - 1) * FLOW_ROWS] == read


def test_an_expired_page_marker_is_told_apart_from_a_wrong_call(desk: Desk) -> None:
    desk.sandbox.inject(faults.expired_marker(f"/{DEALS}"))
    read: list[Any] = []
    with pytest.raises(errors.PageMarkerExpired):
        desk.scan(into=read)
    assert 10 == len(read)
    with pytest.raises(errors.PageMarkerExpired):
        desk.scan(marker="remembered")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("burst", "expected"), [({}, 2.0), ({"reset": 7}, 7.0), ({"headers": False}, 2.0)]
)
def test_a_burst_refusal_is_waited_for(
    desk: Desk, long_flow: str, place: str, burst: dict[str, Any], expected: float
) -> None:
    for how in lists(desk, long_flow):
        rows, pages = whole(desk, how)
        fault = faults.burst(f"/{how['path']}", **burst)
        desk.sandbox.inject(fault.at(page_number(place, pages)))
        desk.clock.slept.clear()
        stats = RequestStats()
        assert rows == desk.scan(**how, stats=stats)
        # The one that goes ahead starts a window's length after our last call, at least.
        assert expected <= sum(desk.clock.slept) <= max(expected, 2.15) + 0.001
        assert (1, 0, 1) == (stats.burst_waits, stats.retries, stats.replies_429)
        assert sum(desk.clock.slept) == pytest.approx(stats.waiting)
        desk.sandbox.clear_faults()
        desk.clock.sleep(10)


@pytest.mark.parametrize(
    ("headers", "kind", "further"),
    [
        (True, errors.PipedriveTooManyRequestsInSecondError, BURST_WAITS + 4),
        # Other threads' sleep moves the clock while calls are on the wire, so that some calls go
        # ahead too early or seem to take too long.
        (False, errors.TransientApiError, 24),
    ],
)
def test_refusals_that_do_not_end_are_not_hammered_on_by_any_thread(
    desk: Desk, headers: bool, kind: type[errors.ApiError], further: int
) -> None:
    desk.sandbox.inject(faults.burst("*", headers=headers).always())

    def ask(_: int) -> type[BaseException]:
        try:
            desk.scan()
        except errors.ApiError as error:
            return type(error)
        raise AssertionError

    began = desk.clock.moment
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(20)))
    assert 20 == sum(issubclass(each, kind) for each in found)
    assert len(desk.sandbox.log) <= 4 + further
    assert desk.clock.moment - began <= 4 * PATIENCE_SECONDS


UNNAMED: dict[str, Callable[[], Any]] = {
    "no headers": lambda: faults.burst("*", headers=False),
    "firewall": faults.firewall_limit,
}


@pytest.mark.parametrize("name", UNNAMED)
def test_a_refusal_that_names_no_limit_is_waited_for_with_growing_pauses(
    desk: Desk, name: str
) -> None:
    rows = desk.scan()
    desk.clock.sleep(10)
    desk.clock.slept.clear()
    desk.sandbox.inject(UNNAMED[name]().at(2, times=5))
    stats = RequestStats()
    assert rows == desk.scan(stats=stats)
    pauses = [2, 4, 8, 16, 32] if name == "no headers" else [6, 6, 8, 16, 32]
    assert pauses == pytest.approx(desk.clock.slept, abs=0.2)
    assert (5, 5) == (stats.burst_waits, stats.replies_429)


@pytest.mark.parametrize("name", UNNAMED)
def test_refusals_that_name_no_limit_end_the_run_and_not_the_day(desk: Desk, name: str) -> None:
    desk.scan()
    desk.sandbox.log.clear()
    desk.sandbox.inject(UNNAMED[name]().always())
    began = desk.clock.moment
    with pytest.raises(errors.TooManyRequests) as caught:
        desk.scan()
    assert 5 == caught.value.exit_code
    assert f"{desk.client.daily.left:,}" in caught.value.next_step
    assert PATIENCE_SECONDS / 2 < desk.clock.moment - began <= PATIENCE_SECONDS
    assert 10 <= len(desk.sandbox.log) <= 13
    with pytest.raises(errors.TooManyRequests):
        desk.scan()
    assert 13 >= len(desk.sandbox.log)


def test_a_wait_longer_than_a_call_may_take_ends_the_run_at_once(desk: Desk) -> None:
    desk.sandbox.inject(faults.firewall_limit(retry_after=3600).always())
    with pytest.raises(errors.TooManyRequests):
        desk.scan()
    assert ([], 1) == (desk.clock.slept, len(desk.sandbox.log))


def test_a_list_that_is_refused_while_others_are_answered_has_pauses_of_its_own(
    desk: Desk,
) -> None:
    desk.sandbox.inject(faults.burst(f"/{DEALS}", headers=False).always())
    began = desk.clock.moment
    others: list[float] = []

    def between(seconds: float) -> None:
        """Another thread's call is answered while this one waits."""
        desk.clock.sleep(seconds)
        if not others or others[-1] >= 0:
            others.append(-1.0)
            desk.client.object("v1/users/me", cost=2)
            others[-1] = desk.clock.moment

    desk.client.pace._sleep = desk.client._sleep = between
    with pytest.raises(errors.TooManyRequests):
        desk.scan()
    assert 8 <= len(desk.sandbox.calls(DEALS)) <= 13
    assert 8 <= len(desk.sandbox.calls("users/me"))
    assert desk.clock.moment - began <= PATIENCE_SECONDS + 30


@pytest.mark.parametrize("desk", ["adapter"], indirect=True)
@pytest.mark.parametrize("left", [0, 100, 320])
def test_when_the_day_is_known_to_be_spent_no_call_is_started(desk: Desk, left: int) -> None:
    """From eight threads, only calls already on the wire are refused; then none is sent."""
    wire = Semaphore(8)
    desk.sandbox.allowance = Quota(Limits(burst=10**6, daily_tokens=left + 2))
    desk.client.object("v1/users/me", cost=2)
    on_the_wire: list[int] = []
    answer = desk.sandbox.answer

    def counted(call: Any) -> Reply:
        with wire:
            on_the_wire.append(1)
            return answer(call)

    desk.sandbox.answer = counted  # type: ignore[method-assign]

    def ask(_: int) -> type[BaseException] | None:
        try:
            desk.client.object("v1/users/me", cost=2)
        except errors.BudgetExhausted as error:
            return type(error)
        return None

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ask, range(400)))
    refused = [line for line in desk.sandbox.log if line.status == 429]
    assert errors.PipedriveTooManyRequestsError in outcomes
    assert len(refused) <= 7
    assert len(on_the_wire) <= left // 2 + 7
    if not left:
        assert not on_the_wire


def test_a_call_that_is_not_sent_says_why_and_until_when(desk: Desk) -> None:
    desk.sandbox.allowance = Quota(Limits(burst=10**6, daily_tokens=9 + 2))
    desk.client.object("v1/users/me", cost=2)
    with raises(
        errors.BudgetExhausted, f"GET /{DEALS}", "10", "9", "2026-03-11 00:00 UTC"
    ) as caught:
        desk.scan()
    assert 0 == caught.value.status
    assert 1 == len(desk.sandbox.log)
    # A call that the rest covers is still sent.
    assert desk.client.object("v1/users/me", cost=2)


def test_a_new_day_is_asked_for_again(desk: Desk) -> None:
    desk.sandbox.allowance = Quota(Limits(burst=10**6, daily_tokens=11))
    desk.client.object("v1/users/me", cost=2)
    desk.client.now = lambda: NOON + timedelta(days=1)
    desk.sandbox.allowance = Quota(Limits(burst=10**6))
    assert desk.scan()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.spent, errors.BudgetExhausted),
        (faults.revoked, errors.AuthenticationError),
        (lambda: faults.firewall().always(), errors.Blocked),
    ],
)
def test_when_the_whole_account_says_no_nobody_asks_again(
    desk: Desk, fault: Callable[[], Any], kind: type[errors.ApiError]
) -> None:
    desk.sandbox.inject(fault())
    with pytest.raises(kind) as first:
        desk.scan()

    def ask(number: int) -> errors.ApiError:
        with pytest.raises(kind) as caught:
            desk.scan(f"v1/deals/{number}/flow", paging="offset")
        return caught.value

    with ThreadPoolExecutor(8) as pool:
        later = list(pool.map(ask, range(40)))
    assert 1 == len(desk.sandbox.log)
    assert {str(first.value)} == {str(error) for error in later}
    assert 41 == len({id(error) for error in (first.value, *later)})


def test_a_spent_budget_names_the_moment_it_comes_back(desk: Desk) -> None:
    desk.sandbox.inject(faults.spent())
    with raises(errors.BudgetExhausted, "2026-03-11 00:00 UTC") as caught:
        desk.scan()
    assert (datetime(2026, 3, 11, tzinfo=timezone.utc), 429) == (
        caught.value.reset_at,
        caught.value.status,
    )


def test_a_refusal_of_one_list_leaves_the_others_open(desk: Desk, long_flow: str) -> None:
    desk.sandbox.inject(faults.refused(f"/{DEALS}", 403))
    with pytest.raises(errors.PermissionDenied):
        desk.scan()
    assert desk.scan(long_flow, paging="offset")


def test_a_walk_goes_on_from_a_marker_and_tells_when_each_page_was_read(desk: Desk) -> None:
    answers = list(desk.client.pages(DEALS, cost=10, paging="cursor", page_rows=10))
    rest = list(
        desk.client.pages(
            DEALS, cost=10, paging="cursor", page_rows=10, marker=answers[0].page.marker
        )
    )
    assert answers[1:] == rest
    assert {NOON} == {answer.read_at for answer in answers}


def test_an_object_is_read_and_anything_else_in_its_place_is_not(desk: Desk) -> None:
    me, read_at = desk.client.object("v1/users/me", cost=2)
    assert NOON == read_at
    assert me["company_id"]
    assert (1, 2) == (desk.client.stats.requests, desk.client.stats.tokens)
    desk.sandbox.inject(faults.null_data("/v1/users/me").always())
    with pytest.raises(errors.TransientApiError, match="is null"):
        desk.client.object("v1/users/me", cost=2)
    desk.sandbox.clear_faults()
    desk.sandbox.inject(faults.reply("*", json_reply(200, {"success": True, "data": []})).always())
    with pytest.raises(errors.TransientApiError, match="list"):
        desk.client.object("v1/users/me", cost=2)


def test_without_a_date_our_own_clock_tells(clock: Clock) -> None:
    client, _ = client_of(lambda: json_reply(200, {"success": True, "data": {}}), clock)
    assert NOON == client.object("x", cost=1)[1]


def test_waits_between_tries_grow_and_are_jittered(clock: Clock) -> None:
    client, _ = client_of(lambda: Reply(status=500, body=b""), clock)
    with pytest.raises(errors.TransientApiError):
        client.object("x", cost=1)
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0] == clock.slept
    client._jitter = lambda: 0.0
    with pytest.raises(errors.TransientApiError):
        client.object("x", cost=1)
    assert [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0] == clock.slept[7:]


@pytest.mark.parametrize("limit", [False, True])
def test_tries_end_after_a_quarter_of_an_hour_however_slow_they_are(
    clock: Clock, limit: bool
) -> None:
    """A reply may take three minutes, and a burst limit may ask for nearly five."""
    told = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "290"} if limit else {}

    def answer() -> Reply:
        clock.moment += 0 if limit else 170
        return Reply(status=429 if limit else 504, body=b"", headers=told)

    client, door = client_of(answer, clock)
    with pytest.raises(errors.TransientApiError):
        client.object("x", cost=1)
    assert clock.moment < 100 + PATIENCE_SECONDS + 290
    assert len(door.sent) < ATTEMPTS


def test_every_try_is_one_line_of_the_log(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    client, _ = client_of(lambda: Reply(status=503, body=b"<title>Busy</title>"), clock)
    with pytest.raises(errors.TransientApiError):
        client.object("v1/users/me", cost=1)
    assert ATTEMPTS - 1 == len(caplog.records)
    assert re.match(mentions("/v1/users/me", "Busy", "19 bytes", "0.5 s"), caplog.messages[0])


PAGE = st.builds(
    lambda rows, extra: {"success": True, "data": rows, "additional_data": extra},
    st.lists(st.fixed_dictionaries({"id": st.integers(-(2**63), 2**63 - 1)}), max_size=3)
    | st.none()
    | st.text(),
    st.none()
    | st.fixed_dictionaries({}, optional={"next_cursor": st.none() | st.text(max_size=3)}),
).map(lambda body: json.dumps(body).encode())
HEADERS = st.dictionaries(
    st.sampled_from(
        ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "date", "Location",
         "x-daily-ratelimit-token-remaining", "Content-Type", "Content-Encoding", "Set-Cookie"]
    ),
    st.sampled_from(["0", "1", "20", "-1", "nan", "inf", "1e300", "", "http://[", "gzip", "a=b"])
    | st.text(max_size=9),
)  # fmt: skip
ANY_REPLY = st.one_of(
    st.none(),
    st.builds(
        lambda status, body, headers: Reply(status=status, body=body, headers=headers),
        st.sampled_from([200, 200, 200, 201, 204, 302, 400, 403, 404, 429, 500])
        | st.integers(100, 999),
        PAGE
        | PAGE
        | st.binary(max_size=30)
        | st.sampled_from([b"null", b"[]", b"{}", b'{"data":[]}']),
        HEADERS,
    ),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(ANY_REPLY, max_size=12), st.sampled_from(["cursor", "offset", "none"]))
def test_no_reply_crashes_the_client_or_makes_it_lose_rows(
    script: list[Reply | None], paging: Any
) -> None:
    """After the random replies the line is dead, so it is a page that ended a scan that ends."""
    replies = iter(script)
    given_out: list[Reply] = []

    def answer() -> Reply:
        reply = next(replies, None)
        if reply is None:
            raise requests.ConnectionError(Dropped())
        given_out.append(reply)
        return reply

    client, _ = client_of(answer, Clock())
    rows: list[Any] = []
    try:
        for each in client.pages("x", cost=1, paging=paging, page_rows=3):
            rows += each.page.rows
    except errors.PipedriveError as error:
        told = str(error)
    else:
        told = ""
        last = json.loads(given_out[-1].body)
        data, extra = last["data"] or [], last.get("additional_data") or {}
        assert 200 <= given_out[-1].status < 300
        assert last.get("success") is not False
        assert isinstance(last["data"], list) or paging != "cursor"
        assert not (paging == "cursor" and extra.get("next_cursor"))
        assert data == rows[len(rows) - len(data) :]
    assert TOKEN not in told
    assert "\n" not in told


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "requests", "pipedrive_assets"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def test_the_api_token_is_told_to_nobody_but_pipedrive(
    desk: Desk, everything_logged: pytest.LogCaptureFixture
) -> None:
    """Not even when Pipedrive says it itself."""
    echo = f"no, {TOKEN} " * 20
    said = [
        faults.refused(f"/{DEALS}", 400, echo),
        faults.refused(f"/{DEALS}", 401, "x" * 280 + echo),
        faults.reply(
            f"/{DEALS}", Reply(status=302, body=b"", headers={"Location": f"/?k={TOKEN}"})
        ).always(),
        faults.reply(
            f"/{DEALS}", Reply(status=500, body=f"<title>{TOKEN}</title>".encode())
        ).always(),
        faults.reply(f"/{DEALS}", json_reply(200, TOKEN)).always(),
        faults.burst(f"/{DEALS}").at(1, 3),
        faults.dropped(f"/{DEALS}").always(),
        faults.truncated(f"/{DEALS}").always(),
        faults.firewall(),
    ]
    told = [repr(desk.client), str(vars(desk.client)), str(desk.client.stats)]
    desk.scan()
    for fault in said:
        desk.sandbox.inject(fault)
        desk.client._final = None
        try:
            desk.scan()
        except errors.PipedriveError as error:
            told += [
                str(error),
                repr(error),
                str(vars(error)),
                "".join(traceback.format_exception(error)),
            ]
            told.append(repr(error.__context__) + repr(error.__cause__))
        desk.sandbox.clear_faults()
    told += [str(line) for line in desk.sandbox.log]
    told += [f"{record.getMessage()} {record.args}" for record in everything_logged.records]
    assert not [text for text in told if TOKEN[:8] in text]
    assert len(everything_logged.records) > 10
    assert {TOKEN} == {headers.get("x-api-token") for headers in desk.sandbox.asked_with}


@pytest.mark.parametrize("token", ["QQ\nQQ", "QQ\r", " QQ", "QQ\t", "QQökén", "QQ€", "QQ\ud800"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="Personal preferences > API") as caught:
        Client(base_url="https://acme.invalid", api_token=token)
    assert "QQ" not in str(caught.value)


def test_other_passwords_of_this_machine_stay_here_while_its_proxies_are_used(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    client, door = client_of(lambda: json_reply(200, {"data": {}}), clock)
    client.object("x", cost=1)
    assert "authorization" not in {name.lower() for name in door.sent[0].headers}
    assert "http://proxy.invalid:3128" == door.settings[0]["proxies"]["https"]
    assert door.settings[0]["verify"]


def test_cookies_are_not_kept(desk: Desk) -> None:
    def bake(genuine: Reply) -> Reply:
        return replace(genuine, headers={**genuine.headers, "Set-Cookie": "a=b; Path=/"})

    desk.sandbox.inject(faults.changed("*", bake).always())
    desk.scan()
    assert not [headers for headers in desk.sandbox.asked_with if "cookie" in headers]


@pytest.mark.parametrize("desk", ["port"], indirect=True)
def test_compressed_replies_are_read_and_damaged_ones_asked_for_again(desk: Desk) -> None:
    def pack(genuine: Reply) -> Reply:
        headers = {**genuine.headers, "Content-Encoding": "gzip"}
        return replace(genuine, body=gzip.compress(genuine.body), headers=headers)

    rows = desk.scan()
    desk.sandbox.inject(faults.changed("*", pack).always())
    assert rows == desk.scan()
    lie = Reply(status=200, body=b"no gzip", headers={"Content-Encoding": "gzip"})
    desk.sandbox.inject(faults.reply("*", lie))
    assert rows == desk.scan()
    assert [0.5] == desk.clock.slept


@pytest.mark.parametrize("desk", ["port"], indirect=True)
def test_one_connection_serves_many_calls(desk: Desk) -> None:
    desk.scan()
    door: Any = desk.client._wire._adapter
    assert [1] == [pool.num_connections for pool in door.poolmanager.pools._container.values()]


def serve_raw(serve: Callable[[socket.socket], None]) -> str:
    """The address of a port that answers each caller with bytes of our own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listener:
            while True:
                caller, _ = listener.accept()
                with caller:
                    caller.recv(65536)
                    serve(caller)

    Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("header", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_a_reply_that_drips_in_is_given_up(clock: Clock, header: str) -> None:
    """A byte comes whenever the client looks at the clock, half a minute later each time."""
    drip = Semaphore(0)
    piece = b"1\r\n \r\n" if "chunked" in header else b" "

    def serve(caller: socket.socket) -> None:
        caller.sendall(f"HTTP/1.1 200 OK\r\n{header}\r\n\r\n".encode() + piece)
        try:
            while drip.acquire(timeout=20):
                caller.sendall(piece)
        except OSError:
            return

    def monotonic() -> float:
        clock.moment += 30
        drip.release()
        return clock.moment

    client = Client(
        base_url=serve_raw(serve), api_token=TOKEN, sleep=lambda _: None, monotonic=monotonic
    )
    with pytest.raises(errors.TransientApiError, match="180 s"):
        client.object("x", cost=1)


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"\x00\xff\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 99999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000,
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_noise_on_the_line_is_an_error_of_ours(clock: Clock, noise: bytes) -> None:
    base_url = serve_raw(lambda caller: caller.sendall(noise))
    client = Client(base_url=base_url, api_token=TOKEN, sleep=clock.sleep)
    with pytest.raises(errors.TransientApiError if b"302" not in noise else errors.Redirected):
        client.object("x", cost=1)


def timed_out(*_: Any, **__: Any) -> Any:
    raise TimeoutError("timed out")


def unknown_name(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(-2, "Name or service not known")


@pytest.mark.parametrize(
    ("target", "trouble", "facts"),
    [
        (
            "socket.getaddrinfo",
            unknown_name,
            ("DNS", "PIPEDRIVE_BASE_URL"),
        ),
        (
            "urllib3.util.connection.create_connection",
            timed_out,
            ("10 s", "firewall", "proxy"),
        ),
    ],
)
def test_a_line_that_cannot_be_opened_says_what_to_check(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, target: str, trouble: Any, facts: tuple[str, ...]
) -> None:
    monkeypatch.setattr(target, trouble)
    client = Client(base_url="https://acme.invalid", api_token=TOKEN, sleep=clock.sleep)
    told = (*facts, "https://acme.invalid", "GET /v1/users/me")
    with raises(errors.TransientApiError, *told) as caught:
        client.object("v1/users/me", cost=2)
    assert 0 == caught.value.status


def test_a_port_that_nobody_listens_on_says_so(clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = Client(base_url=f"http://127.0.0.1:{port}", api_token=TOKEN, sleep=clock.sleep)
    with pytest.raises(errors.TransientApiError, match=f"http://127.0.0.1:{port}"):
        client.object("x", cost=1)


@pytest.mark.parametrize(
    ("error", "fact"),
    [
        (requests.exceptions.SSLError("x"), "TLS"),
        (requests.exceptions.SSLError(ssl.SSLEOFError(8, "EOF occurred")), "TLS"),
        (requests.exceptions.ProxyError("x"), "HTTPS_PROXY"),
        (requests.exceptions.ProxyError(socket.gaierror(-2, "x")), "the proxy's host name"),
        (requests.exceptions.ReadTimeout("x"), "60 s"),
        (requests.exceptions.ChunkedEncodingError("x"), "ChunkedEncodingError"),
        (OSError(f"Could not find a CA bundle, {TOKEN}"), "OSError"),
        (ValueError(TOKEN), "ValueError"),
    ],
)
def test_trouble_on_the_line_is_told_in_words(clock: Clock, error: Exception, fact: str) -> None:
    def answer() -> Reply:
        raise error

    client, _ = client_of(answer, clock)
    with pytest.raises(errors.TransientApiError, match=fact) as caught:
        client.object("x", cost=1)
    assert TOKEN not in str(caught.value)


def certificate_error() -> Exception:
    """As the libraries nest it."""
    cause = ssl.SSLCertVerificationError(1, f"self-signed certificate {TOKEN}")
    pool: Any = None
    reason = urllib3.exceptions.SSLError(cause)
    return requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(pool, "/x", reason))


def test_a_certificate_that_is_not_trusted_is_a_wrong_setting_at_once(clock: Clock) -> None:
    def answer() -> Reply:
        raise certificate_error()

    client, door = client_of(answer, clock)
    with pytest.raises(errors.ConfigurationError, match="certificate") as caught:
        client.object("v1/users/me", cost=2)
    assert (2, 1, []) == (caught.value.exit_code, len(door.sent), clock.slept)
    assert "REQUESTS_CA_BUNDLE" in str(caught.value)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_a_self_signed_server_is_not_asked_again(clock: Clock, tmp_path: Any) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    callers: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            caller, _ = listener.accept()
            callers.append(1)
            with contextlib.suppress(OSError), context.wrap_socket(caller, server_side=True):
                pass

    Thread(target=run, daemon=True).start()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    client = Client(base_url=url, api_token=TOKEN, sleep=clock.sleep)
    with raises(errors.ConfigurationError, "certificate", url):
        client.object("v1/users/me", cost=2)
    assert [1] == callers


def test_a_file_of_certificates_that_does_not_exist_is_a_wrong_setting(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    client, door = client_of(lambda: json_reply(200, {"data": {}}), clock)
    with pytest.raises(errors.ConfigurationError, match=r"/nowhere/ca\.pem"):
        client.object("x", cost=1)
    assert [] == door.sent


def test_a_broken_promise_of_the_clock_moves_nothing(clock: Clock) -> None:
    reply = json_reply(200, {"data": {}}, {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"})
    client, _ = client_of(lambda: reply, clock)
    assert timedelta(0) == client.object("x", cost=1)[1] - NOON
