"""`login` from the consent page to the first request, against the sandbox on a real port."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from pipedrive_assets.cli import login as command
from pipedrive_assets.cli import main
from pipedrive_assets.cli.loopback import Loopback
from pipedrive_assets.config import Settings
from pipedrive_assets.connect import connect
from pipedrive_assets.errors import LoginFailed
from pipedrive_assets.sandbox import (
    CLIENT_ID,
    CLIENT_SECRET,
    OAuthServer,
    Sandbox,
    Server,
    World,
    serve,
)
from pipedrive_assets_tests.conftest import NOON

READ_ONLY = frozenset({"base", "deals:read", "contacts:read", "activities:read", "users:read"})


@pytest.fixture(scope="module")
def world() -> World:
    return World(deals=2, instant=NOON)


@pytest.fixture
def account(world: World) -> Sandbox:
    return Sandbox(world, oauth=OAuthServer(scopes=READ_ONLY))


@pytest.fixture
def server(account: Sandbox) -> Iterator[Server]:
    with serve(account) as running:
        yield running


@pytest.fixture
def app(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of an OAuth app; returns its token file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPEDRIVE_BASE_URL", server.url)
    monkeypatch.setenv("PIPEDRIVE_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("PIPEDRIVE_CLIENT_SECRET", CLIENT_SECRET)
    return tmp_path / "data" / "oauth.json"


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[requests.Response]]:
    """A user who allows the app as soon as the page opens, after a stranger's callback."""
    replies: list[requests.Response] = []
    threads: list[Thread] = []

    def allow(page: str) -> None:
        uri = parse_qs(urlsplit(page).query)["redirect_uri"][0]
        strange = ("?code=theirs&state=wrong", "?code=theirs", "?state=", "/x?code=theirs")
        replies.extend(requests.get(uri + each, timeout=5) for each in strange)
        replies.append(requests.get(page, timeout=5))

    def open_page(page: str) -> bool:
        threads.append(Thread(target=allow, args=(page,)))
        threads[-1].start()
        return True

    monkeypatch.setattr(command.webbrowser, "open", open_page)
    yield replies
    for thread in threads:
        thread.join()


def test_a_login_stores_tokens_that_requests_use(app, account, user, capsys, caplog):
    assert 0 == main(["login", "--port", "0"])

    assert [400, 400, 400, 400, 200] == [reply.status_code for reply in user]
    assert 0o600 == stat.S_IMODE(app.stat().st_mode)
    stored = json.loads(app.read_text("utf-8"))
    assert READ_ONLY == set(stored["scope"].split())
    shown = capsys.readouterr()
    told = shown.out + shown.err + caplog.text + repr(account.log)
    codes = [reply.url for reply in user if "code=code-" in reply.url]
    assert 1 == len(codes)
    hidden = (stored["access_token"], stored["refresh_token"], CLIENT_SECRET, codes[0])
    assert [] == [secret for secret in hidden if secret in told]
    assert re.search(r"deals_flow.*recents:read.*Developer Hub", shown.out)

    connection = connect(Settings.from_env())
    assert account.world.tables["users"].rows
    assert connection.account()[0].company_name
    assert 0 == account.oauth.renewals
    connection.client._wire._adapter.close()


def test_a_wrong_client_secret_stores_nothing(app, user, monkeypatch, capsys):
    monkeypatch.setenv("PIPEDRIVE_CLIENT_SECRET", "wr0ng")

    assert 3 == main(["login", "--port", "0"])
    shown = capsys.readouterr()
    assert re.search("invalid_client.*Developer Hub", shown.err)
    assert "wr0ng" not in shown.out + shown.err
    assert not app.exists()


def test_without_a_callback_the_login_ends(app, capsys):
    assert 3 == main(["login", "--port", "0", "--timeout", "0.01", "--no-browser"])
    assert "callback URL" in capsys.readouterr().err
    assert not app.exists()


def test_a_user_who_declines_ends_the_login():
    with Loopback(0, "mine") as loopback:
        uri = loopback.redirect_uri
        requests.get(f"{uri}?error=user_denied&state=mine", timeout=5)
        with pytest.raises(LoginFailed, match="user_denied"):
            loopback.wait(1)


def test_a_login_without_an_app_or_with_a_port_in_use_is_one_sentence(
    tmp_path, monkeypatch, capsys, server
):
    monkeypatch.chdir(tmp_path)
    assert 2 == main(["login"])
    assert "docs/oauth.md" in capsys.readouterr().err

    monkeypatch.setenv("PIPEDRIVE_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("PIPEDRIVE_CLIENT_SECRET", CLIENT_SECRET)
    assert 2 == main(["login", "--port", server.url.rpartition(":")[2]])
    assert "--port" in capsys.readouterr().err
    assert 2 == main(["login", "--port", "70000"])
    assert "--port" in capsys.readouterr().err


def test_a_login_to_one_of_several_accounts_writes_its_own_file(
    app, user, tmp_path, monkeypatch, capsys
):
    (tmp_path / "accounts_of_login.py").write_text(
        "from pipedrive_assets.config import Settings\n"
        "def app(): return Settings(client_id='sandbox-app', client_secret='sandbox-app-secret')\n"
        "accounts = {'acme': app(), 'beta': app()}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    place = "accounts_of_login:accounts"

    assert 2 == main(["login", "--port", "0", "--accounts", place, "--account", "gamma"])
    assert "acme, beta" in capsys.readouterr().err
    assert 0 == main(["login", "--port", "0", "--accounts", place, "--account", "beta"])
    assert ["beta_oauth.json", "beta_oauth.json.lock"] == sorted(
        path.name for path in (tmp_path / "data").iterdir()
    )
