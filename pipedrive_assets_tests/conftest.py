"""What every test stands on: an account that is invented, time that is given, a warehouse that is
thrown away."""

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from pipedrive_assets.api import Client
from pipedrive_assets.connect import Connection
from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.load import (
    LoadRequest,
    ReconcileRequest,
    TableReport,
    load,
    reconcilable,
    reconcile,
)
from pipedrive_assets.registry import BY_NAME, ENTITIES, Entity
from pipedrive_assets.sandbox import Limits, Sandbox, SandboxAdapter, World
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.windows import Window
from pipedrive_assets_tests import kept_loads, samples
from pipedrive_assets_tests.truth import account_rows, custom_differences, differences, opened

# In CI every run tries the same examples; at a desk each run tries others.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")


class NoPandas:
    """Answers at once that pandas is not installed: DuckDB looks for it with every statement, and
    each search of the whole path takes longer than most of them.
    """

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=name)


if importlib.util.find_spec("pandas") is None:
    sys.meta_path.insert(0, NoPandas())

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
NO_LIMIT = Limits(burst=1_000_000)


def pytest_configure() -> None:
    kept_loads.watch_patches()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    samples.apply(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    kept_loads.begin(item)


def pytest_sessionfinish() -> None:
    kept_loads.STORE.close()


@pytest.fixture(autouse=True)
def _own_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """No test sees this machine's settings, files or history."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for name in (
            "PIPEDRIVE_API_TOKEN",
            "PIPEDRIVE_CLIENT_ID",
            "PIPEDRIVE_CLIENT_SECRET",
            "PIPEDRIVE_REFRESH_TOKEN",
            "PIPEDRIVE_BASE_URL",
            "PIPEDRIVE_WAREHOUSE",
            "DAGSTER_HOME",
        ):
            patch.delenv(name, raising=False)
        # The patches of this fixture change no load.
        kept_loads.begin(request.node)
        yield


class Office:
    """An account, a client to it, and a warehouse: what most tests of loading need."""

    def __init__(self, folder: Path, **world: Any) -> None:
        self.world = World(**{"deals": 30, "instant": NOON, **world})
        self.sandbox = Sandbox(self.world, limits=NO_LIMIT)
        self.warehouse = Warehouse(folder / "warehouse.duckdb", "pipedrive_data")
        self.slept: list[float] = []
        self.lineage = kept_loads.Lineage(self.warehouse)
        self.history: tuple[str, ...] = ()

    @property
    def connection(self) -> Connection:
        """A client to which a wait takes no time, yet counts."""
        began = len(self.slept)
        client = Client(
            base_url="https://sandbox.invalid",
            api_token=self.sandbox.api_token,
            adapter=SandboxAdapter(self.sandbox),
            sleep=self.slept.append,
            monotonic=lambda: time.monotonic() + sum(self.slept[began:]),
            now=lambda: self.sandbox.now,
        )
        return Connection(client=client, is_sandbox=True)

    def load(
        self, *names: str, day: datetime | None = None, page_rows: int | None = None, **how: Any
    ) -> dict[str, TableReport]:
        """Load tables (all by default) up to now, or for a past day; reports by table name."""
        start, end = day or self.midnight, day + timedelta(days=1) if day else None
        entities = self._with_history(chosen(names))
        if page_rows:
            entities = tuple(
                replace(entity, page_rows=min(page_rows, entity.page_rows)) for entity in entities
            )
        request = LoadRequest(entities=entities, window=Window(start=start, end=end), **how)

        def take() -> dict[str, TableReport]:
            reports = load(self.connection, self.warehouse, request)
            return {report.entity.name: report for report in reports}

        asked = repr((names, day, page_rows, self.history, sorted(how.items())))
        return kept_loads.STORE.through(self, asked, take)

    def reconcile(
        self, *names: str, page_rows: int | None = None, **how: Any
    ) -> dict[str, TableReport]:
        """Reconcile tables (all that are loaded by windows by default); reports by table name."""
        entities = self._with_history(chosen(names) if names else reconcilable(ENTITIES))
        if page_rows:
            entities = tuple(
                replace(entity, page_rows=min(page_rows, entity.page_rows)) for entity in entities
            )
        request = ReconcileRequest(entities=entities, **how)
        reports = reconcile(self.connection, self.warehouse, request)
        return {report.entity.name: report for report in reports}

    def _with_history(self, entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
        return tuple(replace(each, history=each.name in self.history) for each in entities)

    @property
    def midnight(self) -> datetime:
        return self.sandbox.now.replace(hour=0, minute=0, second=0, microsecond=0)

    def advance(self, **step: float) -> None:
        """Let the company live on."""
        self.world.advance(self.world.instant + timedelta(**step))

    @property
    def database(self) -> Any:
        """What `truth` opens to look into the warehouse."""
        return str(self.warehouse.path)

    def differences(self, *names: str) -> list[str]:
        """What the warehouse has otherwise than the account, over tables (all by default)."""
        with opened(self.database) as connection:
            return self._differences(lambda: nullcontext(connection), names)

    def _differences(self, database: Any, names: tuple[str, ...]) -> list[str]:
        found: list[str] = []
        for entity in chosen(names):
            if entity.shape in OWN_SHAPES:
                continue
            rows = account_rows(self.sandbox, entity)
            found += differences(database, "pipedrive_data", entity, rows)
            if entity.fields and entity.shape == "plain":
                found += custom_differences(self.sandbox, database, "pipedrive_data", entity, rows)
        return found

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows from the warehouse, its dataset being the default schema."""
        with opened(self.database) as connection:
            connection.execute("SET schema = 'pipedrive_data'")
            return connection.execute(sql).fetchall()


def paged(entities: tuple[Entity, ...], rows: int) -> tuple[Entity, ...]:
    """The same with smaller pages."""
    return tuple(replace(each, page_rows=min(rows, each.page_rows)) for each in entities)


def chosen(names: tuple[str, ...]) -> tuple[Entity, ...]:
    return tuple(BY_NAME[name] for name in names) if names else ENTITIES


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.warehouse.close()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, Any]]:
    """An office of which every table was loaded once, with the reports; not to be changed."""
    made = Office(tmp_path_factory.mktemp("whole"), deals=15)
    yield made, made.load()
    made.warehouse.close()


@pytest.fixture
def make_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(**world: Any) -> Office:
        made.append(Office(tmp_path / str(len(made)), **world))
        return made[-1]

    yield make
    for one in made:
        one.warehouse.close()
