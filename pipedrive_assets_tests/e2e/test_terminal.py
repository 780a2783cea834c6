"""A command on a terminal: its bar there, its results where they belong."""

import contextlib
import os
import pty
import subprocess


def test_the_bar_is_on_the_terminal_and_the_results_are_in_the_file(project):
    screen, terminal = pty.openpty()
    with (project.folder / "results.txt").open("wb") as results:
        command = subprocess.Popen(
            ["python", "-m", "pipedrive_assets", "load", "stages", "pipelines"],
            cwd=project.folder,
            env={**project.environment, "TERM": "xterm"},
            stdout=results,
            stderr=terminal,
        )
    os.close(terminal)
    drawn = everything(screen)

    assert 0 == command.wait(timeout=120), drawn
    assert "of 2 tables, 2 pages" in drawn
    said = (project.folder / "results.txt").read_text().splitlines()
    assert {"pipelines", "stages", "Token cost"} == {line.split(":")[0] for line in said}


def everything(screen):
    """What a terminal is sent until nobody writes to it any more."""
    sent = b""
    with contextlib.suppress(OSError):
        while some := os.read(screen, 10_000):
            sent += some
    os.close(screen)
    return sent.decode()
