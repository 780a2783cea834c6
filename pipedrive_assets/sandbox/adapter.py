"""Door 1: a transport for `requests` that asks the sandbox without a socket."""

import io
from collections.abc import Mapping
from datetime import timedelta
from http.client import responses
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from .answer import Sandbox
from .exchange import Call, Dropped, Reply


class SandboxAdapter(BaseAdapter):
    """Mount it for `https://`: every call of the session goes to the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.sandbox = sandbox
        self._builder = HTTPAdapter()

    def send(  # noqa: PLR0913, PLR0917 -- the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Answer a prepared request the way a server would."""
        del stream, timeout, verify, cert, proxies
        try:
            reply = self.sandbox.answer(call_of(request))
        except Dropped as error:
            message = "Remote end closed connection without response"
            raise requests.ConnectionError(message, request=request) from error
        response = self._builder.build_response(request, raw_response(reply))
        response.elapsed = timedelta()
        return response

    def close(self) -> None:
        """Nothing is open."""
        self._builder.close()


def call_of(request: requests.PreparedRequest) -> Call:
    """The call inside a prepared request."""
    parts = urlsplit(str(request.url))
    return Call(
        path=unquote(parts.path),
        method=str(request.method),
        params=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers={key.lower(): str(value) for key, value in request.headers.items()},
    )


def raw_response(reply: Reply) -> HTTPResponse:
    """What urllib3 would have read: a body cut short fails exactly as it does on a line."""
    headers = {**reply.headers, "Content-Length": str(len(reply.body))}
    return HTTPResponse(
        body=io.BytesIO(reply.body[: reply.cut]),
        headers=headers,
        status=reply.status,
        reason=responses.get(reply.status),
        preload_content=False,
        enforce_content_length=True,
    )
