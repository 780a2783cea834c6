"""An OAuth app: renewal in time and after a 401, rotation, and the token file that is shared."""

import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event, Lock
from typing import Any

import filelock
import pytest

from pipedrive_assets import errors
from pipedrive_assets.api import Client, OAuthApp
from pipedrive_assets.api.oauth import is_pipedrive, oauth_url, token_file
from pipedrive_assets.sandbox import (
    CLIENT_ID,
    CLIENT_SECRET,
    SandboxAdapter,
    World,
    faults,
)
from pipedrive_assets.sandbox.exchange import Reply, json_reply
from pipedrive_assets_tests.api.conftest import DEALS, NO_LIMIT, NOON, TOKEN, Account, Clock, Desk

OAUTH = "/oauth/token"
PIPEDRIVE = "https://api.pipedrive.com"
Open = Callable[..., Client]


@pytest.fixture(scope="module")
def world() -> World:
    """A company of this module: the clock of its tests moves it."""
    return World(deals=30, instant=NOON)


@pytest.fixture
def account(world: World, clock: Clock) -> Account:
    """An account that ends access tokens by the clock."""
    return Account(
        world,
        api_token=TOKEN,
        limits=NO_LIMIT,
        monotonic=clock.monotonic,
        clock=lambda: NOON + timedelta(seconds=clock.moment - 100),
    )


@pytest.fixture
def app(account: Account, tmp_path: Path) -> OAuthApp:
    return OAuthApp(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        refresh_token=account.oauth.refresh_token(NOON),
        token_file=tmp_path / "oauth.json",
    )


@pytest.fixture
def connect(account: Account, clock: Clock, app: OAuthApp) -> Open:
    def connect(given: OAuthApp = app, base_url: str = PIPEDRIVE, **how: Any) -> Client:
        return Client(
            **{
                "base_url": base_url,
                "oauth": given,
                "adapter": SandboxAdapter(account),
                "sleep": clock.sleep,
                "monotonic": clock.monotonic,
                "now": lambda: account.now,
                "jitter": lambda: 1.0,
                **how,
            }
        )

    return connect


@pytest.fixture
def desk(account: Account, clock: Clock, connect: Open) -> Desk:
    return Desk(account, connect(), clock)


def ids(rows: list[Any]) -> list[int]:
    return [row["id"] for row in rows]


def all_deals(account: Account) -> list[int]:
    """The deals that the list returns, as the API token reads them."""
    client = Client(base_url="https://x.invalid", api_token=TOKEN, adapter=SandboxAdapter(account))
    return ids(Desk(account, client, Clock()).scan())


def held(app: OAuthApp) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(app.token_file.read_text("utf-8"))
    return found


def test_requests_carry_the_access_token_and_renewals_cost_no_api_tokens(
    desk: Desk, account: Account
) -> None:
    assert all_deals(account) == ids(desk.scan())

    sent = [one["authorization"] for one in account.asked_with if "authorization" in one]
    assert (1, 1) == (account.oauth.renewals, len(account.calls(OAUTH)))
    assert {f"Bearer {held_token}" for held_token in account.oauth._access} == set(sent[1:])
    assert sent[0].startswith("Basic ")
    assert 0 == account.calls(OAUTH)[0].tokens
    assert 10 * desk.client.stats.requests == desk.client.stats.tokens


def test_an_access_token_is_renewed_before_it_ends(desk: Desk, account: Account) -> None:
    desk.scan()
    desk.clock.moment += account.oauth.lifetime - 121
    desk.scan()
    assert 1 == account.oauth.renewals
    desk.clock.moment += 1
    desk.scan()

    assert 2 == account.oauth.renewals
    assert [] == [line for line in account.log if line.status == 401]


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_401_between_pages_loses_no_row_and_repeats_none(
    desk: Desk, account: Account, nth: int
) -> None:
    expected = all_deals(account)
    account.inject(faults.expired(f"/{DEALS}").at(nth))

    assert expected == ids(desk.scan())
    assert 2 == account.oauth.renewals
    assert 1 == len([line for line in account.log if line.status == 401])


def test_a_clock_that_disagrees_with_pipedrives_costs_one_401(desk: Desk, account: Account) -> None:
    account.inject(faults.skewed(3000))
    desk.scan()
    desk.clock.moment += 700
    desk.scan()

    assert 2 == account.oauth.renewals
    assert 1 == len([line for line in account.log if line.status == 401])


def test_a_wrong_local_time_does_no_harm(
    account: Account, connect: Open, app: OAuthApp, clock: Clock
) -> None:
    for days in (0, 400, -400, 0):
        client = connect(now=lambda days=days: NOON + timedelta(days=days))
        assert Desk(account, client, clock).scan(page_rows=100)

    assert [] == [line for line in account.log if line.status == 401]


def test_a_token_that_is_refused_after_its_renewal_ends_the_run(
    desk: Desk, account: Account
) -> None:
    account.inject(faults.expired(f"/{DEALS}").always())

    with pytest.raises(errors.AccessTokenRefused, match="pipedrive-assets login"):
        desk.scan()
    with pytest.raises(errors.AuthenticationError):
        desk.client.object("v1/users/me", cost=2)
    assert 2 == len(account.calls(DEALS))


def test_eight_threads_share_one_renewal(account: Account, connect: Open) -> None:
    client, start = connect(), Barrier(8)

    def read(_: int) -> int:
        start.wait()
        return int(client.object("v1/users/me", cost=2)[0]["id"])

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(read, range(8)))
        assert 1 == account.oauth.renewals
        account.oauth.expire_access()
        assert first == list(pool.map(read, range(8)))
    assert 2 == account.oauth.renewals


class CountedLock:
    """A lock that knows when so many threads have asked for it."""

    def __init__(self, threads: int) -> None:
        self._lock, self._guard, self._left = Lock(), Lock(), threads
        self.all_wait = Event()

    def __enter__(self) -> None:
        with self._guard:
            self._left -= 1
            if not self._left:
                self.all_wait.set()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_threads_that_wait_for_a_renewal_that_fails_do_not_try_it_again(
    account: Account, connect: Open
) -> None:
    class Paused(Exception):
        """The thread would wait for its next attempt."""

    def pause(_: float) -> None:
        raise Paused

    client, lock = connect(sleep=pause), CountedLock(8)
    client._authentication._lock = lock  # type: ignore[attr-defined]

    def refuse_when_all_wait(*_: object) -> Reply:
        assert lock.all_wait.wait(5)
        return Reply(status=503, body=b"")

    account.inject(faults.Fault(on=OAUTH, act=refuse_when_all_wait))

    def read(_: int) -> bool:
        with pytest.raises(Paused):
            client.object("v1/users/me", cost=2)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))
    assert 1 == len(account.log)


def test_two_clients_share_a_file_and_lose_no_replaced_token(
    account: Account, connect: Open, app: OAuthApp, clock: Clock
) -> None:
    account.oauth.rotates = account.oauth.ends_access = True
    one, other = connect(), connect()
    for hours in range(6):
        clock.moment += 3600 if hours % 2 else 1800
        for client in (one, other) if hours % 2 else (other, one):
            client.object("v1/users/me", cost=2)

    assert {held(app)["refresh_token"]} == set(account.oauth._refresh)
    assert [] == [line for line in account.log if line.status in {400, 401}]
    assert account.oauth.renewals <= 6
    connect().object("v1/users/me", cost=2)


def test_a_replaced_token_is_kept_in_a_private_file_and_preferred_to_the_setting(
    account: Account, connect: Open, app: OAuthApp, clock: Clock
) -> None:
    account.oauth.rotates = True
    connect().object("v1/users/me", cost=2)

    assert 0o600 == stat.S_IMODE(app.token_file.stat().st_mode)
    assert ["oauth.json", "oauth.json.lock"] == sorted(
        path.name for path in app.token_file.parent.iterdir()
    )
    clock.moment += 7200
    connect().object("v1/users/me", cost=2)
    assert 2 == account.oauth.renewals


def test_another_refresh_token_in_the_settings_replaces_the_stored_one(
    account: Account, connect: Open, app: OAuthApp
) -> None:
    connect().object("v1/users/me", cost=2)
    account.oauth.scopes = frozenset({"base"})
    client = connect(replace(app, refresh_token=account.oauth.refresh_token(NOON)))
    client.object("v1/users/me", cost=2)

    assert frozenset({"base"}) == client.scopes


def test_after_a_login_the_stored_token_is_tried_if_that_of_the_settings_has_ended(
    account: Account, connect: Open, app: OAuthApp
) -> None:
    newer = account.oauth.refresh_token(NOON)
    connect(replace(app, refresh_token=newer)).object("v1/users/me", cost=2)
    connect(replace(app, refresh_token="ended")).object("v1/users/me", cost=2)

    assert [200, 200, 400, 200, 200] == [line.status for line in account.log]


def test_a_token_that_another_program_stored_meanwhile_is_tried(
    account: Account, connect: Open, app: OAuthApp, clock: Clock
) -> None:
    connect().object("v1/users/me", cost=2)
    clock.moment += 7200
    newer = account.oauth.replace_refresh_tokens()

    def store_newer() -> None:
        content = {**held(app), "refresh_token": newer[-1]}
        app.token_file.write_text(json.dumps(content), "utf-8")

    account.inject(faults.after(OAUTH, store_newer))
    connect().object("v1/users/me", cost=2)
    assert 2 == account.oauth.renewals


def test_a_revoked_consent_ends_all_requests_with_the_next_step(
    desk: Desk, account: Account
) -> None:
    account.inject(faults.uninstalled(f"/{DEALS}").at(2))
    rows: list[Any] = []
    with pytest.raises(errors.ConsentEnded, match="pipedrive-assets login") as caught:
        desk.scan(into=rows)
    with pytest.raises(errors.ConsentEnded):
        desk.client.object("v1/users/me", cost=2)

    assert ("invalid_grant" in caught.value.quote, 10) == (True, len(rows))
    assert not isinstance(caught.value, errors.Refused)
    assert 2 == len(account.calls(OAUTH))


def test_a_refresh_token_that_another_program_replaced_asks_for_a_login(
    account: Account, connect: Open
) -> None:
    account.inject(faults.replaced())

    with pytest.raises(errors.ConsentEnded, match="another login replaced it"):
        connect().object("v1/users/me", cost=2)


def test_a_wrong_client_secret_is_named(account: Account, connect: Open, app: OAuthApp) -> None:
    client = connect(replace(app, client_secret="wr0ng"))

    with pytest.raises(errors.OAuthAppUnknown, match="PIPEDRIVE_CLIENT_SECRET") as caught:
        client.object("v1/users/me", cost=2)
    assert "wr0ng" not in f"{caught.value}{vars(caught.value)}"


@pytest.mark.parametrize(
    "fault",
    [
        faults.server_error(OAUTH),
        faults.dropped(OAUTH),
        faults.truncated(OAUTH),
        faults.broken_json(OAUTH),
        faults.null_body(OAUTH),
        faults.reply(OAUTH, json_reply(200, {"access_token": "a b", "refresh_token": "x"})),
        faults.reply(OAUTH, json_reply(200, {"access_token": "x"})).at(2),
    ],
)
def test_transient_faults_of_the_oauth_server_are_retried(
    desk: Desk, account: Account, fault: faults.Fault
) -> None:
    account.inject(fault)
    desk.scan()
    assert desk.clock.slept in ([0.5], [])
    assert 10 * desk.client.stats.requests == desk.client.stats.tokens

    account.oauth.expire_access()
    account.inject(faults.server_error(OAUTH).always())
    with pytest.raises(errors.TransientApiError, match="OAuth server"):
        desk.scan()


def test_a_rate_limit_of_the_oauth_server_is_waited_for(desk: Desk, account: Account) -> None:
    limit = json_reply(429, {"error": "rate limit"}, {"Retry-After": "7"})
    account.inject(faults.reply(OAUTH, limit).at(1, 2))
    desk.scan()

    assert 14 <= sum(desk.clock.slept) < 40


def test_a_missing_scope_is_a_refusal_of_this_list_only(
    account: Account, connect: Open, app: OAuthApp
) -> None:
    account.oauth.scopes = frozenset({"base", "deals:read"})
    client = connect(replace(app, refresh_token=account.oauth.refresh_token(NOON)))
    with pytest.raises(errors.ScopeMissing, match="doctor") as caught:
        next(client.pages("api/v2/persons", cost=10, paging="cursor", page_rows=5))

    assert isinstance(caught.value, errors.Refused)
    assert isinstance(caught.value, errors.Forbidden)
    assert next(client.pages(DEALS, cost=10, paging="cursor", page_rows=5)).page.rows
    assert frozenset({"base", "deals:read"}) == client.scopes


@pytest.mark.parametrize(
    ("given", "base_url", "used"),
    [
        ("https://acme.pipedrive.com", PIPEDRIVE, "https://acme.pipedrive.com"),
        (
            "https://acme.pipedrive.com/",
            "https://other.pipedrive.com",
            "https://acme.pipedrive.com",
        ),
        ("", PIPEDRIVE, PIPEDRIVE),
        ("https://evil.example", "http://127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("https://evil.example", PIPEDRIVE, None),
        ("http://acme.pipedrive.com", PIPEDRIVE, None),
        ("https://acme.pipedrive.com.evil.example", PIPEDRIVE, None),
        ("https://evilpipedrive.com", PIPEDRIVE, None),
        ("https://acme.pipedrive.com@evil.example", PIPEDRIVE, None),
        ("https://acme.pipedrive.com:8443", PIPEDRIVE, None),
    ],
)
def test_an_access_token_goes_to_pipedrive_or_to_the_configured_host_only(
    account: Account, connect: Open, given: str, base_url: str, used: str | None
) -> None:
    def tell(genuine: Reply) -> Reply:
        return json_reply(200, {**genuine.json(), "api_domain": given})

    account.inject(faults.changed(OAUTH, tell).always())
    urls: list[str] = []

    class Noting(SandboxAdapter):
        def send(self, request: Any, *rest: Any, **how: Any) -> Any:
            urls.append(request.url)
            return super().send(request, *rest, **how)

    client = connect(base_url=base_url, adapter=Noting(account))
    if used is None:
        with pytest.raises(errors.ConfigurationError, match="not a host of Pipedrive"):
            client.object("v1/users/me", cost=2)
        assert 1 == len(urls)
        return
    client.object("v1/users/me", cost=2)
    assert [f"{oauth_url(base_url)}{OAUTH}", f"{used}/v1/users/me"] == urls
    assert is_pipedrive(urls[0]) == is_pipedrive(base_url)


def test_a_token_file_that_others_can_read_is_refused(
    account: Account, connect: Open, app: OAuthApp
) -> None:
    connect().object("v1/users/me", cost=2)
    app.token_file.chmod(0o640)

    with pytest.raises(errors.ConfigurationError, match="chmod 600"):
        connect().object("v1/users/me", cost=2)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"access_token": 1}', "\udcff"])
def test_a_file_with_other_content_is_not_overwritten(
    account: Account, connect: Open, app: OAuthApp, content: str
) -> None:
    app.token_file.write_bytes(content.encode("utf-8", "surrogateescape"))
    app.token_file.chmod(0o600)

    with pytest.raises(errors.ConfigurationError, match="not a token file") as caught:
        connect().object("v1/users/me", cost=2)
    assert caught.value.__context__ is None
    assert (0, content) == (
        account.oauth.renewals,
        app.token_file.read_bytes().decode("utf-8", "surrogateescape"),
    )


def test_without_a_writable_folder_no_refresh_token_is_used(
    account: Account, connect: Open, app: OAuthApp, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(errors.ConfigurationError, match="PIPEDRIVE_TOKEN_FILE"):
        connect(replace(app, token_file=tmp_path / "file" / "oauth.json")).object("x", cost=1)

    assert [] == account.log


def test_a_process_that_holds_the_file_for_long_is_reported(
    account: Account, connect: Open, app: OAuthApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_file, "LOCK_SECONDS", 0)
    with (
        filelock.FileLock(f"{app.token_file}.lock"),
        pytest.raises(errors.ConfigurationError, match="Another process"),
    ):
        connect().object("v1/users/me", cost=2)
    assert [] == account.log


def test_without_any_refresh_token_the_next_step_is_a_login(
    account: Account, connect: Open, app: OAuthApp
) -> None:
    with pytest.raises(errors.MissingTokenError, match="pipedrive-assets login"):
        connect(replace(app, refresh_token="")).object("v1/users/me", cost=2)
    assert [] == account.log


def test_a_reply_without_a_lifetime_or_scopes_is_usable(desk: Desk, account: Account) -> None:
    def reduce(genuine: Reply) -> Reply:
        kept = ("access_token", "refresh_token")
        return json_reply(200, {name: genuine.json()[name] for name in kept})

    account.inject(faults.changed(OAUTH, reduce).always())
    assert all_deals(account) == ids(desk.scan())
    assert frozenset() == desk.client.scopes


def test_clients_that_renew_at_the_same_time_use_each_refresh_token_once(
    account: Account, connect: Open, app: OAuthApp
) -> None:
    """Each client has its own lock and takes the stored access token for an old one."""
    account.oauth.rotates = True
    start = Barrier(4)

    def renew_often(number: int) -> None:
        start.wait()
        for round_ in range(5):
            hours = 2 * (1 + 4 * round_ + number)
            client = connect(now=lambda hours=hours: NOON + timedelta(hours=hours))
            client.object("v1/users/me", cost=2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(renew_often, range(4)))

    assert [] == [line for line in account.log if line.status != 200]
    assert {held(app)["refresh_token"]} == set(account.oauth._refresh)
    assert account.oauth.renewals > 5
