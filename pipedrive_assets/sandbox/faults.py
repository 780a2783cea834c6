"""Scripted faults: what goes wrong, on which paths, from which call on, and how often.

A fault wraps the regular reply: it replaces the reply, damages it, or returns it and changes the
world afterwards. If several faults are due for one call, each one wraps those added before it.
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
    from pipedrive_assets.sandbox.oauth import OAuthServer
    from pipedrive_assets.sandbox.sandbox import Sandbox

Serve = Callable[[], Reply]
Act = Callable[["Sandbox", Call, Serve], Reply]
FIREWALL_PAGE = (
    b"<!DOCTYPE html><html><head><title>Access denied</title></head>"
    b"<body>This error is produced by Cloudflare.</body></html>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault on the paths that match a shell pattern.

    Attributes:
        on: Shell pattern for paths.
        act: Function that makes the reply.
        nth: Number of the matching call, counted from 1, at which the fault starts.
        times: Number of matching calls it lasts; None means that it never ends.
        rate: Probability that the fault occurs on each of those calls.
        seed: Seed of the random numbers for `rate`.
    """

    on: str
    act: Act
    nth: int = 1
    times: int | None = 1
    rate: float = 1.0
    seed: int = 0

    def at(self, nth: int, times: int | None = 1) -> Fault:
        """Copy the fault so that it starts at the nth matching call and lasts `times` calls."""
        return replace(self, nth=nth, times=times)

    def always(self) -> Fault:
        """Copy the fault so that it occurs on every matching call from the nth on."""
        return replace(self, times=None)

    def randomly(self, rate: float, seed: int = 1) -> Fault:
        """Copy the fault so that it occurs on a random share of all matching calls."""
        return replace(self, times=None, rate=rate, seed=seed)


class Script:
    """A fault and the number of matching calls so far."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0
        self._rng = Random(fault.seed)

    def is_due(self, call: Call) -> bool:
        """Count a call and return whether the fault occurs on it."""
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
    """Replace the regular reply by `answer`."""
    return Fault(on=on, act=lambda *_: answer)


def burst(on: str, *, headers: bool = True, reset: int = 2) -> Fault:
    """Reply 429: too many requests in two seconds.

    Args:
        on: Shell pattern for paths.
        headers: Whether the reply has rate limit headers.
        reset: Seconds until the limit resets.

    Returns:
        A fault for one call.
    """
    facts = {
        "x-ratelimit-limit": "20",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(reset),
    }
    return reply(on, gateway_reply(429, "request over limit", facts if headers else {}))


def spent(on: str = "*") -> Fault:
    """Reply 429 to this and all later calls: no daily tokens are left."""
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
    """Reply 429 with the firewall's HTML page and a `retry-after` in seconds."""
    headers = {"Content-Type": "text/html", "retry-after": str(retry_after)}
    return reply(on, Reply(status=429, body=FIREWALL_PAGE, headers=headers))


def server_error(on: str, status: int = 503) -> Fault:
    """Reply 500, 502, 503, 504 or 524 with an HTML body, as a proxy does."""
    body = f"<html><body>{status}</body></html>".encode()
    return reply(on, Reply(status=status, body=body, headers={"Content-Type": "text/html"}))


def refused(on: str, status: int, error: str = "Refused") -> Fault:
    """Refuse every call with 402, 403, 404, 410 or 415 and a JSON body.

    Args:
        on: Shell pattern for paths; it also decides between the body of API v1 and v2.
        status: HTTP status.
        error: Error text in the body.

    Returns:
        A fault that never ends.
    """
    v1 = not on.strip("/").startswith("api/v2")
    return reply(on, refusal_reply(Refusal(status, error), v1=v1)).always()


def firewall(on: str = "*") -> Fault:
    """Reply 403 with the firewall's HTML page."""
    return reply(on, Reply(status=403, body=FIREWALL_PAGE, headers={"Content-Type": "text/html"}))


def dropped(on: str) -> Fault:
    """Close the connection before a reply."""
    return Fault(on=on, act=_drop)


def _drop(_sandbox: Sandbox, _call: Call, _serve: Serve) -> Reply:
    raise Dropped


def truncated(on: str) -> Fault:
    """Close the connection in the middle of the body."""
    return changed(on, lambda genuine: replace(genuine, cut=len(genuine.body) // 2))


def broken_json(on: str) -> Fault:
    """Reply 200 with truncated JSON and a matching `Content-Length`."""
    return changed(on, lambda genuine: replace(genuine, body=genuine.body[:-7]))


def null_body(on: str) -> Fault:
    """Reply 200 with the literal `null` (seen live on deal flow)."""
    return changed(on, lambda genuine: replace(genuine, body=b"null"))


def without_data(on: str) -> Fault:
    """Reply 200 with `success` true but without the key `data`."""
    return _edited(on, lambda body: {key: each for key, each in body.items() if key != "data"})


def null_data(on: str) -> Fault:
    """Reply 200 with `success` true but with `data` null."""
    return _edited(on, lambda body: {**body, "data": None})


def unsuccessful(on: str) -> Fault:
    """Reply 200 with `success` false."""
    return _edited(on, lambda body: {**body, "success": False, "error": "Something went wrong"})


def expired_marker(on: str) -> Fault:
    """Reply 400 to calls that have a page marker; other calls get the regular reply."""

    def expire(_sandbox: Sandbox, call: Call, serve: Serve) -> Reply:
        if "cursor" not in dict(call.params):
            return serve()
        return refusal_reply(Refusal(400, "Invalid cursor", CODE), v1=call.path.startswith("/v1"))

    return Fault(on=on, act=expire).always()


def revoked(on: str = "*") -> Fault:
    """Reply 401 to this and all later calls: the API token was revoked."""

    def revoke(sandbox: Sandbox, _call: Call, serve: Serve) -> Reply:
        sandbox.is_revoked = True
        return serve()

    return Fault(on=on, act=revoke)


def expired(on: str = "*") -> Fault:
    """End all access tokens before the call is answered; a renewal gives a valid one."""
    return _with_oauth(on, lambda oauth: oauth.expire_access())


def uninstalled(on: str = "*") -> Fault:
    """End all access and refresh tokens before the call is answered."""
    return _with_oauth(on, lambda oauth: oauth.revoke())


def replaced(on: str = "/oauth/token") -> Fault:
    """Replace all refresh tokens before the call is answered, as another program does."""
    return _with_oauth(on, lambda oauth: oauth.replace_refresh_tokens())


def skewed(seconds: int, on: str = "/oauth/token") -> Fault:
    """End access tokens so many seconds before the end that their reply names."""

    def end_early(oauth: OAuthServer) -> None:
        oauth.early_seconds = seconds

    return _with_oauth(on, end_early)


def _with_oauth(on: str, act: Callable[[OAuthServer], object]) -> Fault:
    def act_first(sandbox: Sandbox, _call: Call, serve: Serve) -> Reply:
        act(sandbox.oauth)
        return serve()

    return Fault(on=on, act=act_first)


def after(on: str, then: Callable[[], object]) -> Fault:
    """Call `then` after the regular reply, for example to edit a row between two pages."""

    def serve_then(_sandbox: Sandbox, _call: Call, serve: Serve) -> Reply:
        genuine = serve()
        then()
        return genuine

    return Fault(on=on, act=serve_then)


def changed(on: str, change: Callable[[Reply], Reply]) -> Fault:
    """Replace the regular reply by `change` of it."""
    return Fault(on=on, act=lambda _sandbox, _call, serve: change(serve()))


def _edited(on: str, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    def change(genuine: Reply) -> Reply:
        body = edit(json.loads(genuine.body))
        return json_reply(genuine.status, body, genuine.headers)

    return changed(on, change)
