"""Connections that never print what they send.

Python's `http.client` prints every header, the api token's too, once somebody sets its `debuglevel`
(a well-known way to debug HTTP). For these connections it stays off.
"""

from typing import Any

import requests
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Connection(HTTPConnection):
    debuglevel = 0

    def set_debuglevel(self, level: int) -> None:
        """Stays quiet."""


class _SecureConnection(HTTPSConnection):
    debuglevel = 0

    def set_debuglevel(self, level: int) -> None:
        """Stays quiet."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class QuietAdapter(requests.adapters.HTTPAdapter):
    """The transport of `requests`, over quiet connections, through a proxy as well."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As ever, with quiet pools."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """As ever, with quiet pools."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
