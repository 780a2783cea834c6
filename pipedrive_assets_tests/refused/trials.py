"""One account, one front end: runs that are refused, then a healthy one, and what is then held."""

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar

import duckdb
import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.pipeline.exceptions import PipelineStepFailed

from pipedrive_assets.dlt_source import source as source_module
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.custom_fields import ENDPOINT_OF, OWN_SHAPES
from pipedrive_assets.load import reconcilable
from pipedrive_assets.registry import BY_NAME, ENTITIES, Entity
from pipedrive_assets.sandbox import World
from pipedrive_assets.sandbox.faults import Fault
from pipedrive_assets.singer import Catalog
from pipedrive_assets_tests.conftest import NOON, Office
from pipedrive_assets_tests.dlt_source.conftest import Plain
from pipedrive_assets_tests.singer.conftest import STREAMS, Bench
from pipedrive_assets_tests.singer.conftest import differences as stream_differences
from pipedrive_assets_tests.truth import (
    account_rows,
    custom_differences,
    custom_values,
    differences,
)

DEALS = 4
DAY = timedelta(days=1)
ALL = tuple(entity.name for entity in ENTITIES)
COMPARED = tuple(entity.name for entity in ENTITIES if entity.shape not in OWN_SHAPES)

Keys = dict[str, set[tuple[Any, ...]]]


@cache
def world_of(days: int) -> World:
    """The account after some days; a copy of it is what a trial changes."""
    world = World(deals=DEALS, instant=NOON)
    if days:
        world.advance(NOON + days * DAY)
    return world


class Trial:
    """What the front ends have in common. `names` are the tables that are read."""

    front_end = ""

    how: Mapping[str, Any] = {}
    """Further arguments of each run."""

    def __init__(self, folder: Path, names: Iterable[str] = ALL) -> None:
        self.names = tuple(names)
        self.folder = folder
        self.office = Office(folder)
        self._take_world(0)

    def _take_world(self, days: int) -> None:
        self.office.world = self.office.sandbox.world = deepcopy(world_of(days))

    @property
    def compared(self) -> list[str]:
        return [name for name in self.names if name in COMPARED]

    def run(self) -> None:
        """One run; raises PipedriveError."""
        raise NotImplementedError

    def held(self) -> Keys:
        """The keys of all rows that count as alive."""
        raise NotImplementedError

    def differences(self) -> list[str]:
        """What is held otherwise than the account has it."""
        raise NotImplementedError

    def refused(self, *rules: Fault) -> PipedriveError | None:
        """A run under these rules; what it ended with. Any other exception is a fault of ours."""
        self.office.sandbox.inject(*rules)
        try:
            self.run()
        except PipedriveError as error:
            return error
        finally:
            self.office.sandbox.clear_faults()
        return None

    def live(self) -> Keys:
        """The keys of all rows that the account has."""
        return {
            name: {
                tuple(row[column] for column in BY_NAME[name].key)
                for row in account_rows(self.office.sandbox, BY_NAME[name])
            }
            for name in self.compared
        }

    def wrongs(self, *rules: Fault, runs: int = 1) -> list[str]:
        """Refused runs, then a healthy one: what was removed wrongly by the former, and what the
        latter leaves otherwise than the account.
        """
        before, live = self.held(), self.live()
        wrong: list[str] = []
        for _ in range(runs):
            self.refused(*rules)
            after = self.held()
            wrong += [
                f"{name} {key} was held and is in the account; the refused run removed it"
                for name, keys in before.items()
                for key in sorted(keys & live[name] - after.get(name, set()), key=str)
            ]
        self.run()
        return [*wrong, *self.differences()]

    def close(self) -> None:
        self.office.warehouse.close()


class LoadTrial(Trial):
    """`python -m pipedrive_assets load`."""

    front_end = "load"

    def run(self) -> None:
        self.office.load(*self.names, **self.how)

    def _connection(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(self.office.warehouse.path), read_only=True)

    def held(self) -> Keys:
        if not self.office.warehouse.path.exists():
            return {}
        with self._connection() as connection:
            tables = {
                name
                for (name,) in connection.execute(
                    "SELECT table_name FROM information_schema.tables "
                    "WHERE table_schema = 'pipedrive_data'"
                ).fetchall()
            }
            return {
                name: set(
                    connection.execute(
                        f"SELECT {', '.join(BY_NAME[name].key)} FROM pipedrive_data.{name} "
                        "WHERE _deleted_at IS NULL"
                    ).fetchall()
                )
                for name in self.compared
                if name in tables
            }

    def differences(self) -> list[str]:
        found: list[str] = []
        with self._connection() as connection:
            for entity in (BY_NAME[name] for name in self.compared):
                rows = account_rows(self.office.sandbox, entity)
                found += differences(connection.cursor, "pipedrive_data", entity, rows)
                if entity.fields and entity.shape == "plain":
                    found += custom_differences(
                        self.office.sandbox, connection.cursor, "pipedrive_data", entity, rows
                    )
        return found


class PurgeTrial(LoadTrial):
    """A load and a reconciliation, both with `PIPEDRIVE_DELETED=purge`."""

    front_end = "load and reconcile, purge"
    how: ClassVar = {"purge_deleted": True}

    def run(self) -> None:
        names = [each.name for each in reconcilable(BY_NAME[name] for name in self.names)]
        try:
            super().run()
        finally:
            self.office.reconcile(*names, purge_deleted=True)


class PlainTrial(LoadTrial):
    """A plain dlt pipeline into DuckDB."""

    front_end = "plain"

    def __init__(self, folder: Path, names: Iterable[str] = ALL) -> None:
        super().__init__(folder, names)
        self.plain = Plain(self.office, folder)

    def run(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(source_module, "connect", lambda _settings: self.office.connection)
            patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
            try:
                self.plain.run(*self.names, **self.how)
            except PipelineStepFailed as failed:
                error = _cause(failed)
                if error is None:
                    raise
                raise error from failed
            finally:
                _deactivate()


def _deactivate() -> None:
    """A later run of another front end must not find this pipeline, whose files are removed."""
    context = Container()[PipelineContext]
    if context.is_active():
        context.deactivate()


def _cause(error: BaseException | None) -> PipedriveError | None:
    while error is not None and not isinstance(error, PipedriveError):
        error = error.__cause__ or error.__context__
    return error


class SingerTrial(Trial):
    """The tap, and a target that keeps the last record of each key."""

    front_end = "singer"

    def __init__(self, folder: Path, names: Iterable[str] = ALL) -> None:
        super().__init__(folder, names)
        self.bench = Bench(self.office)
        self._catalog: Catalog | None = None
        self.streams = [each for each in STREAMS.values() if each.table in self.names]

    @property
    def compared(self) -> list[str]:
        return [stream.tap_stream_id for stream in self.streams if stream.table in COMPARED]

    def refused(self, *rules: Fault) -> PipedriveError | None:
        self._discover()  # a catalog without custom fields leaves these out, as it says
        return super().refused(*rules)

    def run(self) -> None:
        self.bench.sync(self._discover())

    def _discover(self) -> Catalog:
        if self._catalog is None:
            names = (stream.tap_stream_id for stream in self.streams)
            self._catalog = self.bench.catalog(*names)
        return self._catalog

    def held(self) -> Keys:
        return {name: set(rows) for name, rows in self.bench.target.rows.items()}

    def live(self) -> Keys:
        return {name: set() for name in self.held()}  # a tap removes nothing

    def differences(self) -> list[str]:
        found: list[str] = []
        for name in self.compared:
            stream, rows = STREAMS[name], self.bench.target.rows.get(name, {})
            found += stream_differences(self.office, stream, rows)
            if stream.entity.fields and stream.entity.shape == "plain":
                found += self._custom_differences(stream.entity, rows)
        return found

    def _custom_differences(self, entity: Entity, rows: Mapping[Any, Any]) -> list[str]:
        endpoint = ENDPOINT_OF[entity.fields or ""]
        records = self.bench.target.state["custom_fields"].get(endpoint, ())
        named = {record["hash_string"]: record["normalized_name"] for record in records}
        expected = account_rows(self.office.sandbox, entity)
        return custom_values(self.office.sandbox, entity, expected, rows, named)


class PartialTrial(PlainTrial):
    """A plain dlt pipeline that keeps what was read before a failure."""

    front_end = "plain, keep_partial"
    how: ClassVar = {"keep_partial": True}


FRONT_ENDS: dict[str, type[Trial]] = {
    made.front_end: made for made in (LoadTrial, PurgeTrial, PlainTrial, PartialTrial, SingerTrial)
}


class Trials:
    """Trials of one set of tables, and what a run without refusals leaves of each state.

    A first run is made once for each front end; a trial of the second day begins with a copy of
    its files.
    """

    def __init__(self, folder: Path, names: Iterable[str] = ALL) -> None:
        self.folder, self.names = folder, tuple(names)
        self._firsts: dict[str, Trial] = {}
        self._allowed: dict[str, frozenset[str]] = {}

    def first(self, front_end: str) -> Trial:
        """A trial of which nothing has been read."""
        return FRONT_ENDS[front_end](Path(mkdtemp(dir=self.folder)), self.names)

    def second(self, front_end: str) -> Trial:
        """A trial that was read once, a day ago."""
        if front_end not in self._firsts:
            made = self._firsts[front_end] = self.first(front_end)
            made.run()
            made.close()
        origin = self._firsts[front_end]
        folder = Path(mkdtemp(dir=self.folder))
        shutil.copytree(origin.folder, folder, dirs_exist_ok=True)
        trial = FRONT_ENDS[front_end](folder, self.names)
        if isinstance(trial, SingerTrial) and isinstance(origin, SingerTrial):
            trial.bench.target = deepcopy(origin.bench.target)
        trial._take_world(1)
        return trial

    def allowed(self, front_end: str) -> frozenset[str]:
        """What a healthy second run leaves otherwise than the account: what no window shows."""
        if front_end not in self._allowed:
            trial = self.second(front_end)
            trial.run()
            self._allowed[front_end] = frozenset(trial.differences())
            trial.close()
        return self._allowed[front_end]

    def wrongs(self, front_end: str, state: str, *rules: Fault, runs: int = 1) -> list[str]:
        """What is wrong after refused runs and a healthy one; empty: nothing."""
        trial = self.first(front_end) if state == "first" else self.second(front_end)
        allowed = frozenset() if state == "first" else self.allowed(front_end)
        try:
            return [each for each in trial.wrongs(*rules, runs=runs) if each not in allowed]
        finally:
            trial.close()
            shutil.rmtree(trial.folder, ignore_errors=True)


def quiet(act: Callable[[], Any]) -> Any:
    """Without log lines: thousands of refusals are expected."""
    logging.disable(logging.CRITICAL)
    try:
        return act()
    finally:
        logging.disable(logging.NOTSET)
