"""What is installed without an extra, and what a missing extra says."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from pipedrive_assets.errors import MissingExtraError, PipedriveError, missing_extra
from pipedrive_assets.errors.extras import EXTRA_OF_MODULE
from pipedrive_assets.extract.unexpected import foreseen
from pipedrive_assets.sandbox import Sandbox, World, serve
from pipedrive_assets.views.overview_page import charts_missing
from pipedrive_assets.windows import utc_now

tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
NAME = re.compile(r"[A-Za-z0-9._-]+")
OF_OURS = re.compile(r"pipedrive-assets\[(.+)\]")


def packages(requirements):
    """The names of all packages that requirements install directly."""
    found = set()
    for requirement in requirements:
        if ours := OF_OURS.match(requirement):
            found |= packages(line for extra in ours[1].split(",") for line in EXTRAS[extra])
        else:
            found.add(NAME.match(requirement)[0].lower())
    return found


HIDING = """
import sys

class Hiding:
    def find_spec(name, path=None, target=None):
        if name in {hidden}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hiding)
"""


def run(code, *hidden):
    """Run Python where modules are not installed."""
    return subprocess.run(
        [sys.executable, "-c", f"{HIDING.format(hidden=set(hidden))}\n{code}"],
        env={**os.environ, "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("module", EXTRA_OF_MODULE)
def test_the_extra_that_is_named_installs_the_module_and_the_core_does_not(module):
    (package,) = set(packages_distributions()[module])

    assert package in packages(EXTRAS[EXTRA_OF_MODULE[module]])
    assert package not in packages(PROJECT["project"]["dependencies"])


def test_all_has_every_extra_that_is_not_for_contributors():
    assert packages(EXTRAS["all"]) == packages(
        line for name, lines in EXTRAS.items() if name not in {"dev", "test"} for line in lines
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argv", "extra"),
    [
        (["load", "stages"], "dlt"),
        (["plan"], "dlt"),
        (["reconcile"], "dlt"),
        (["purge", "--person", "1"], "dlt"),
        (["doctor"], "dlt"),
        (["try"], "dagster"),
    ],
)
def test_a_command_without_its_extra_is_one_sentence(argv, extra):
    code = f"from pipedrive_assets.cli import main; sys.exit(main({argv}))"

    done = run(code, *EXTRA_OF_MODULE)

    assert 2 == done.returncode
    assert not done.stdout
    assert 1 == len(done.stderr.splitlines())
    assert done.stderr.startswith("MissingExtraError: ")
    assert f"needs pip install 'pipedrive-assets[{extra}]'" in done.stderr


@pytest.mark.parametrize(
    ("code", "extra"),
    [
        ("from pipedrive_assets import defs", "dagster"),
        ("from pipedrive_assets.dlt_source import pipedrive_source", "dlt"),
    ],
)
def test_an_import_without_its_extra_is_an_import_error_of_one_sentence(code, extra):
    caught = f"try:\n {code}\nexcept ImportError as error:\n print(type(error).__name__, error)"

    done = run(caught, *EXTRA_OF_MODULE)

    assert done.stdout.startswith("MissingExtraError "), done.stderr
    assert f"needs pip install 'pipedrive-assets[{extra}]'\n" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("argv", [["entities"], ["singer", "--help"], ["sandbox", "--help"]])
def test_other_commands_need_no_extra(argv):
    code = f"from pipedrive_assets.cli import main; sys.exit(main({argv}))"

    assert 0 == run(code, *EXTRA_OF_MODULE).returncode


@pytest.mark.slow
def test_the_tap_needs_no_extra(tmp_path):
    config = tmp_path / "config.json"
    sandbox = Sandbox(World(deals=3, instant=utc_now()), api_token="token-of-the-sandbox")
    with serve(sandbox) as server:
        facts = {"api_token": sandbox.api_token, "base_url": server.url}
        config.write_text(json.dumps(facts), "utf-8")
        code = f"from pipedrive_assets.cli import tap; sys.exit(tap(['-c', {str(config)!r}, '-d']))"

        done = run(code, *EXTRA_OF_MODULE)

    assert 0 == done.returncode, done.stderr
    assert json.loads(done.stdout)["streams"]


def test_a_module_of_no_extra_is_a_bug():
    error = ModuleNotFoundError("No module named 'x'", name="x")

    assert missing_extra(error, "loading") is None
    assert not isinstance(foreseen(error, "loading"), MissingExtraError)


def test_a_missing_extra_in_a_run_is_a_configuration_error():
    error = foreseen(ModuleNotFoundError(name="psycopg2"), "loading deals")

    assert isinstance(error, PipedriveError)
    assert 2 == error.exit_code
    assert "loading deals needs pip install 'pipedrive-assets[postgres]'" in str(error)


def test_charts_are_missing_where_nothing_draws(monkeypatch):
    assert not charts_missing()

    monkeypatch.setattr("pipedrive_assets.views.overview_page.find_spec", lambda _name: None)
    assert "pip install 'pipedrive-assets[charts]'" in charts_missing()


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize(
    ("hidden", "package"),
    [((), "dagster_embedded_elt"), (("dagster_embedded_elt",), "dagster_dlt")],
)
def test_dagster_dlt_is_used_where_dagster_embedded_elt_is_not_installed(hidden, package):
    pytest.importorskip(package)
    code = (
        "from pipedrive_assets.orchestration import embedded_elt as chosen; "
        f"import {package}.dlt as theirs; "
        "print(chosen.DagsterDltResource is theirs.DagsterDltResource)"
    )
    code = code if package == "dagster_embedded_elt" else code.replace(".dlt as", " as")

    assert "True\n" == run(code, *hidden).stdout
