"""A plain dlt pipeline as a stranger runs it: in a folder of its own, against a real port."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES
from pipedrive_assets_tests.e2e.conftest import ROOT
from pipedrive_assets_tests.truth import account_rows, differences


def differences_in(folder: Path, sandbox, names) -> list[str]:
    return [
        difference
        for name in names
        if BY_NAME[name].shape not in OWN_SHAPES
        for difference in differences(
            str(folder / "pipedrive.duckdb"),
            "pipedrive_data",
            BY_NAME[name],
            account_rows(sandbox, BY_NAME[name]),
        )
    ]


def secrets(folder: Path, key: str) -> None:
    text = f'[sources.pipedrive.credentials]\npipedrive_api_key = "{key}"\n'
    (folder / ".dlt").mkdir(exist_ok=True)
    (folder / ".dlt" / "secrets.toml").write_text(text, "utf-8")


@pytest.fixture
def plain_folder(project):
    project.environment |= {
        "PYTHONPATH": str(ROOT),
        "DLT_DATA_DIR": str(project.folder.parent / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    for path in project.folder.iterdir():
        path.unlink()
    return project


def test_the_example_runs_in_a_plain_folder(plain_folder, account):
    sandbox, environment = account
    secrets(plain_folder.folder, sandbox.api_token)
    shutil.copy(ROOT / "examples" / "pipedrive_pipeline.py", plain_folder.folder)

    first = plain_folder.run(
        "python pipedrive_pipeline.py", PIPEDRIVE_BASE_URL=environment["PIPEDRIVE_BASE_URL"]
    )
    asked = len(sandbox.log)
    second = plain_folder.run(
        "python pipedrive_pipeline.py", PIPEDRIVE_BASE_URL=environment["PIPEDRIVE_BASE_URL"]
    )

    assert 0 == first.returncode, first.stdout
    assert 0 == second.returncode, second.stdout
    assert "1 load package(s) were loaded to destination duckdb" in first.stdout
    names = [entity.name for entity in DEFAULT_ENTITIES]
    assert [] == differences_in(plain_folder.folder, sandbox, names)
    assert len(sandbox.log) - asked < 60
    assert sandbox.api_token not in first.stdout


def test_the_example_of_days_runs(plain_folder, account):
    _, environment = account
    shutil.copy(ROOT / "examples" / "pipedrive_pipeline.py", plain_folder.folder)

    done = plain_folder.run("python pipedrive_pipeline.py days", **environment)

    assert 0 == done.returncode, done.stdout


def test_an_error_of_pipedrive_is_the_last_thing_said(plain_folder, account):
    _, environment = account
    secrets(plain_folder.folder, "a-key-that-nobody-knows")
    shutil.copy(ROOT / "examples" / "pipedrive_pipeline.py", plain_folder.folder)

    done = plain_folder.run(
        "python pipedrive_pipeline.py", PIPEDRIVE_BASE_URL=environment["PIPEDRIVE_BASE_URL"]
    )

    assert 1 == done.returncode
    assert "Pipedrive answered 401" in done.stdout.strip().splitlines()[-1]
    assert "a-key-that-nobody-knows" not in done.stdout


def test_dlt_init_makes_a_folder_that_runs(plain_folder, account):
    sandbox, environment = account
    origin = plain_folder.folder.parent / "origin"
    shutil.copytree(ROOT / "sources", origin / "sources")
    for command in (
        "git init -q .",
        "git add -A",
        "git -c user.name=n -c user.email=e@example.com commit -qm sources",
    ):
        subprocess.run(command.split(), cwd=origin, check=True)

    made = plain_folder.run(f"dlt --non-interactive init pipedrive duckdb --location {origin}")
    secrets(plain_folder.folder, sandbox.api_token)
    done = plain_folder.run(
        "python pipedrive_pipeline.py selected",
        PIPEDRIVE_BASE_URL=environment["PIPEDRIVE_BASE_URL"],
    )
    imported = plain_folder.run(
        'python -c "from pipedrive.settings import ENTITY_MAPPINGS, RECENTS_ENTITIES"'
    )

    assert 0 == made.returncode, made.stdout
    assert 0 == done.returncode, done.stdout
    assert 0 == imported.returncode, imported.stdout
    names = ("products", "deals", "deals_participants")
    assert [] == differences_in(plain_folder.folder, sandbox, names)


def test_the_sandbox_command_serves_a_plain_pipeline_until_it_is_stopped(plain_folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    shutil.copy(ROOT / "examples" / "pipedrive_pipeline.py", plain_folder.folder)
    command = f"python -m pipedrive_assets sandbox --port {port}"
    server = plain_folder.start(command, plain_folder.folder / "server.log")
    try:
        done = plain_folder.run(
            "python pipedrive_pipeline.py since",
            PIPEDRIVE_API_TOKEN="sandbox",
            PIPEDRIVE_BASE_URL=url,
        )
        is_running = server.poll() is None
    finally:
        server.terminate()
        server.wait()

    assert 0 == done.returncode, done.stdout
    assert is_running
