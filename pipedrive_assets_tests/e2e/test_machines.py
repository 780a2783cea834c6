"""Past one machine: every step in a process with a working directory and a home of its own,
Dagster's history and the warehouse in PostgreSQL, with the dagster.yaml of deploy/postgres.
"""

import shutil
from urllib.parse import urlsplit

import pytest

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.windows import utc_now
from pipedrive_assets_tests.e2e import postgres
from pipedrive_assets_tests.e2e.conftest import ROOT
from pipedrive_assets_tests.truth import account_rows, differences

TABLES = ("deals", "persons", "stages")

pytestmark = [
    pytest.mark.skipif(bool(postgres.reason_to_skip()), reason=postgres.reason_to_skip()),
]


def environment(server: postgres.Server) -> dict[str, str]:
    """What deploy/postgres/dagster.yaml and the project ask for."""
    history, warehouse = urlsplit(server.new_database()), server.new_database()
    return {
        "DAGSTER_POSTGRES_HOST": str(history.hostname),
        "DAGSTER_POSTGRES_PORT": str(history.port),
        "DAGSTER_POSTGRES_USER": str(history.username),
        "DAGSTER_POSTGRES_PASSWORD": str(history.password),
        "DAGSTER_POSTGRES_DB": history.path.strip("/"),
        "PIPEDRIVE_DESTINATION": "postgres",
        "PIPEDRIVE_EXECUTOR": "multiprocess",
        "DESTINATION__POSTGRES__CREDENTIALS": warehouse,
    }


def test_steps_that_share_no_disk_go_on_where_others_stopped(project, account, server, tmp_path):
    sandbox, of_account = account
    machines = tmp_path / "machines"
    machines.mkdir()
    shutil.copy(ROOT / "deploy" / "postgres" / "dagster.yaml", project.folder / "dagster.yaml")
    project.environment |= {**of_account, **environment(server)}
    project.environment |= {
        "DAGSTER_HOME": str(project.folder),
        "MACHINES": str(machines),
        "PYTHONPATH": str(ROOT),
    }
    url = project.environment["DESTINATION__POSTGRES__CREDENTIALS"]

    def materialize(selection: str) -> str:
        today = f"{utc_now():%Y-%m-%d}"
        location = "-m pipedrive_assets_tests.e2e.machine"
        done = project.run(
            f"dagster asset materialize {location} --select '{selection}' --partition {today}"
        )
        assert 0 == done.returncode, done.stdout
        assert server.password not in done.stdout
        return done.stdout

    def wrong() -> list[str]:
        return [
            each
            for name in TABLES
            for each in differences(
                lambda: postgres.Reader(url),
                "pipedrive_data",
                BY_NAME[name],
                account_rows(sandbox, BY_NAME[name]),
            )
        ]

    first = materialize("deals,persons,stages,open_pipeline")
    assert [] == wrong()
    person = sandbox.world.ids("persons")[0]
    sandbox.world.advance(utc_now())
    sandbox.world.edit("persons", person, name="Edited in between")
    second = materialize("persons")

    assert [] == wrong()
    assert "open_pipeline: " in first
    assert "persons: 0 rows" not in second
    history = postgres.Reader(server.url(project.environment["DAGSTER_POSTGRES_DB"]))
    with history:
        runs = history.execute("SELECT status FROM runs").fetchall()
        tags = history.execute("SELECT DISTINCT key FROM run_tags").fetchall()
    places = list(machines.iterdir())
    assert [("SUCCESS",), ("SUCCESS",)] == runs
    assert {("pipedrive/warehouse",)} == {tag for tag in tags if tag[0].startswith("pipedrive/")}
    assert len(places) >= 5  # two commands, and three steps
    assert [] == [file for place in places for file in place.rglob("*")]
    assert ["dagster.yaml", "workspace.yaml"] == sorted(
        file.name for file in project.folder.iterdir()
    )
