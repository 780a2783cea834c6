"""Fixtures of the end-to-end tests, and the order in which they run."""

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
from pipedrive_assets_tests.e2e import postgres

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
INDEX_VARIABLES = {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "PIP_CERT", "SSL_CERT_FILE"}
"""How this machine reaches the package index."""


LONGEST_FIRST = (
    "test_dbt",
    "test_commands",
    "test_wheel",
    "test_dagster_dev",
    "test_postgres",
    "test_mariadb",
    "test_observable",
    "test_tutorial",
    "test_automation",
    "test_meltano",
    "test_plain_dlt",
    "test_days",
    "test_code_location",
    "test_month",
)
"""Modules that take longest. They start first: each runs in one process, and a long module that
starts last keeps one core busy while the other has nothing to do."""


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.e2e)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


def new_environment(folder: Path) -> Path:
    """The bin folder of a new virtual environment. `pip_install` installs into it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin"


def pip_install(bin_folder: Path, *arguments: str | Path) -> str:
    """Install packages with the pip of these tests; return its errors, empty after a success.

    Modules are compiled when they are imported: most never are.
    """
    pip = (sys.executable, "-m", "pip", "--python", bin_folder / "python")
    done = subprocess.run(
        [*pip, "install", "--quiet", "--disable-pip-version-check", "--no-compile", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


def has_package_index(folder: Path) -> bool:
    """Whether packages can be downloaded, into a folder."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps")
    command = [*pip, "--no-cache-dir", "--dest", str(folder), "click"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


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


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """A PostgreSQL server; each test has databases of its own in it."""
    if reason := postgres.reason_to_skip():
        pytest.skip(reason)
    with postgres.running() as found:
        yield found


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Iterator[tuple[Sandbox, dict[str, str]]]:
    """An account on a real port, and the environment that points to it.

    It has 12 deals, or as many as a test passes as indirect parameter.
    """
    sandbox = Sandbox(
        World(deals=getattr(request, "param", 12), instant=utc_now()),
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
