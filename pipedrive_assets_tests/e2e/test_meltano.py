"""The Meltano project in `examples/meltano`, in a clone of this repository."""

import json
import os
import shutil

import pytest

from pipedrive_assets.singer.stream import OPTIONAL_STREAMS
from pipedrive_assets_tests.e2e.conftest import INDEX_VARIABLES, ROOT, new_environment, pip_install

MELTANO = "meltano==4.4.1"
SANDBOX = ".meltano/extractors/tap-pipedrive/venv/bin/pipedrive-assets"
"""The command that the documentation names for the sandbox."""

JOB = "dev:tap-pipedrive-to-target-jsonl"


@pytest.fixture(scope="module")
def meltano(tmp_path_factory):
    """The bin folder of an environment with Meltano."""
    programs = new_environment(tmp_path_factory.mktemp("meltano"))
    if pip_install(programs, MELTANO):
        pytest.skip(f"{MELTANO} cannot be installed: the package index cannot be reached")
    return programs


@pytest.fixture
def example(project, meltano):
    """The example where a clone has it, with what an installation needs."""
    clone = project.folder
    for name in ("pyproject.toml", "README.md", "LICENSE", "pipedrive_assets"):
        (clone / name).symlink_to(ROOT / name)
    project.folder = clone / "examples" / "meltano"
    shutil.copytree(ROOT / "examples" / "meltano", project.folder)
    project.environment.pop("PYTHONPATH", None)
    project.environment |= {name: os.environ[name] for name in INDEX_VARIABLES & os.environ.keys()}
    # pip has the machine's index and certificates; uv, Meltano's default, has its own settings.
    project.environment["MELTANO_VENV_BACKEND"] = "virtualenv"
    project.environment["PATH"] = f"{meltano}{os.pathsep}/usr/bin:/bin"
    return project


@pytest.mark.parametrize("account", [60], indirect=True)
def test_the_example_syncs_with_every_stream_selected_for_few_tokens(example, account):
    sandbox, environment = account
    environment = {"TAP_PIPEDRIVE_BASE_URL": environment["PIPEDRIVE_BASE_URL"]}
    (example.folder / ".env").write_text(f"TAP_PIPEDRIVE_API_TOKEN={sandbox.api_token}\n", "utf-8")
    before = sandbox.tokens_spent

    installed = example.run("meltano install")
    first = example.run("meltano run tap-pipedrive target-jsonl", **environment)
    cost = sandbox.tokens_spent - before
    rows = read(example.folder)
    second = example.run(
        "meltano run --refresh-catalog tap-pipedrive target-jsonl",
        TAP_PIPEDRIVE_OPTIONAL_STREAMS='["deals_participants"]',
        **environment,
    )
    state = json.loads(example.run(f"meltano --log-level=error state get {JOB}").stdout)

    assert 0 == installed.returncode, installed.stdout
    assert 0 == first.returncode, first.stdout
    assert 0 == second.returncode, second.stdout
    assert {*sandbox.world.ids("deals")} <= {row["id"] for row in rows["deals"]}
    assert set() == OPTIONAL_STREAMS & rows.keys()
    assert cost < 600
    assert "optional_streams" in first.stdout
    more = read(example.folder)
    assert len(more["deals"]) < len(rows["deals"]) + 10
    assert more["deals_participants"]
    assert {"deals", "deals_participants"} <= state["singer_state"]["bookmarks"].keys()
    assert (example.folder / SANDBOX).exists()
    written = (ROOT / "examples" / "meltano" / "meltano.yml").read_text("utf-8")
    assert written == (example.folder / "meltano.yml").read_text("utf-8")
    assert sandbox.api_token not in first.stdout + second.stdout + json.dumps(state)


def read(folder):
    """Rows by stream."""
    return {
        path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for path in (folder / "output").glob("*.jsonl")
    }
