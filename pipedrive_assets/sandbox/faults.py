"""Scripts of trouble: what goes wrong, on which paths, from which matching call on, how often.

A fault stands around the genuine answer: it may replace it, damage it, or let it pass and
change the world afterwards. Several faults may be due for one call; the later stands outside.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from random import Random
from typing import TYPE_CHECKING, Any

from pipedrive_assets.sandbox.exchange import (
    Call,
    Dropped,
    Refusal,
    Reply,
    gateway_reply,
    json_reply,
    refusal_reply,
)
from pipedrive_assets.sandbox.http.parameters import CODE

if TYPE_CHECKING:
    from pipedrive_assets.sandbox.sandbox import Sandbox

Serve = Callable[[], Reply]
Act = Callable[["Sandbox", Call, Serve], Reply]
FIREWALL_PAGE = (
    b"<!DOCTYPE html><html><head><title>Access denied</title></head>"
    b"<body>This error is produced by Cloudflare.</body></html>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Trouble on paths that match a shell pattern.

    It begins with the nth matching call and lasts for `times` of them (None: for good).
    With a `rate`, each of those calls is struck with that probability, drawn from `seed`.
    """

    on: str
    act: Act
    nth: int = 1
    times: int | None = 1
    rate: float = 1.0
    seed: int = 0

    def at(self, nth: int, times: int | None = 1) -> Fault:
        """The same fault from the nth matching call on, for `times` calls."""
        return replace(self, nth=nth, times=times)

    def always(self) -> Fault:
        """The same fault on every matching call from its first on."""
        return replace(self, times=None)

    def randomly(self, rate: float, seed: int = 1) -> Fault:
        """The same fault on a share of all matching calls."""
        return replace(self, times=None, rate=rate, seed=seed)


class Script:
    """A fault and how many matching calls it has seen."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0
        self._rng = Random(fault.seed)

    def is_due(self, call: Call) -> bool:
        """Count a call; tells whether it is struck."""
        fault = self.fault
        if not fnmatchcase(call.path.strip("/"), fault.on.strip("/")):
            return False
        self._seen += 1
        if self._seen < fault.nth:
            return False
        if fault.times is not None and self._seen >= fault.nth + fault.times:
            return False
        return fault.rate >= 1 or self._rng.random() < fault.rate


def reply(on: str, answer: Reply) -> Fault:
    """This reply instead of the genuine one."""
    return Fault(on=on, act=lambda *_: answer)


def burst(on: str, *, headers: bool = True, reset: int = 2) -> Fault:
    """429: too many calls in two seconds."""
    facts = {
        "x-ratelimit-limit": "20",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(reset),
    }
    return reply(on, gateway_reply(429, "request over limit", facts if headers else {}))


def spent(on: str = "*") -> Fault:
    """429 from now on: the day's budget is gone."""
    facts = {
        "x-ratelimit-limit": "20",
        "x-ratelimit-remaining": "19",
        "x-ratelimit-reset": "2",
        "x-daily-ratelimit-token-limit": "30000",
        "x-daily-ratelimit-token-remaining": "0",
        "retry-after": "3",
    }
    return reply(on, gateway_reply(429, "request over limit", facts)).always()


def firewall_limit(on: str = "*", retry_after: int = 6) -> Fault:
    """429 from the firewall in front: its HTML page, and how long to wait."""
    headers = {"Content-Type": "text/html", "retry-after": str(retry_after)}
    return reply(on, Reply(status=429, body=FIREWALL_PAGE, headers=headers))


def server_error(on: str, status: int = 503) -> Fault:
    """500, 502, 503, 504 or 524; the body is a page of text, as from a proxy."""
    body = f"<html><body>{status}</body></html>".encode()
    return reply(on, Reply(status=status, body=body, headers={"Content-Type": "text/html"}))


def refused(on: str, status: int, error: str = "Refused") -> Fault:
    """402, 403, 404, 410 or 415 with a JSON body, on every call."""
    v1 = not on.strip("/").startswith("api/v2")
    return reply(on, refusal_reply(Refusal(status, error), v1=v1)).always()


def firewall(on: str = "*") -> Fault:
    """403 with the firewall's HTML page."""
    return reply(on, Reply(status=403, body=FIREWALL_PAGE, headers={"Content-Type": "text/html"}))


def dropped(on: str) -> Fault:
    """The line goes dead before a reply."""

    def act(sandbox: Sandbox, call: Call, serve: Serve) -> Reply:
        del sandbox, call, serve
        raise Dropped

    return Fault(on=on, act=act)


def truncated(on: str) -> Fault:
    """The line goes dead in the middle of the body."""
    return changed(on, lambda genuine: replace(genuine, cut=len(genuine.body) // 2))


def broken_json(on: str) -> Fault:
    """200 with half a JSON text, complete as far as HTTP can tell."""
    return changed(on, lambda genuine: replace(genuine, body=genuine.body[:-7]))


def null_body(on: str) -> Fault:
    """200 with the literal `null` (seen live on deal flow)."""
    return changed(on, lambda genuine: replace(genuine, body=b"null"))


def without_data(on: str) -> Fault:
    """200 and success, but no `data` key."""
    return _edited(on, lambda body: {key: each for key, each in body.items() if key != "data"})


def null_data(on: str) -> Fault:
    """200 and success, but `data` is null."""
    return _edited(on, lambda body: {**body, "data": None})


def unsuccessful(on: str) -> Fault:
    """200, but `success` is false."""
    return _edited(on, lambda body: {**body, "success": False, "error": "Something went wrong"})


def expired_marker(on: str) -> Fault:
    """400 on the calls that carry a page marker; the others pass."""

    def act(sandbox: Sandbox, call: Call, serve: Serve) -> Reply:
        del sandbox
        if "cursor" not in dict(call.params):
            return serve()
        return refusal_reply(Refusal(400, "Invalid cursor", CODE), v1=call.path.startswith("/v1"))

    return Fault(on=on, act=act).always()


def revoked(on: str = "*") -> Fault:
    """401 from this call on: the api token was withdrawn."""

    def act(sandbox: Sandbox, call: Call, serve: Serve) -> Reply:
        del call
        sandbox.is_revoked = True
        return serve()

    return Fault(on=on, act=act)


def after(on: str, then: Callable[[], object]) -> Fault:
    """The call is answered as it should be; afterwards `then` happens (an edit between pages)."""

    def act(sandbox: Sandbox, call: Call, serve: Serve) -> Reply:
        del sandbox, call
        genuine = serve()
        then()
        return genuine

    return Fault(on=on, act=act)


def changed(on: str, change: Callable[[Reply], Reply]) -> Fault:
    """The genuine reply, changed."""
    return Fault(on=on, act=lambda _sandbox, _call, serve: change(serve()))


def _edited(on: str, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    def change(genuine: Reply) -> Reply:
        body = edit(json.loads(genuine.body))
        return json_reply(genuine.status, body, genuine.headers)

    return changed(on, change)
