"""An HTTP adapter that ignores `http.client.HTTPConnection.debuglevel`.

With that class attribute set to 1, `http.client` prints every request header, including the one
with the API token. It is read from the class of the connection, so a subclass can turn it off.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection


class QuietConnection(HTTPConnection):
    """A connection that prints no headers."""

    debuglevel = 0


class SecureQuietConnection(HTTPSConnection):
    """A TLS connection that prints no headers."""

    debuglevel = 0


class QuietPool(HTTPConnectionPool):
    """A pool of connections that print no headers."""

    ConnectionCls = QuietConnection


class SecureQuietPool(HTTPSConnectionPool):
    """A pool of TLS connections that print no headers."""

    ConnectionCls = SecureQuietConnection


class NoDebugAdapter(requests.adapters.HTTPAdapter):
    """The adapter of `requests`, with connections that print no headers, also through a proxy."""

    pools: ClassVar[Mapping[str, type[HTTPConnectionPool]]] = {
        "http": QuietPool,
        "https": SecureQuietPool,
    }
    """The pool by scheme."""

    def __init__(self, **options: Any) -> None:
        """Create the adapter; see `requests.adapters.HTTPAdapter`."""
        self._keys: dict[tuple[str, str, Any], tuple[Any, Any]] = {}
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = dict(self.pools)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """Return the pools for connections through a proxy."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = dict(self.pools)
        return manager

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        """Return what identifies a connection; `requests` would look for the certificates on disk.

        Args:
            request: The request; requests to one host use the same certificates.
            verify: Whether to check the host's certificate, or the path of trusted certificates.
            cert: Ignored: this project has no certificate of its own.

        Returns:
            The host, and the settings of its connections.
        """
        url = urlsplit(request.url or "")
        found = self._keys.get((url.scheme, url.netloc, verify))
        if found is None:
            found = super().build_connection_pool_key_attributes(request, verify, cert)
            self._keys[url.scheme, url.netloc, verify] = found
        host, pool = found
        return {**host}, {**pool}
