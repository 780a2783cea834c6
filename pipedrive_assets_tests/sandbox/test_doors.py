from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from pipedrive_assets.sandbox import SandboxAdapter, faults, serve

from .conftest import HEADERS

DEALS = "/api/v2/deals"


def test_both_doors_answer_with_the_same_bytes(door, sandbox, ask):
    base, session = door
    reply = session.get(base + DEALS, params={"limit": 3, "status": "open,won"}, timeout=5)

    assert ask(sandbox, DEALS, limit=3, status="open,won").body == reply.content
    assert "Tue, 10 Mar 2026 12:00:00 GMT" == reply.headers["date"]
    assert reply.url.startswith(base + DEALS)
    assert ("OK", 200) == (reply.reason, reply.status_code)
    assert reply.elapsed.total_seconds() >= 0


def test_both_doors_pass_refusals_on(door):
    base, session = door

    assert 400 == session.get(base + DEALS, params={"limit": 0}, timeout=5).status_code
    assert 404 == session.get(base + "/nowhere", timeout=5).status_code
    assert 405 == session.delete(base + DEALS, timeout=5).status_code
    assert 405 == session.post(base + DEALS, json={"title": "x"}, timeout=5).status_code
    reply = session.get(base + DEALS, headers={"x-api-token": "wrong"}, timeout=5)
    assert (401, "1") == (reply.status_code, reply.headers["x-401-by-gw"])


def test_both_doors_keep_answering_after_a_dropped_line(door, sandbox):
    base, session = door
    sandbox.inject(faults.dropped(DEALS))

    with pytest.raises(requests.ConnectionError):
        session.get(base + DEALS, timeout=5)
    assert 200 == session.get(base + DEALS, timeout=5).status_code


def test_both_doors_cut_a_body_short(door, sandbox):
    base, session = door
    sandbox.inject(faults.truncated(DEALS))

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get(base + DEALS, timeout=5)
    assert 200 == session.get(base + DEALS, timeout=5).status_code


def test_both_doors_stream(door, sandbox, ask):
    base, session = door
    with session.get(base + DEALS, stream=True, timeout=5) as reply:
        body = b"".join(reply.iter_content(1000))

    assert ask(sandbox, DEALS).body == body


def test_both_doors_serve_many_callers_at_once(door, sandbox):
    base, session = door

    def get(number):
        return session.get(base + DEALS, params={"limit": number + 1}, timeout=5).json()

    with ThreadPoolExecutor(4) as pool:
        bodies = list(pool.map(get, range(12)))

    assert [number + 1 for number in range(12)] == [len(body["data"]) for body in bodies]
    assert 12 == len(sandbox.log)


def test_only_this_machine_is_served(sandbox):
    with pytest.raises(ValueError, match=r"0\.0\.0\.0"):
        serve(sandbox, host="0.0.0.0")  # noqa: S104 -- the point of the test


def test_latency_holds_each_reply_back(sandbox):
    waits = []
    with serve(sandbox, latency=0.25, sleep=waits.append) as server:
        requests.get(server.url + DEALS, headers=HEADERS, timeout=5)

    assert [0.25] == waits


def test_a_stopped_server_leaves_its_port(sandbox):
    with serve(sandbox) as server:
        port = int(server.url.rsplit(":", 1)[1])
    with serve(sandbox, port) as again:
        assert again.url == server.url


def test_closing_a_session_closes_nothing(sandbox):
    with requests.Session() as session:
        session.mount("https://", SandboxAdapter(sandbox))

    assert [] == sandbox.log
