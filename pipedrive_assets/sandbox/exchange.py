"""An HTTP request and its reply as data."""

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
    """A request: path without host, parameters in order, header names in lower case, body."""

    path: str
    method: str = "GET"
    params: Pairs = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


def call(
    path: str,
    params: Mapping[str, object] | Iterable[tuple[str, object]] = (),
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
) -> Call:
    """Build a call with text parameters and lower-case header names.

    Args:
        path: Path without host.
        params: Query parameters; values are converted to text.
        headers: Request headers.
        method: HTTP method.

    Returns:
        The call.
    """
    pairs = params.items() if isinstance(params, Mapping) else params
    return Call(
        path=path,
        method=method,
        params=tuple((key, str(value)) for key, value in pairs),
        headers={key.lower(): value for key, value in (headers or {}).items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response; `cut` is the number of body bytes sent before the connection closes."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None

    def json(self) -> Any:
        """Parse the body as JSON."""
        return json.loads(self.body)


class Refusal(Exception):
    """An error reply: HTTP status, error text and, for wrong parameters, a code."""

    def __init__(self, status: int, error: str, code: str | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.code = code


class Dropped(Exception):
    """The connection was closed before a reply."""


def json_reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Build a reply with a JSON body.

    Args:
        status: HTTP status.
        body: Content to write as JSON.
        headers: Headers besides the content type.

    Returns:
        The reply.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Reply(
        status=status,
        body=text.encode(),
        headers={"Content-Type": JSON_TYPE, **(headers or {})},
    )


def gateway_reply(status: int, error: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Build an error reply of the gateway in front of the API; its body has no `data`.

    Args:
        status: HTTP status.
        error: Error text in the body.
        headers: Headers besides the content type.

    Returns:
        The reply.
    """
    body: Body = {"success": False, "error": error, "errorCode": status}
    if status == 401:
        body["error_info"] = HELP
    return json_reply(status, body, headers)


def refusal_reply(refusal: Refusal, *, v1: bool) -> Reply:
    """Build an error reply with the body of API v1 or v2."""
    body: Body = {"success": False, "error": refusal.error}
    if v1:
        info = f"{HELP} for more information about Pipedrive API."
        body |= {"error_info": info, "data": None, "additional_data": None}
    if refusal.code:
        body["code"] = refusal.code
    return json_reply(refusal.status, body)
