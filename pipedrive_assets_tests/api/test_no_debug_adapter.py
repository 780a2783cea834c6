"""The adapter prints no headers, whatever `http.client` is told. `test_secrets.py` runs a load."""

import http.client

import pytest
import requests

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


@pytest.mark.skipif(
    not hasattr(requests.adapters.HTTPAdapter, "build_connection_pool_key_attributes"),
    reason="requests before 2.32 finds connections in another way",
)
@pytest.mark.parametrize("verify", [True, False, "/nowhere/ca.pem", "."])
def test_connections_are_those_of_requests_without_a_look_at_the_disk(monkeypatch, verify):
    theirs, ours = requests.adapters.HTTPAdapter(), NoDebugAdapter()
    asked = [
        requests.Request("GET", f"{host}/v1/deals/{number}").prepare()
        for host in ("https://a.invalid:8443", "http://a.invalid", "https://b.invalid")
        for number in (1, 2)
    ]
    expected = [theirs.build_connection_pool_key_attributes(each, verify) for each in asked]
    for each in asked[::2]:
        ours.build_connection_pool_key_attributes(each, verify)
    monkeypatch.setattr("os.path.isdir", lambda _: pytest.fail("looked at the disk"))
    assert expected == [ours.build_connection_pool_key_attributes(each, verify) for each in asked]
