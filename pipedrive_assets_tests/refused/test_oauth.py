"""An OAuth app in every front end: an ended consent, a missing scope, then a healthy run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipedrive_assets import errors
from pipedrive_assets.connect import Connection
from pipedrive_assets.load import LoadRequest, load
from pipedrive_assets.sandbox import faults
from pipedrive_assets.singer import PipedriveTap
from pipedrive_assets.windows import Window
from pipedrive_assets_tests.conftest import Office, chosen
from pipedrive_assets_tests.oauth_app import signed_in
from pipedrive_assets_tests.refused.trials import LoadTrial, PlainTrial, SingerTrial, Trial
from pipedrive_assets_tests.singer.conftest import Bench

NAMES = ("deals", "persons", "users", "stages", "deals_participants")


class OAuthOffice(Office):
    """An office that reads with an OAuth app; each connection has a consent of its own."""

    without: tuple[str, ...] = ()

    def __init__(self, folder: Path, **world: Any) -> None:
        super().__init__(folder, **world)
        self.folder = folder
        self.connections: list[Connection] = []

    @property
    def connection(self) -> Connection:
        self.connections.append(signed_in(self.sandbox, self.folder, without=self.without))
        return self.connections[-1]

    def load(self, *names: str, **how: Any) -> Any:
        request = LoadRequest(entities=chosen(names), window=Window(start=self.midnight), **how)
        return load(self.connection, self.warehouse, request)


class OAuthBench(Bench):
    """A tap that reads with an OAuth app."""

    def tap(self, out: Any = None, calls: int | None = None, state: Any = None) -> PipedriveTap:
        assert calls is None
        return PipedriveTap(
            self.config,
            self.target.state if state is None else state,
            connection=self.office.connection,
            out=out,
            now=lambda: self.office.sandbox.now,
        )


def trial_of(kind: type[Trial], folder: Path) -> Any:
    made: Any = kind(folder, NAMES)
    office = OAuthOffice(folder)
    office.world = office.sandbox.world = made.office.world
    made.office = office
    if kind is SingerTrial:
        made.bench = OAuthBench(office)
    elif kind is PlainTrial:
        made.plain.office = office
    return made


@pytest.fixture(
    params=[
        pytest.param(LoadTrial, marks=pytest.mark.slow),
        pytest.param(PlainTrial, marks=pytest.mark.slow),
        SingerTrial,
    ],
    ids=lambda kind: kind.front_end,
)
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = trial_of(request.param, tmp_path)
    yield made
    made.close()


def kinds(error: errors.PipedriveError | None) -> set[type]:
    """The classes of the errors of a run."""
    found = error.failures.values() if isinstance(error, errors.LoadFailed) else [error]
    return {type(each) for each in found}


def lost(before: Any, after: Any) -> list[Any]:
    return [(name, key) for name, keys in before.items() for key in keys - after[name]]


def test_a_consent_that_ends_during_a_run_fails_it_and_nothing_counts_as_read_or_deleted(
    trial: Any,
) -> None:
    ended = faults.uninstalled("*/persons*")
    assert {errors.ConsentEnded} == kinds(trial.refused(ended))
    trial.run()
    assert [] == trial.differences()
    before = trial.held()
    assert {errors.ConsentEnded} == kinds(trial.refused(ended))

    assert [] == lost(before, trial.held())
    assert before["persons"]


def test_access_tokens_that_end_during_a_run_are_not_noticed(trial: Any) -> None:
    ends = (faults.expired("*/persons"), faults.expired("*/deals/*").at(2))

    assert (None, []) == (trial.refused(*ends), trial.differences())
    assert len(trial.office.connections) + 2 == trial.office.sandbox.oauth.renewals


@pytest.mark.slow
def test_a_table_whose_scope_is_missing_is_refused_and_keeps_its_rows(trial: Any) -> None:
    trial.office.without = ("contacts:read", "users:read")
    assert errors.ScopeMissing in kinds(trial.refused())
    trial.office.without = ()
    trial.run()
    assert [] == trial.differences()
    before = trial.held()
    trial.office.without = ("contacts:read", "users:read")
    assert errors.ScopeMissing in kinds(trial.refused())

    assert [] == lost(before, trial.held())
    assert before["persons"]


def test_a_skipped_table_has_the_scope_in_its_report(tmp_path: Path) -> None:
    office = OAuthOffice(tmp_path, deals=2)
    office.without = ("users:read",)
    reports = {report.entity.name: report for report in office.load("users", "stages")}
    office.warehouse.close()

    assert ("Scope and URL mismatch", None) == (reports["users"].skipped, reports["stages"].skipped)
