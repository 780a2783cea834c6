"""The tutorial's commands, one after the other, as typed into a fresh folder."""

import os
import re
import shutil
import signal
import urllib.request
from pathlib import Path

import pytest

from pipedrive_assets_tests.e2e.conftest import BIN, ROOT, Project
from pipedrive_assets_tests.e2e.dev import until, with_group_gone

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
FENCE = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVES = "dagster dev"
NOT_COPIED = (".*", "data", "build", "*.egg-info", "__pycache__", "dist")


def typed(block):
    """The commands of a block, each with the lines shown below it."""
    shown = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(text.split("\n")[0], text.split("\n")[1:]) for text in shown]


def in_words(line):
    """What of a line is the same at every run: no number, no date, nothing in brackets."""
    return re.findall(r"[^\W\d_]{3,}", re.sub(r"\(.*\)", "", line))


@pytest.fixture
def fresh(tmp_path):
    """The repository as cloned, installed already: that takes a minute and the network."""
    if not (BIN.parent / "installed").exists():
        pytest.skip("what runs the tests was not installed by make")
    folder = tmp_path / "project"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for name in ("requirements.lock", "pyproject.toml"):
        os.utime(folder / name, (0, 0))
    (folder / ".venv").symlink_to(BIN.parent)
    project = Project(folder)
    project.environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
    return project


def test_every_command_of_the_tutorial_works_and_prints_what_it_shows(fresh, tmp_path):
    entered, missing = "set -e", []
    for language, block in FENCE.findall(TUTORIAL):
        if language == "python":
            (fresh.folder / "chart.py").write_text(block, "utf-8")
            continue
        for command, shown in typed(block):
            if command.startswith(". "):
                entered += f"; {command}"
            elif command == SERVES:
                serve(fresh, tmp_path / "dev.log")
            else:
                done = fresh.run(f"{entered}; {command}")
                assert 0 == done.returncode, f"{command}\n{done.stdout}"
                said = done.stdout
                missing += [
                    f"{command}: {line}"
                    for line in shown
                    if not all(word in said for word in in_words(line))
                ]
    assert [] == missing
    assert "<svg" in (fresh.folder / "data" / "sales_overview_sandbox.html").read_text("utf-8")


def serve(project, log):
    """Start what does not end by itself, ask it for its page, and end it."""
    process = project.start(str(Path(".venv/bin") / SERVES), log)
    try:
        (url,) = until(lambda: address(log))
        assert 200 == until(lambda: status(url))  # It names the address before it listens.
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=120)
        finally:
            with_group_gone(process.pid)


def status(url):
    with urllib.request.urlopen(url, timeout=20) as page:
        return page.status


def address(log):
    found = re.findall(r"Serving dagster-webserver on (http://\S+)", log.read_text("utf-8"))
    assert found
    return found
