"""A plain dlt pipeline that loads an office's account."""

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext

from pipedrive_assets.config import Settings
from pipedrive_assets.dlt_source import pipedrive_source
from pipedrive_assets.dlt_source import source as source_module
from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets_tests.conftest import Office
from pipedrive_assets_tests.load.test_load import DERIVED

KEY = "x" * 40
DEALS = (
    "deals",
    "deals_participants",
    "deals_flow",
    "deals_products",
    "deals_installments",
)
SMALL = 12
"""Deals of the account: dlt takes its time for every table."""


def cause(failure: pytest.ExceptionInfo[BaseException]) -> Any:
    """The error of ours inside dlt's."""
    error = failure.value
    while error.__cause__ is not None:
        error = error.__cause__
    return error


class Plain:
    """A pipeline into the file in which the office looks for its rows."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.office, self.folder = office, folder
        office.warehouse.path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def pipeline(self) -> dlt.Pipeline:
        return dlt.pipeline(
            "pipedrive",
            pipelines_dir=str(self.folder / "pipelines"),
            destination=dlt.destinations.duckdb(str(self.office.warehouse.path)),
            dataset_name="pipedrive_data",
        )

    def source(self, *names: str, **arguments: Any) -> Any:
        made = pipedrive_source(KEY, **arguments)
        return made.with_resources(*names, "custom_fields_mapping") if names else made

    def run(self, *names: str, **arguments: Any) -> dict[str, int]:
        """Load resources (all that are selected by default); rows by table."""
        pipeline = self.pipeline
        pipeline.run(self.source(*names, **arguments))
        counts = pipeline.last_trace.last_normalize_info.row_counts
        return {name: count for name, count in counts.items() if not name.startswith("_dlt")}

    def differences(self, *names: str) -> list[str]:
        """What the tables have otherwise than the account, save what update times never show."""
        return [
            difference
            for difference in self.office.differences(*names)
            if not difference.endswith("is not in the account")
            and (re.search(r"\.(\w+):", difference) or [None, None])[1] not in DERIVED
        ]

    def differences_from(self, twin: Office, name: str) -> list[tuple[Any, ...]]:
        """Rows of a table that only one of the two has: this pipeline's, the Dagster load's."""
        own = ("_dlt_id", "_dlt_load_id", "_deleted_at", "_deleted_reason", "converted_deal_id")
        columns = f"COLUMNS(lambda name: name NOT IN {own})"
        mine, theirs = (
            Counter(map(str, each.query(f"SELECT {columns} FROM {name}")))
            for each in (self.office, twin)
        )
        return [*((mine - theirs).elements()), *((theirs - mine).elements())]

    def state(self, resource: str) -> dict[str, Any]:
        return self.pipeline.state["sources"]["pipedrive"]["resources"][resource]

    def asked(self, path: str) -> list[str]:
        """The paths asked for so far that begin like this."""
        return [
            line.path for line in self.office.sandbox.log if line.path.lstrip("/").startswith(path)
        ]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A small account."""
    made = Office(tmp_path, deals=SMALL)
    yield made
    made.warehouse.close()


@pytest.fixture
def twin(office: Office, tmp_path: Path) -> Iterator[Office]:
    """The same account, loaded as the Dagster project loads it."""
    made = Office(tmp_path / "twin")
    made.world, made.sandbox = office.world, office.sandbox
    yield made
    made.warehouse.close()


@pytest.fixture(autouse=True)
def _no_pipeline_is_active() -> Iterator[None]:
    """What is read without a pipeline must not find another test's state."""
    yield
    context = Container()[PipelineContext]
    if context.is_active():
        context.deactivate()


@pytest.fixture
def plain_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Office], Plain]:
    def make(office: Office) -> Plain:
        monkeypatch.setattr(source_module, "connect", lambda _settings: office.connection)
        return Plain(office, tmp_path)

    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    return make


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five rows a page."""

    def small(self: Settings, names: Iterable[str]) -> tuple[Entity, ...]:
        return tuple(
            replace(each, page_rows=5) if each.kind is Kind.WINDOWED else each
            for each in named(self, names)
        )

    named = Settings.named
    monkeypatch.setattr(Settings, "named", small)


@pytest.fixture
def plain(office: Office, plain_of: Callable[[Office], Plain]) -> Plain:
    return plain_of(office)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A source that is only looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("made"))
        return pipedrive_source(KEY)


@pytest.fixture(scope="session")
def first_load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pipeline that has loaded deals and their children once."""
    folder = tmp_path_factory.mktemp("first_load")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        patch.delenv("PIPEDRIVE_API_TOKEN", raising=False)
        office = Office(folder, deals=SMALL)
        patch.setattr(source_module, "connect", lambda _settings: office.connection)
        Plain(office, folder).run(*DEALS)
        office.warehouse.close()
    return folder


@pytest.fixture
def loaded(first_load: Path, tmp_path: Path, plain: Plain) -> Plain:
    """A pipeline of its own, run once: the same company, a copy of the files."""
    shutil.copytree(first_load, tmp_path, dirs_exist_ok=True)
    return plain
