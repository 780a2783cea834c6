"""One HTTP exchange as data: the call that comes in and the reply that goes out."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Pairs = tuple[tuple[str, str], ...]
Body = dict[str, Any]
JSON_TYPE = "application/json; charset=utf-8"
HELP = "Please check developers.pipedrive.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request: path without host, parameters in their order, header names in lower case."""

    path: str
    method: str = "GET"
    params: Pairs = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def call(
    path: str,
    params: Mapping[str, object] | Iterable[tuple[str, object]] = (),
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
) -> Call:
    """A call from whatever is at hand."""
    pairs = params.items() if isinstance(params, Mapping) else params
    return Call(
        path=path,
        method=method,
        params=tuple((key, str(value)) for key, value in pairs),
        headers={key.lower(): value for key, value in (headers or {}).items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response; `cut` is how many bytes of the body get through before the line drops."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Refusal(Exception):
    """The account says no: status, text and, for wrong parameters, a code."""

    def __init__(self, status: int, error: str, code: str | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.code = code


class Dropped(Exception):
    """The line went dead before a reply came."""


def json_reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with a JSON body."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Reply(
        status=status,
        body=text.encode(),
        headers={"Content-Type": JSON_TYPE, **(headers or {})},
    )


def gateway_reply(status: int, error: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A refusal from the gateway in front of the API: it knows no `data`."""
    body: Body = {"success": False, "error": error, "errorCode": status}
    if status == 401:
        body["error_info"] = HELP
    return json_reply(status, body, headers)


def refusal_reply(refusal: Refusal, *, v1: bool) -> Reply:
    """A refusal in the shape of the API version that was asked."""
    body: Body = {"success": False, "error": refusal.error}
    if v1:
        info = f"{HELP} for more information about Pipedrive API."
        body |= {"error_info": info, "data": None, "additional_data": None}
    if refusal.code:
        body["code"] = refusal.code
    return json_reply(refusal.status, body)
