"""The adapter prints no headers, whatever `http.client` is told. `test_secrets.py` runs a load."""

import http.client

import pytest

from pipedrive_assets.api.no_debug_adapter import NoDebugAdapter


@pytest.mark.parametrize("url", ["http://example.com", "https://example.com"])
def test_connections_print_nothing_directly_and_through_a_proxy(monkeypatch, url):
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    adapter = NoDebugAdapter()

    managers = adapter.poolmanager, adapter.proxy_manager_for("http://proxy.example.com:3128")

    connections = [
        pool.ConnectionCls(host="example.com")
        for pool in (manager.connection_from_url(url) for manager in managers)
    ]
    assert [0, 0] == [connection.debuglevel for connection in connections]
