"""An HTTP adapter that ignores `http.client.HTTPConnection.debuglevel`.

With that class attribute set to 1, `http.client` prints every request header, including the one
with the API token. It is read from the class of the connection, so a subclass can turn it off.
"""

from typing import Any

import requests
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Connection(HTTPConnection):
    debuglevel = 0


class _SecureConnection(HTTPSConnection):
    debuglevel = 0


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class NoDebugAdapter(requests.adapters.HTTPAdapter):
    """The adapter of `requests`, with connections that print no headers, also through a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """Return the pools for connections through a proxy."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
