"""A `requests` transport that calls the sandbox directly, without a socket."""

import io
from collections.abc import Mapping
from http.client import responses
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from pipedrive_assets.sandbox.exchange import Call, Dropped, Reply
from pipedrive_assets.sandbox.sandbox import Sandbox


class SandboxAdapter(BaseAdapter):
    """Transport that sends every call of a `requests` session to the sandbox.

    Mount it with `session.mount("https://", SandboxAdapter(sandbox))`.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.sandbox = sandbox

    def send(  # noqa: PLR0913, PLR0917 -- the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Answer a prepared request as a server would.

        Args:
            request: The prepared request.
            stream: Ignored, as are all further arguments.
            timeout: Ignored.
            verify: Ignored.
            cert: Ignored.
            proxies: Ignored.

        Returns:
            The response.

        Raises:
            requests.ConnectionError: If a fault closes the connection before a reply.
        """
        del stream, timeout, verify, cert, proxies
        try:
            reply = self.sandbox.answer(call_of(request))
        except Dropped as error:
            message = "Remote end closed connection without response"
            raise requests.ConnectionError(message, request=request) from error
        return response_of(request, reply)

    def close(self) -> None:
        """Do nothing: there is no connection to close."""


def call_of(request: requests.PreparedRequest) -> Call:
    """Convert a prepared request to a call."""
    parts = urlsplit(str(request.url))
    return Call(
        path=unquote(parts.path),
        method=str(request.method),
        params=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers={key.lower(): str(value) for key, value in request.headers.items()},
        body=str(request.body or "").encode(),
    )


def response_of(request: requests.PreparedRequest, reply: Reply) -> requests.Response:
    """Convert a reply to the response that `requests` would return."""
    response = requests.Response()
    response.status_code = reply.status
    response.reason = responses.get(reply.status, "")
    response.headers = CaseInsensitiveDict(
        {**reply.headers, "Content-Length": str(len(reply.body))}
    )
    response.encoding = get_encoding_from_headers(response.headers)
    response.url = str(request.url)
    response.request = request
    response.raw = _Body(reply)
    return response


class _Body(io.BytesIO):
    """A body that ends with a connection error where the reply is cut."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body[: reply.cut])
        self._is_cut = reply.cut is not None

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes.

        Args:
            size: Most bytes to read; -1 or None reads all that are left.

        Returns:
            The bytes.

        Raises:
            requests.exceptions.ChunkedEncodingError: At the position where the reply is cut.
        """
        chunk = super().read(size)
        if self._is_cut and not chunk:
            done = self.tell()
            message = f"Connection broken: IncompleteRead({done} bytes read)"
            raise requests.exceptions.ChunkedEncodingError(message)
        return chunk
