"""An HTTP adapter for signed URLs: urllib3 knows the host of a request, but not its path.

A signed URL gives access to a file for some minutes. urllib3 writes the path of each request into
its debug log and its exceptions. Here the path is in a header, which the connection removes before
it sends the request.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
from urllib3 import HTTPConnectionPool

from pipedrive_assets.api.no_debug_adapter import (
    NoDebugAdapter,
    QuietConnection,
    QuietPool,
    SecureQuietConnection,
    SecureQuietPool,
)

TARGET = "x-hidden-target"
"""The header with the path and query; it is not sent."""


class _Connection(QuietConnection):
    def request(self, method: str, url: str, *given: Any, **options: Any) -> None:
        super().request(method, _revealed(url, options["headers"]), *given, **options)


class _SecureConnection(SecureQuietConnection):
    def request(self, method: str, url: str, *given: Any, **options: Any) -> None:
        super().request(method, _revealed(url, options["headers"]), *given, **options)


def _revealed(url: str, headers: MutableMapping[str, str]) -> str:
    """Return the real URL, and remove it from the headers."""
    # Through a proxy, the URL of an http request is absolute.
    return url.removesuffix("/") + headers.pop(TARGET)


class _Pool(QuietPool):
    ConnectionCls = _Connection


class _SecurePool(SecureQuietPool):
    ConnectionCls = _SecureConnection


class HiddenUrlAdapter(NoDebugAdapter):
    """Sends requests whose path and query appear in no log and no exception."""

    pools: ClassVar[Mapping[str, type[HTTPConnectionPool]]] = {
        "http": _Pool,
        "https": _SecurePool,
    }

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        """Send a request; see `requests.adapters.HTTPAdapter.send`."""
        url = str(request.url)
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        shown = request.copy()
        shown.headers[TARGET] = url[len(host) :] or "/"
        shown.url = f"{host}/"
        return super().send(shown, *args, **options)
