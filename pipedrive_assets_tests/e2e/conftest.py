"""A project folder as a stranger has it: this repository's files, an empty home, nothing
exported."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipedrive_assets.sandbox import Limits, Sandbox, World, serve
from pipedrive_assets.windows import utc_now

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
INDEX_VARIABLES = {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "PIP_CERT", "SSL_CERT_FILE"}
"""How this machine reaches the package index."""


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


class Project:
    """A copy of what the commands need, and the commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home = folder.parent / "home"
        home.mkdir()
        self.environment = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
        }
        if "PYTHONPATH" in os.environ:  # a worktree that is not the one installed
            self.environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
        for name in ("workspace.yaml", "dagster.yaml"):
            shutil.copy(ROOT / name, folder / name)

    def run(
        self, command: str, *, timeout: float = 240, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command line as typed; standard error goes into the output."""
        return subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, command: str, log: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own."""
        with log.open("wb") as output:
            return subprocess.Popen(
                command.split(),
                cwd=self.folder,
                env={**self.environment, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def query(self, sql: str, warehouse: str = "data/sandbox.duckdb") -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.folder / warehouse), read_only=True) as connection:
            connection.execute("SET schema = 'pipedrive_data'")
            return connection.execute(sql).fetchall()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


@pytest.fixture
def account() -> Iterator[tuple[Sandbox, dict[str, str]]]:
    """An account on a real port, and the environment that points to it."""
    sandbox = Sandbox(
        World(deals=60, instant=utc_now()),
        api_token="t0ps3cret-0123456789-abcdef",
        limits=Limits(burst=120),
    )
    with serve(sandbox) as server:
        yield (
            sandbox,
            {
                "PIPEDRIVE_API_TOKEN": sandbox.api_token,
                "PIPEDRIVE_BASE_URL": server.url,
            },
        )
