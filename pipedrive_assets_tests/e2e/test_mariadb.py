"""The plain dlt source on a database that this project has no code for: MariaDB."""

import re
import shutil
import signal
import time
from contextlib import closing
from datetime import timedelta

import pytest

from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES
from pipedrive_assets.sandbox import Limits, Sandbox, World, serve
from pipedrive_assets.windows import utc_now
from pipedrive_assets_tests.e2e import mariadb
from pipedrive_assets_tests.e2e.conftest import ROOT
from pipedrive_assets_tests.load.test_load import DERIVED
from pipedrive_assets_tests.truth import account_rows, custom_differences, differences

DATASET = "pipedrive_data"
DAYS = 3
RUN = "python mariadb_pipeline.py"
BLOCKED = (
    "SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'"
)


AS_READ = re.compile(r"deals_flow .*'participant:\d+'\)\.event:")
"""What a history has of a participant is as of when it was read; their later changes do not change
the deal."""


@pytest.fixture(scope="module")
def server():
    if reason := mariadb.reason_to_skip():
        pytest.skip(reason)
    with mariadb.running() as found:
        yield found


@pytest.fixture
def place(project, server):
    """A folder with the example, a database, and an account that has lived for some days."""
    for path in project.folder.iterdir():
        path.unlink()
    shutil.copy(ROOT / "examples" / "mariadb_pipeline.py", project.folder)
    for name in (DATASET, f"{DATASET}_staging"):
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
    sandbox = Sandbox(
        World(deals=12, instant=utc_now() - timedelta(days=DAYS + 1)), limits=Limits(burst=1_000)
    )
    with serve(sandbox) as http:
        project.environment |= {
            "PYTHONPATH": str(ROOT),
            "PIPEDRIVE_API_TOKEN": sandbox.api_token,
            "PIPEDRIVE_BASE_URL": http.url,
            "DESTINATION__SQLALCHEMY__CREDENTIALS": server.url,
            "DLT_DATA_DIR": str(project.folder / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }
        yield project, sandbox


def differences_in(server, sandbox):
    """What the tables have otherwise than the account, save what update times never show."""
    found = []
    for entity in DEFAULT_ENTITIES:
        if entity.shape in OWN_SHAPES:
            continue
        expected = account_rows(sandbox, entity)

        def reader():
            return mariadb.Reader(server)

        found += differences(reader, DATASET, entity, expected)
        if entity.fields and entity.name != "products":
            found += custom_differences(sandbox, reader, DATASET, BY_NAME[entity.name], expected)
    return [
        each
        for each in found
        if not each.endswith("is not in the account")
        and not AS_READ.match(each)
        and (re.search(r"\.(\w+):", each) or [None, None])[1] not in DERIVED
    ]


def test_days_of_changes_are_in_mariadb(place, server):
    project, sandbox = place

    for _ in range(DAYS):
        done = project.run(RUN)

        assert 0 == done.returncode, done.stdout
        assert [] == differences_in(server, sandbox)
        sandbox.world.advance(sandbox.world.instant + timedelta(days=1))

    assert server.password not in done.stdout
    assert sandbox.api_token not in done.stdout


@pytest.mark.parametrize(
    ("table", "folder_is_kept"),
    [("deals", True), ("persons__emails", False), ("_dlt_pipeline_state", False)],
)
def test_a_run_killed_while_it_writes_is_completed_by_the_next(
    place, server, table, folder_is_kept
):
    project, sandbox = place
    assert 0 == project.run(RUN).returncode
    sandbox.world.advance(sandbox.world.instant + timedelta(days=1))

    with closing(server.connect()) as other, other.cursor() as cursor:
        cursor.execute(f'LOCK TABLES "{DATASET}"."{table}" READ')
        process = project.start(RUN, project.folder / "log")
        while process.poll() is None and not server.execute(BLOCKED)[0][0]:
            time.sleep(0.05)
        process.kill()
        killed = process.wait()
    if not folder_is_kept:
        shutil.rmtree(project.folder / "dlt")
    done = project.run(RUN)

    assert -signal.SIGKILL == killed, (project.folder / "log").read_text("utf-8")
    assert 0 == done.returncode, done.stdout
    assert [] == differences_in(server, sandbox)


def test_a_second_run_at_the_same_time_is_refused(place, server):
    project, _ = place
    with closing(server.connect()) as other, other.cursor() as cursor:
        cursor.execute(f"SELECT GET_LOCK('dlt:{DATASET}', 0)")
        refused = project.run(RUN)
    afterwards = project.run(RUN)

    assert 1 == refused.returncode
    assert "Another run is loading this dataset" in refused.stdout.splitlines()[-1]
    assert 0 == afterwards.returncode, afterwards.stdout
