"""The sandbox's OAuth server: codes, tokens, scopes, and how long each of them is valid."""

import base64
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from pipedrive_assets.sandbox import CLIENT_ID, CLIENT_SECRET, OAuthServer, Sandbox, World, call
from pipedrive_assets.sandbox.exchange import Call, Reply

from .conftest import NOON

URI = "http://localhost:8124/callback"
AUTHORIZE = {"client_id": CLIENT_ID, "redirect_uri": URI, "state": "s&1"}


class Clock:
    """A time that tests move."""

    now: datetime = NOON


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def world() -> World:
    return World(deals=2, instant=NOON)


@pytest.fixture
def account(world: World, clock: Clock) -> Sandbox:
    oauth = OAuthServer(scopes=("base", "deals:read"), rotates=True)
    return Sandbox(world, oauth=oauth, clock=lambda: clock.now)


def posted(account: Sandbox, client: str = f"{CLIENT_ID}:{CLIENT_SECRET}", **form: str) -> Reply:
    basic = base64.b64encode(client.encode()).decode()
    headers = {"authorization": f"Basic {basic}"}
    body = urlencode(form).encode()
    return account.answer(Call(path="/oauth/token", method="POST", headers=headers, body=body))


def code_of(account: Sandbox) -> str:
    reply = account.answer(call("/oauth/authorize", AUTHORIZE))
    location = urlsplit(reply.headers["Location"])
    given = parse_qs(location.query)
    assert (302, URI, ["s&1"]) == (
        reply.status,
        location._replace(query="").geturl(),
        given["state"],
    )
    return given["code"][0]


def exchanged(account: Sandbox, code: str, redirect_uri: str = URI) -> Reply:
    return posted(account, grant_type="authorization_code", code=code, redirect_uri=redirect_uri)


def renewed(account: Sandbox, refresh_token: str) -> Reply:
    return posted(account, grant_type="refresh_token", refresh_token=refresh_token)


def asked(account: Sandbox, tokens: Reply, path: str = "/api/v2/deals") -> int:
    bearer = f"Bearer {tokens.json()['access_token']}"
    return account.answer(call(path, headers={"Authorization": bearer})).status


def test_a_code_gives_tokens_once(account: Sandbox) -> None:
    code = code_of(account)
    tokens = exchanged(account, code)

    assert {"Bearer", 3599, "base,deals:read"} == {
        tokens.json()[name] for name in ("token_type", "expires_in", "scope")
    }
    assert 200 == asked(account, tokens)
    assert (400, "invalid_grant") == refusal(exchanged(account, code))


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json()["error"]


def test_codes_and_tokens_end(account: Sandbox, clock: Clock) -> None:
    late, tokens = code_of(account), exchanged(account, code_of(account))
    clock.now += timedelta(seconds=3598)
    assert 200 == asked(account, tokens)
    clock.now += timedelta(seconds=1)

    assert 401 == asked(account, tokens)
    assert (400, "invalid_grant") == refusal(exchanged(account, late))
    clock.now = NOON + timedelta(days=60)
    assert (400, "invalid_grant") == refusal(renewed(account, tokens.json()["refresh_token"]))


def test_a_renewal_replaces_the_refresh_token(account: Sandbox) -> None:
    first = exchanged(account, code_of(account)).json()["refresh_token"]
    second = renewed(account, first).json()["refresh_token"]

    assert (400, "invalid_grant") == refusal(renewed(account, first))
    assert 200 == renewed(account, second).status


def test_other_apps_addresses_and_grants_are_refused(account: Sandbox) -> None:
    assert (401, "invalid_client") == refusal(posted(account, "a:b", grant_type="refresh_token"))
    assert (400, "invalid_grant") == refusal(exchanged(account, code_of(account), URI + "x"))
    assert (400, "unsupported_grant_type") == refusal(posted(account, grant_type="password"))
    wrong = {**AUTHORIZE, "client_id": "other"}
    assert (400, "invalid_client") == refusal(account.answer(call("/oauth/authorize", wrong)))
    assert 404 == account.answer(call("/oauth/revoke")).status


def test_a_scope_opens_its_paths_only_and_tokens_are_not_logged(account: Sandbox) -> None:
    tokens = exchanged(account, code_of(account))

    assert (200, 403, 403) == (
        asked(account, tokens, "/v1/users/me"),
        asked(account, tokens, "/v1/deals/1/flow"),
        asked(account, tokens, "/api/v2/persons"),
    )
    assert [] == [secret for secret in account.oauth.issued if secret in repr(account.log)]
