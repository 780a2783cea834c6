"""The example of dbt as an analytics engineer runs it, also while a load runs, and in Dagster."""

import json
import os
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from threading import Event

import dagster as dg
import duckdb
import pytest

from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES
from pipedrive_assets.sandbox import Limits, Sandbox, World, serve
from pipedrive_assets.windows import utc_now
from pipedrive_assets_tests.e2e.conftest import (
    ROOT,
    Project,
    has_package_index,
    new_environment,
    pip_install,
)
from pipedrive_assets_tests.truth import account_rows

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="dagster-dbt does not support Python 3.14"
)
EXAMPLE = ROOT / "examples" / "dbt"
BEFORE_GATE = 15
"""Replies that a gated load gets before it has to wait."""


class Gate:
    """Holds back the replies to a load, from its sixteenth call on."""

    def __init__(self):
        self.opened, self.reached, self._left = Event(), Event(), 0
        self.opened.set()

    def close(self):
        self._left = BEFORE_GATE
        self.reached.clear()
        self.opened.clear()

    def __call__(self, _):
        self._left -= 1
        if self._left < 0:
            self.reached.set()
            self.opened.wait(120)


class Dbt:
    """The project, its account, and what dbt reports."""

    def __init__(self, project, sandbox, gate):
        self.project, self.sandbox, self.gate = project, sandbox, gate

    def run(self, command):
        done = self.project.run(command)
        assert 0 == done.returncode, done.stdout[-4000:]
        return done.stdout

    def results(self, name="run_results"):
        """The results of the last command, by their status."""
        found = json.loads((self.project.folder / "target" / f"{name}.json").read_text("utf-8"))
        by_status = {}
        for result in found["results"]:
            by_status.setdefault(result["status"], []).append(result["unique_id"])
        return by_status

    def query(self, sql):
        with duckdb.connect(str(self.project.folder / "data/dbt.duckdb"), read_only=True) as dbt:
            return dbt.execute(sql).fetchall()


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with this project's packages, and what the example requires."""
    folder = tmp_path_factory.mktemp("venv")
    programs = new_environment(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    seen = [path for path in sys.path if Path(path).name == "site-packages"]
    lines = [f"import site; site.addsitedir({path!r})" for path in seen]
    (site / "project.pth").write_text("\n".join([*lines, str(ROOT)]), "utf-8")
    wanted = (EXAMPLE / "requirements.txt").read_text("utf-8").splitlines()
    others = [line for line in wanted if not line.startswith(("#", "pipedrive-assets"))]
    failed = pip_install(programs, *others, f"dagster=={version('dagster')}")
    if failed and not has_package_index(folder):
        pytest.skip("no package index can be reached")
    assert not failed, failed
    return programs


@pytest.fixture(scope="module")
def dbt(environment, tmp_path_factory):
    """The example after the first load, with generated sources."""
    folder = tmp_path_factory.mktemp("dbt") / "project"
    folder.mkdir()
    project = Project(folder)
    for path in folder.iterdir():
        path.unlink()
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", "utf-8")
    began = utc_now().replace(hour=0, minute=0)
    sandbox = Sandbox(
        World(deals=10, instant=began), api_token="token-of-dbt", limits=Limits(burst=1000)
    )
    gate = Gate()
    with serve(sandbox, latency=1e-9, sleep=gate) as server:
        project.environment |= {
            "PATH": f"{environment}{os.pathsep}{project.environment['PATH']}",
            "PIPEDRIVE_API_TOKEN": sandbox.api_token,
            "PIPEDRIVE_BASE_URL": server.url,
            "PIPEDRIVE_READ_COPY": "data/pipedrive.duckdb",
            "DAGSTER_HOME": str(folder),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        made = Dbt(project, sandbox, gate)
        made.run("python -m pipedrive_assets load")
        made.run("python -m pipedrive_assets dbt sources --output models/sources.yml")
        made.run("dbt parse")
        yield made


def test_dbt_builds_while_a_load_writes_and_its_tests_hold_afterwards(dbt, tmp_path):
    copy = dbt.project.folder / "data" / "pipedrive.duckdb"
    before = copy.stat().st_ino
    world = dbt.sandbox.world
    world.advance(utc_now())
    for table in ("persons", "organizations", "deals", "products", "activities"):
        world.delete(table, world.ids(table)[0])
    dbt.gate.close()
    load = dbt.project.start("python -m pipedrive_assets load --full", tmp_path / "load")
    assert dbt.gate.reached.wait(60)
    build = dbt.project.start("dbt build --no-use-colors", tmp_path / "build")

    while "START test" not in (tmp_path / "build").read_text("utf-8"):
        assert build.poll() is None, (tmp_path / "build").read_text("utf-8")
        time.sleep(0.1)
    assert load.poll() is None
    assert before == copy.stat().st_ino
    dbt.gate.opened.set()

    assert (0, 0) == (load.wait(120), build.wait(120)), (tmp_path / "build").read_text("utf-8")
    assert before != copy.stat().st_ino
    assert {"pass", "success"} == dbt.results().keys()
    assert len(dbt.results()["pass"]) > 100
    assert dbt.query("SELECT count(*) FROM pipeline_by_stage_and_owner") > [(0,)]

    dbt.run("python -m pipedrive_assets reconcile")
    children = " ".join(entity.name for entity in DEFAULT_ENTITIES if entity.parent)
    dbt.run(f"python -m pipedrive_assets load {children}")  # confirms empty replies
    dbt.run("dbt build")
    built = dbt.results()
    dbt.run("dbt source freshness")

    assert {"pass", "success"} == built.keys()
    assert ["pass"] == [*dbt.results("sources")]
    assert 22 == len(dbt.results("sources")["pass"])


def test_deals_with_an_asset_of_your_own_and_dbt_models_materialize_in_one_run(dbt):
    deleted = dbt.sandbox.world.ids("deals")[-1]
    dbt.sandbox.world.delete("deals", deleted)

    # By lineage, this selects the tables that the models read.
    done = dbt.run(
        "python -m dagster asset materialize -f definitions.py "
        f"--select '*pipeline_by_stage_and_owner,won_deals' --partition {utc_now():%Y-%m-%d}"
    )

    assert "RUN_SUCCESS" in done
    with dg.DagsterInstance.from_config(str(dbt.project.folder)) as instance:
        (run,) = instance.get_run_ids()
        for name in ("deals", "users", "won_deals", "stg_deals", "pipeline_by_stage_and_owner"):
            event = instance.get_latest_materialization_event(dg.AssetKey(name))
            assert event, name
            assert run == event.run_id
    held = account_rows(dbt.sandbox, BY_NAME["deals"])
    alive = {row["id"] for row in held if not row["is_deleted"]}
    assert deleted not in alive
    assert alive == {deal for (deal,) in dbt.query("SELECT deal_id FROM stg_deals")}
