"""The wheel in fresh environments: each front end runs with its extra and nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipedrive_assets.windows import utc_now
from pipedrive_assets_tests.e2e.conftest import (
    INDEX_VARIABLES,
    ROOT,
    has_package_index,
    new_environment,
    pip_install,
)

OF_PIP = {"pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel"}
MOST_MEGABYTES = 60
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[.*?\])?(==.*?) *\\?$", re.MULTILINE)
"""A requirement of the lock, without extras and hashes: constraints may have neither."""
PIPELINE = """
import dlt
from pipedrive_assets.dlt_source import pipedrive_source

pipeline = dlt.pipeline("pipedrive", destination="duckdb", dataset_name="crm")
print(pipeline.run(pipedrive_source().with_resources("stages")))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this repository; without a package index there is nothing to install it with."""
    folder = tmp_path_factory.mktemp("wheel")
    if not has_package_index(folder):
        pytest.skip("no package index can be reached")
    build = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation")
    made = subprocess.run(
        [*build, "-w", str(folder), str(copy(folder))], capture_output=True, text=True, check=False
    )
    assert 0 == made.returncode, made.stderr
    (path,) = folder.glob("pipedrive_assets-*.whl")
    return path


def copy(folder):
    """What a wheel is built from, so that the build leaves nothing in this repository."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "pipedrive_assets"):
        (source / name).symlink_to(ROOT / name)
    return source


@pytest.fixture
def installed(wheel, tmp_path, project):
    """Gives the project an environment; installs an extra there, in the versions of the lock."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pins = tmp_path / "pins.txt"
    pins.write_text("\n".join(name + rest for name, rest in PIN.findall(lock)), "utf-8")

    programs = new_environment(tmp_path / "environment")
    project.environment.pop("PYTHONPATH", None)
    project.environment["PATH"] = f"{programs}{os.pathsep}/usr/bin:/bin"

    def install(extra=""):
        failed = pip_install(programs, "--constraint", pins, f"{wheel}{extra}")
        assert not failed, failed
        (site,) = programs.parent.glob("lib/python*/site-packages")
        return site

    return install


def megabytes(site: Path):
    ours = [path for path in site.iterdir() if path.name.split("-")[0] not in OF_PIP]
    files = [file for path in ours for file in (path, *path.rglob("*")) if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def test_each_front_end_runs_with_its_extra_and_nothing_else(installed, project, account):
    _, environment = account
    site = installed()
    the_tap_runs_without_dagster_and_dlt_and_is_small(site, project, account)
    commands_without_their_extra_name_it(project)

    installed("[dlt]")
    the_dlt_source_and_a_load_run(site, project, environment)

    shutil.rmtree(project.folder / "data")
    installed("[dagster]")
    the_assets_run_also_without_dagster_embedded_elt(project, environment)


def the_tap_runs_without_dagster_and_dlt_and_is_small(site, project, account):
    sandbox, environment = account
    config = {"api_token": sandbox.api_token, "base_url": environment["PIPEDRIVE_BASE_URL"]}
    (project.folder / "config.json").write_text(json.dumps(config), "utf-8")

    found = project.run("tap-pipedrive --config config.json --discover 2> log")
    (project.folder / "catalog.json").write_text(found.stdout, "utf-8")
    sync = project.run("tap-pipedrive --config config.json --catalog catalog.json 2> log")

    assert (0, 0) == (found.returncode, sync.returncode), (project.folder / "log").read_text()
    messages = [json.loads(line) for line in sync.stdout.splitlines()]
    assert {"SCHEMA", "RECORD", "STATE"} == {message["type"] for message in messages}
    names = {path.name.split("-")[0] for path in site.iterdir()}
    assert set() == {name for name in names if name.startswith(("dagster", "dlt", "duckdb"))}
    assert MOST_MEGABYTES > megabytes(site)


def commands_without_their_extra_name_it(project):
    load, tried = project.run("pipedrive-assets load"), project.run("pipedrive-assets try")

    assert (2, 2) == (load.returncode, tried.returncode)
    assert load.stdout.endswith("needs pip install 'pipedrive-assets[dlt]'\n")
    assert tried.stdout.endswith("needs pip install 'pipedrive-assets[dagster]'\n")
    assert ["1"] * 2 == [str(len(done.stdout.splitlines())) for done in (load, tried)]
    assert 0 == project.run("pipedrive-assets entities").returncode


def the_dlt_source_and_a_load_run(site, project, environment):
    (project.folder / "pipeline.py").write_text(PIPELINE, "utf-8")

    load = project.run("pipedrive-assets load stages deals", **environment)
    plain = project.run("python pipeline.py", DLT_DATA_DIR=str(project.folder), **environment)

    assert 0 == load.returncode, load.stdout
    assert "sales overview" not in load.stdout
    assert project.query("SELECT count(*) FROM stages", "data/warehouse.duckdb") > [(0,)]
    assert 0 == plain.returncode, plain.stdout
    assert "dataset crm" in plain.stdout
    assert [] == list(site.glob("dagster*"))


def the_assets_run_also_without_dagster_embedded_elt(project, environment):
    command = (
        "dagster asset materialize -m pipedrive_assets --select stages,sales_overview "
        f"--partition {utc_now().date().isoformat()}"
    )

    done = project.run(command, **environment)
    removed = project.run(
        f"{sys.executable} -m pip --python $(which python) uninstall --yes dagster-embedded-elt"
    )
    without = project.run(command, **environment)

    assert 0 == done.returncode, done.stdout
    assert project.query("SELECT count(*) FROM stages", "data/warehouse.duckdb") > [(0,)]
    assert "needs pip install 'pipedrive-assets[charts]'" in done.stdout
    assert "Successfully uninstalled dagster-embedded-elt" in removed.stdout
    assert 0 == without.returncode, without.stdout


def test_the_requirements_of_dlt_init_install_as_printed_in_a_fresh_environment(
    installed, project, account, tmp_path
):
    sandbox, environment = account
    installed("[dlt]")
    origin = tmp_path / "origin"
    shutil.copytree(ROOT / "sources", origin / "sources")
    commit = "git add -A && git -c user.name=n -c user.email=e@example.com commit -qm sources"
    subprocess.run(f"git init -q . && {commit}", shell=True, cwd=origin, check=True)
    for path in project.folder.iterdir():
        path.unlink()
    project.environment |= {name: os.environ[name] for name in INDEX_VARIABLES & os.environ.keys()}

    made = project.run(f"dlt --non-interactive init pipedrive duckdb --location {origin}")
    ours = project.run("pipedrive-assets dlt requirements")
    (printed,) = re.findall(r"^pip3 install .*$", made.stdout, re.MULTILINE)
    project.environment["PATH"] = "/usr/bin:/bin"
    project.environment["PIP_NO_COMPILE"] = "0"  # pip compiles nothing: it reads this as False
    project.run(f"{sys.executable} -m venv fresh")
    done = project.run(f". fresh/bin/activate && {printed}")
    loaded = project.run(
        ". fresh/bin/activate && python pipedrive_pipeline.py selected",
        DLT_DATA_DIR=str(tmp_path / "dlt"),
        **environment,
    )

    assert (0, 0) == (made.returncode, ours.returncode), made.stdout + ours.stdout
    assert "pipedrive-assets[dlt] @ file:///" in ours.stdout
    assert 0 == done.returncode, done.stdout
    assert 0 == loaded.returncode, loaded.stdout
    names = {row[0] for row in project.query("SELECT title FROM deals", "pipedrive.duckdb")}
    assert {sandbox.world.row("deals", key)["title"] for key in sandbox.world.ids("deals")} <= names
