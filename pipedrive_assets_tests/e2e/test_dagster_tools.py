"""Commands of Dagster that are not in the lock: dg with `examples/dg_project`, and Helm."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipedrive_assets.windows import utc_now
from pipedrive_assets_tests.e2e.conftest import BIN, ROOT, new_environment, pip_install

COMPONENT = "pipedrive_assets.PipedriveComponent"


@pytest.fixture(scope="module")
def bin_of_dg(tmp_path_factory):
    """An environment with dg that also sees the packages of this one."""
    folder = tmp_path_factory.mktemp("dg")
    programs = new_environment(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "these.pth").write_text("\n".join(each for each in sys.path if Path(each).is_dir()))
    package = f"dagster-dg-cli=={dg.__version__}"
    if failed := pip_install(programs, package):
        pytest.skip(f"{package} cannot be installed: {failed[-200:]}")
    return programs


def test_the_example_is_checked_listed_launched_and_scaffolded(bin_of_dg, project, account):
    sandbox, environment = account
    shutil.copytree(ROOT / "examples" / "dg_project", project.folder, dirs_exist_ok=True)
    (project.folder / "dagster.yaml").unlink()
    project.environment["PATH"] = f"{bin_of_dg}{os.pathsep}{BIN}{os.pathsep}/usr/bin:/bin"
    project.environment["PYTHONPATH"] = "src"

    checked = project.run("dg check yaml", **environment)
    listed = project.run("dg list defs --json 2> log", **environment)
    launched = project.run(
        f"dg launch --assets deals --partition {utc_now():%Y-%m-%d}", **environment
    )
    scaffold = f"dg scaffold defs {COMPONENT} second --key-prefix second --token-variable T"
    scaffolded = project.run(scaffold, **environment)
    second = project.folder / "src" / "dg_project" / "defs" / "second" / "defs.yaml"
    second.write_text(second.read_text("utf-8").replace("tables: default", "tables: nothing"))
    refused = project.run("dg check defs", **environment)

    assert 0 == checked.returncode, checked.stdout
    assert 0 == listed.returncode, (project.folder / "log").read_text("utf-8")
    assets = {each["asset_key"]: each["group_name"] for each in json.loads(listed.stdout)["assets"]}
    assert "crm" == assets["deals"]
    assert 0 == launched.returncode, launched.stdout[-3000:]
    (held,) = project.query("SELECT count(*) FROM deals", "data/warehouse.duckdb")[0]
    assert held >= len(sandbox.world.ids("deals"))
    assert 0 == scaffolded.returncode, scaffolded.stdout
    assert refused.returncode
    assert "src/dg_project/defs/second/defs.yaml: attributes.tables: 'nothing'" in refused.stdout
    for done in (checked, listed, launched, refused):
        assert sandbox.api_token not in done.stdout


def test_dagster_plus_accepts_dagster_cloud_yaml(bin_of_dg):
    code = (
        "import sys; from dagster_cloud_cli.config.models import load_dagster_cloud_yaml as load; "
        "print(load(sys.stdin.read()).locations[0].code_source.module_name)"
    )

    done = subprocess.run(
        [bin_of_dg / "python", "-c", code],
        input=(ROOT / "dagster_cloud.yaml").read_text("utf-8"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "pipedrive_assets") == (done.returncode, done.stdout.strip()), done.stderr


def test_the_chart_renders_with_our_values(tmp_path):
    if not shutil.which("helm"):
        pytest.skip("helm is not installed")
    yaml = pytest.importorskip("yaml")
    chart = ["dagster", "--repo", "https://dagster-io.github.io/helm", "--version", dg.__version__]
    environment = {**os.environ, "HELM_CACHE_HOME": str(tmp_path / "cache")}
    pulled = subprocess.run(
        ["helm", "pull", *chart, "--destination", str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if pulled.returncode:
        pytest.skip(f"the chart cannot be downloaded: {pulled.stderr[-200:]}")
    (file,) = tmp_path.glob("dagster-*.tgz")
    values = ROOT / "deploy" / "kubernetes" / "values.yaml"

    done = subprocess.run(
        ["helm", "template", "dagster", str(file), "--values", str(values)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    made = [each for each in yaml.safe_load_all(done.stdout) if each]
    (instance,) = [
        each["data"]["dagster.yaml"]
        for each in made
        if each["kind"] == "ConfigMap" and "dagster.yaml" in each.get("data", {})
    ]
    assert "K8sRunLauncher" in instance
    assert "pipedrive/warehouse" in instance
    names = {each["metadata"]["name"] for each in made if each["kind"] == "Deployment"}
    assert "dagster-dagster-user-deployments-pipedrive" in names
