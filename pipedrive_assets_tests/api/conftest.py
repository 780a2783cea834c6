"""A client to an invented account by both doors, on a clock that only sleep moves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from threading import Lock
from typing import Any

import pytest
import requests

from pipedrive_assets.api import Client
from pipedrive_assets.sandbox import Limits, Reply, Sandbox, SandboxAdapter, World, call, serve
from pipedrive_assets.sandbox.adapter import response_of
from pipedrive_assets.sandbox.exchange import Call

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
TOKEN = "0123456789abcdef0123456789abcdef01234567"
NO_LIMIT = Limits(burst=1_000_000)
DEALS = "api/v2/deals"


class Clock:
    """Monotonic time, and a sleep that moves it."""

    def __init__(self) -> None:
        self.moment = 100.0
        self.slept: list[float] = []
        self._lock = Lock()

    def monotonic(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        with self._lock:
            self.slept.append(seconds)
            self.moment += seconds


class Scripted(requests.adapters.BaseAdapter):
    """A transport that answers from a function, and keeps what was sent."""

    def __init__(self, answer: Callable[[], Reply]) -> None:
        super().__init__()
        self.answer = answer
        self.sent: list[requests.PreparedRequest] = []
        self.settings: list[dict[str, Any]] = []

    def send(
        self, request: requests.PreparedRequest, *_: Any, **settings: Any
    ) -> requests.Response:
        self.sent.append(request)
        self.settings.append(settings)
        return response_of(request, self.answer())

    def close(self) -> None:
        pass


class Account(Sandbox):
    """A sandbox that keeps the headers it was asked with."""

    def answer(self, call: Call) -> Reply:
        self.__dict__.setdefault("asked_with", []).append(dict(call.headers))
        return super().answer(call)


@dataclass
class Desk:
    """An account and a client to it."""

    sandbox: Account
    client: Client
    clock: Clock
    token: str = field(default=TOKEN, repr=False)

    def scan(
        self, path: str = DEALS, *, paging: Any = "cursor", page_rows: int = 10, **how: Any
    ) -> list[Any]:
        """The rows of a list; `into` takes them page by page, also when the scan fails."""
        rows = how.pop("into", [])
        for answer in self.client.pages(path, cost=10, paging=paging, page_rows=page_rows, **how):
            rows += answer.page.rows
        return rows


def client_of(answer: Callable[[], Reply], clock: Clock, **how: Any) -> tuple[Client, Scripted]:
    """A client that is answered by a function, without an account."""
    door = Scripted(answer)
    settings = {"base_url": "https://acme.invalid", "api_token": TOKEN, **how}
    client = Client(
        **settings,
        adapter=door,
        sleep=clock.sleep,
        monotonic=clock.monotonic,
        now=lambda: NOON,
        jitter=lambda: 1.0,
    )
    return client, door


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def still_world() -> World:
    """A company in which no time passes and nobody changes anything."""
    return World(deals=30, instant=NOON)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def account(still_world: World, clock: Clock) -> Account:
    return Account(still_world, api_token=TOKEN, limits=NO_LIMIT, monotonic=clock.monotonic)


class Counter:
    """Where one port stands for many accounts, one after the other."""

    account: Account

    def answer(self, call: Call) -> Reply:
        return self.account.answer(call)


@pytest.fixture(scope="session")
def port() -> Iterator[tuple[str, Counter]]:
    """A real port (closing one takes a moment, so all tests share it)."""
    counter: Any = Counter()
    with serve(counter) as server:
        yield server.url, counter


@pytest.fixture(params=["adapter", "port"])
def desk(request: pytest.FixtureRequest, account: Account, clock: Clock) -> Iterator[Desk]:
    """A client through each of the two doors."""
    how: dict[str, Any] = {
        "api_token": TOKEN,
        "sleep": clock.sleep,
        "monotonic": clock.monotonic,
        "now": lambda: NOON,
        "jitter": lambda: 1.0,
    }
    if request.param == "adapter":
        door = SandboxAdapter(account)
        yield Desk(account, Client(base_url="https://acme.invalid", adapter=door, **how), clock)
        return
    url, counter = request.getfixturevalue("port")
    counter.account = account
    client = Client(base_url=url, **how)
    yield Desk(account, client, clock)
    client._wire._adapter.close()


@pytest.fixture(scope="session")
def long_flow(still_world: World) -> str:
    """The path of a deal with a long history: many pages of four."""
    sandbox = Sandbox(still_world, limits=NO_LIMIT)

    def length(deal_id: int) -> int:
        path = f"/v1/deals/{deal_id}/flow"
        reply = sandbox.answer(call(path, {"limit": 500}, {"x-api-token": sandbox.api_token}))
        return len(reply.json()["data"] or [])

    longest = max(list(still_world.tables["deals"].rows)[:8], key=length)
    return f"v1/deals/{longest}/flow"
