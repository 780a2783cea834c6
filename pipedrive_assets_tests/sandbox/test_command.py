"""The command that serves the invented company stays until it is stopped."""

import urllib.request

import pytest

from pipedrive_assets.cli.main import main
from pipedrive_assets.sandbox.server import Server


def test_the_account_answers_while_the_command_waits(monkeypatch, capsys):
    answered = []

    def interrupted(server):
        call = urllib.request.Request(f"{server.url}/v1/users/me", headers={"x-api-token": "acme"})
        with urllib.request.urlopen(call) as reply:
            answered.append(reply.status)
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "wait", interrupted)
    assert 130 == main(["sandbox", "--port", "0", "--token", "acme"])
    assert [200] == answered
    printed = capsys.readouterr().out
    assert "PIPEDRIVE_BASE_URL=http://127.0.0.1:" in printed
    assert "PIPEDRIVE_API_TOKEN=acme" in printed


def test_a_port_that_is_taken_is_told_in_one_sentence(monkeypatch, capsys):
    def again(server):
        port = server.url.rpartition(":")[2]
        taken.append(port)
        assert 2 == main(["sandbox", "--port", port])
        raise KeyboardInterrupt

    taken = []
    monkeypatch.setattr(Server, "wait", again)
    main(["sandbox", "--port", "0"])
    assert taken[0] in capsys.readouterr().err


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
