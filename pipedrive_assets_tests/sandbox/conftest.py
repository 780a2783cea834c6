"""A small company and ways to ask it."""

import pickle
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests

from pipedrive_assets.sandbox import (
    API_TOKEN,
    Habits,
    Limits,
    Reply,
    Sandbox,
    SandboxAdapter,
    World,
    call,
    serve,
)

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
HEADERS = {"x-api-token": API_TOKEN}


class Clock:
    """Both clocks of a sandbox, moved by hand."""

    def __init__(self) -> None:
        self.instant = NOON
        self.moment = 100.0

    def __call__(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.moment

    def advance(self, **by: float) -> None:
        self.instant += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def frozen_world() -> bytes:
    return pickle.dumps(World(deals=60, instant=NOON))


@pytest.fixture
def world(frozen_world: bytes) -> World:
    thawed: World = pickle.loads(frozen_world)  # noqa: S301 -- written just above
    return thawed


@pytest.fixture
def sandbox(world: World) -> Sandbox:
    return Sandbox(world, limits=Limits(burst=1_000_000))


@pytest.fixture
def make(clock: Clock) -> Callable[..., Sandbox]:
    """A sandbox with limits, habits or faults of its own, on hand-moved clocks."""

    def build(world: World | None = None, **options: Any) -> Sandbox:
        limits = Limits(**options.pop("limits", {"burst": 1_000_000}))
        habits = Habits(**options.pop("habits", {}))
        world = world or World(deals=20, instant=NOON)
        return Sandbox(
            world,
            clock=clock,
            monotonic=clock.monotonic,
            limits=limits,
            habits=habits,
            **options,
        )

    return build


def ask(sandbox: Sandbox, path: str, **params: Any) -> Reply:
    """Ask with the right api token."""
    return sandbox.answer(call(path, params, HEADERS))


def data(sandbox: Sandbox, path: str, **params: Any) -> Any:
    """The `data` of a reply that must be a success."""
    reply = ask(sandbox, path, **params)
    assert 200 == reply.status, reply.body
    return reply.json()["data"]


def walk(sandbox: Sandbox, path: str, **params: Any) -> list[dict[str, Any]]:
    """All rows of a v2 list, page after page."""
    rows: list[dict[str, Any]] = []
    while True:
        body = ask(sandbox, path, **params).json()
        rows += body["data"]
        marker = body["additional_data"]["next_cursor"]
        if marker is None:
            return rows
        params["cursor"] = marker


@pytest.fixture(name="ask")
def ask_fixture() -> Callable[..., Reply]:
    return ask


@pytest.fixture(name="data")
def data_fixture() -> Callable[..., Any]:
    return data


@pytest.fixture(name="walk")
def walk_fixture() -> Callable[..., list[dict[str, Any]]]:
    return walk


@pytest.fixture(params=["adapter", "port"])
def door(
    request: pytest.FixtureRequest, sandbox: Sandbox
) -> Iterator[tuple[str, requests.Session]]:
    """A base address and a session that reaches the sandbox, by either door."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(HEADERS)
        if request.param == "adapter":
            session.mount("https://", SandboxAdapter(sandbox))
            yield "https://api.pipedrive.com", session
            return
        with serve(sandbox) as server:
            yield server.url, session
