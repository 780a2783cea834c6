"""Refuse or change an account's replies by rule: in front of the sandbox, or of any base URL.

A rule is a `Fault`: a path pattern, what becomes of the reply, from which matching call on, and
for how many calls. `office.sandbox.inject(rule)` applies it without a socket. `Proxy` applies it
over HTTP. From a shell::

    python -m pipedrive_assets_tests.proxy http://127.0.0.1:8099 --port 8100 \
        --rule '403 v1/deals/*/flow from 5' --rule 'data: null v1/users for 2'
"""

import argparse
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, cast

import requests

from pipedrive_assets.registry import BY_NAME, ENTITIES, Entity
from pipedrive_assets.sandbox import Sandbox, faults, serve
from pipedrive_assets.sandbox.exchange import Call, Dropped, Reply, gateway_reply, json_reply
from pipedrive_assets.sandbox.faults import Fault, Script
from pipedrive_assets.sandbox.server import Server

Kind = Callable[[str], Fault]
HTML = {"Content-Type": "text/html; charset=UTF-8"}
OWN_HEADERS = ("content-length", "content-encoding", "transfer-encoding", "connection")
"""Headers that concern one hop, not the account."""


def _edited(edit: Callable[[dict[str, Any]], Any]) -> Kind:
    """The genuine reply with another body; a refusal passes unchanged."""

    def change(genuine: Reply) -> Reply:
        if genuine.status != 200:
            return genuine
        return json_reply(200, edit(json.loads(genuine.body)), genuine.headers)

    return lambda on: faults.changed(on, change).always()


def _said(reply: Reply) -> Kind:
    return lambda on: faults.reply(on, reply).always()


def _status(status: int) -> Kind:
    return lambda on: faults.refused(on, status, "Refused by a rule")


def _ended(body: dict[str, Any]) -> dict[str, Any]:
    """An empty list that is complete, in the form of either API version."""
    pagination = {"start": 0, "limit": 100, "more_items_in_collection": False}
    paged_by_offset = "pagination" in (body.get("additional_data") or {})
    facts = {"pagination": pagination} if paged_by_offset else {"next_cursor": None}
    return {"success": True, "data": [], "additional_data": facts}


STATUSES: dict[str, Kind] = {
    str(status): _status(status) for status in (400, 402, 403, 404, 405, 410, 415, 422)
}
FAILURES: dict[str, Kind] = {
    str(status): (lambda on, status=status: faults.server_error(on, status).always())
    for status in (500, 503)
}
CHANGED: dict[str, Kind] = {
    "200 null": lambda on: faults.null_body(on).always(),
    "200 {}": _edited(lambda _body: {}),
    "data: {}": _edited(lambda _body: {"success": True, "data": {}}),
    "data: null": _edited(lambda _body: {"success": True, "data": None}),
    "data: null, paged": _edited(lambda body: {**body, "data": None}),
    "data: []": _edited(lambda _body: {"success": True, "data": []}),
    "data: [], paged": _edited(lambda body: {**body, "data": []}),
    "data: [], ended": _edited(_ended),
}
WHOLE_ACCOUNT: dict[str, Kind] = {
    "401": _said(gateway_reply(401, "unauthorized access", {"x-401-by-gw": "1"})),
    "429": lambda on: faults.burst(on, headers=False).always(),
    "429 page": _said(
        Reply(
            status=429, body=b"<html>Too many requests</html>", headers={**HTML, "Retry-After": "6"}
        )
    ),
    "429 day": faults.spent,
    "403 page": lambda on: faults.firewall(on).always(),
}
"""Refusals that concern more than the endpoint that returns them, as far as a client can know."""

KINDS: dict[str, Kind] = {**STATUSES, **FAILURES, **CHANGED, **WHOLE_ACCOUNT}
"""Each way in which an account may refuse a call, or return nothing of use."""

EMPTY = tuple(name for name in CHANGED if name.startswith("data: "))


ME = "v1/users/me"
"""What every run asks for first."""

RECORD = "/{id}"
"""How the place of single records ends."""


def places(entities: Iterable[Entity] = ENTITIES) -> list[str]:
    """Every place that a run may ask for, each once: path patterns, and records as `path/{id}`."""
    found: list[str] = []
    for entity in entities:
        if entity.parent:
            parent = BY_NAME[entity.parent]
            found.append(parent.path + RECORD)
        found += [listing.path.format(id="*") for listing in entity.endpoints]
        if entity.fields:
            found.append(f"api/v2/{entity.fields}")
    return list(dict.fromkeys(found))


def at(kind: str, place: str, nth: int = 1, times: int | None = None) -> Fault:
    """A kind of refusal at a place, from the nth matching call on."""
    if not place.endswith(RECORD):
        return KINDS[kind](place).at(nth, times)
    of_lists = KINDS[kind](place.removesuffix(RECORD) + "/*").at(nth, times)
    return replace(of_lists, act=_of_records(of_lists.act, place.removesuffix(RECORD)))


def _of_records(act: faults.Act, path: str) -> faults.Act:
    """The same for single records only, which a pattern cannot tell from other paths."""
    record = re.compile(re.escape(path) + r"/(\d+|[0-9a-f-]{36})")

    def of_records(sandbox: Sandbox, call: Call, genuine: Callable[[], Reply]) -> Reply:
        return act(sandbox, call, genuine) if record.fullmatch(call.path.strip("/")) else genuine()

    return of_records


RULE = re.compile(
    r"(?P<kind>.+?) (?P<path>\*|(?:api/)?v\d\S*)(?: from (?P<nth>\d+))?(?: for (?P<times>\d+))?"
)


def rule(text: str) -> Fault:
    """A rule from its words: `KIND PATTERN [from N] [for N]`."""
    words = RULE.fullmatch(text)
    if not words or words["kind"] not in KINDS:
        msg = f"{text!r} is no rule. Kinds: {', '.join(KINDS)}. Form: KIND PATTERN [from N] [for N]"
        raise ValueError(msg)
    times = int(words["times"]) if words["times"] else None
    return at(words["kind"], words["path"], int(words["nth"] or 1), times)


class Proxy:
    """Relays calls to a base URL and applies rules to the replies."""

    def __init__(self, base_url: str, rules: Iterable[Fault] = ()) -> None:
        self.base_url = base_url.rstrip("/")
        self._scripts = [Script(each) for each in rules]
        self._lock, self._session = Lock(), requests.Session()
        self.log: list[tuple[str, int]] = []

    def rules(self, *rules: Fault) -> None:
        """Replace the rules; counting starts with the next call."""
        with self._lock:
            self._scripts = [Script(each) for each in rules]

    def answer(self, call: Call) -> Reply:
        """The account's reply, or what the rules make of it."""
        with self._lock:
            due = [script.fault for script in self._scripts if script.is_due(call)]

        def reply() -> Reply:
            return self._relayed(call)

        for fault in due:
            reply = _around(fault, call, reply)
        made = reply()
        self.log.append((call.path, made.status))
        return made

    def _relayed(self, call: Call) -> Reply:
        headers = {name: text for name, text in call.headers.items() if name != "host"}
        try:
            got = self._session.request(
                call.method, self.base_url + call.path, params=call.params, headers=headers,
                timeout=60, allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException as error:
            raise Dropped from error
        kept = {k: text for k, text in got.headers.items() if k.lower() not in OWN_HEADERS}
        return Reply(status=got.status_code, body=got.content, headers=kept)


def _around(fault: Fault, call: Call, serve_on: Callable[[], Reply]) -> Callable[[], Reply]:
    # The rules of this module use the call and the reply only, never the sandbox.
    return lambda: fault.act(cast("Sandbox", None), call, serve_on)


def serve_proxy(proxy: Proxy, port: int = 0) -> Server:
    """Open a port of this machine for a proxy."""
    return serve(cast("Sandbox", proxy), port)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a proxy until it is interrupted."""
    parser = argparse.ArgumentParser(description="A proxy that refuses or changes replies by rule")
    parser.add_argument("base_url")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--rule", type=rule, action="append", default=[], metavar="RULE")
    chosen = parser.parse_args(arguments)
    with serve_proxy(Proxy(chosen.base_url, chosen.rule), chosen.port) as server:
        print(f"{server.url} -> {chosen.base_url}", flush=True)  # noqa: T201 - a command
        server.wait()


if __name__ == "__main__":
    main()
