"""What every command has in common: help, usage errors, exit codes, tables."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import click
import pytest

from pipedrive_assets.cli import main
from pipedrive_assets.cli.main import commands
from pipedrive_assets.cli.output import print_table
from pipedrive_assets.cli.progress import displayed
from pipedrive_assets.doctor import Finding, Level

NAMES = [
    "try",
    "load",
    "plan",
    "reconcile",
    "digest",
    "purge",
    "entities",
    "sandbox",
    "doctor",
    "dlt",
    "dbt",
]
NAMES += ["export", "rebuild", "diff", "mcp", "login", "singer"]
SLOW = {"dagster", "dlt", "duckdb", "pydantic", "requests", "rich"}


def test_help_lists_every_command(capsys):
    assert 0 == main(["--help"])

    listed = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert NAMES == [line.split()[0] for line in listed]
    assert all(line.endswith(".") for line in listed)


@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_help_in_sentences(name, capsys):
    assert 0 == main([name, "--help"])

    assert f" {name} [OPTIONS]" in capsys.readouterr().out
    options = [one for one in commands.commands[name].params if isinstance(one, click.Option)]
    assert all(option.help.endswith(".") for option in options)


@pytest.mark.parametrize("argv", [["--help"], ["load", "--help"], ["singer", "--help"]])
def test_help_imports_nothing_that_takes_long(argv):
    code = (
        "import sys; from pipedrive_assets.cli import main; "
        f"main({argv}); print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set() == SLOW & set(done.stdout.splitlines())


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "Commands:"),
        (["lode"], "No such command 'lode'"),
        (["load", "deal"], "'deal' is not a table. Did you mean deals?"),
        (["load", "--ful"], "No such option"),
        (["purge"], "Missing option '--person'"),
        (["purge", "--person", "Anna"], "'Anna' is not a valid integer"),
        (["singer"], "Missing option '-c' / '--config'"),
    ],
)
def test_a_usage_error_has_exit_code_2(argv, says, capsys):
    assert 2 == main(argv)

    said = capsys.readouterr()
    assert says in said.err
    assert not said.out


def test_an_error_of_the_project_is_one_line_on_standard_error(monkeypatch, capsys):
    monkeypatch.setenv("PIPEDRIVE_DAILY_AT", "noon")

    assert 2 == main(["plan"])

    said = capsys.readouterr()
    assert 1 == len(said.err.splitlines())
    assert said.err.startswith("ConfigurationError: ")
    assert not said.out


def interrupted(*_, **__):
    """Fail as DuckDB does when Ctrl-C ends a statement."""
    raise RuntimeError("Query interrupted") from KeyboardInterrupt()


def terminated(*_, **__):
    """Fail as DuckDB does when SIGTERM ends a statement."""
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt as error:
        raise RuntimeError("Query interrupted") from error


@pytest.mark.parametrize(
    ("argv", "safe"),
    [
        (["load"], "Rows already loaded are kept"),
        (["reconcile"], "Rows already loaded are kept"),
        (["plan"], ""),
        (["purge", "--person", "1"], "may not be erased completely"),
        (["export", "--to", "x"], "manifest.json"),
        (["rebuild", "--from", "x"], "Delete it"),
        (["singer", "--config", "x"], "the last state"),
    ],
)
def test_ctrl_c_and_sigterm_are_no_bugs_also_within_a_statement(argv, safe, monkeypatch, capsys):
    module = {"singer": "singer.run_tap"}.get(argv[0], f"{argv[0]}.{argv[0]}")
    name = f"pipedrive_assets.cli.{module}"
    handler = signal.getsignal(signal.SIGTERM)
    for stop, code, cause in (
        (interrupted, 130, "Ctrl-C"),
        (lambda *_, **__: signal.raise_signal(signal.SIGINT), 130, "Ctrl-C"),
        (lambda *_, **__: signal.raise_signal(signal.SIGTERM), 143, "SIGTERM"),
        (terminated, 143, "SIGTERM"),
    ):
        monkeypatch.setattr(name, stop)

        assert code == main(argv)

        said = capsys.readouterr()
        assert f"Stopped by {cause}." in said.err
        assert handler is signal.getsignal(signal.SIGTERM)
        assert safe in said.err
        assert "InternalError" not in said.err


def test_ctrl_c_while_duckdb_would_import_pandas_is_not_lost(tmp_path):
    """DuckDB discards all exceptions of this import, which takes half a second."""
    interrupt = "import signal; signal.raise_signal(signal.SIGINT)"
    (tmp_path / "pandas.py").write_text(interrupt, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pipedrive_assets", "load", "stages"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )

    assert 130 == done.returncode


def test_a_second_sigterm_ends_the_process_at_once(monkeypatch):
    handlers = [signal.getsignal(signal.SIGTERM)]

    def stop(*_, **__):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            handlers.append(signal.getsignal(signal.SIGTERM))

    monkeypatch.setattr("pipedrive_assets.cli.plan.plan", stop)

    assert 143 == main(["plan"])
    assert handlers[0] is handlers[1]


def test_a_pipe_whose_reader_has_ended_is_no_bug():
    command = [sys.executable, "-m", "pipedrive_assets", "entities"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        said = running.stderr.read()

    assert (141, b"") == (running.returncode, said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_log_on_a_full_disk_is_named():
    command = [sys.executable, "-m", "pipedrive_assets", "entities"]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    wanted = "Standard output cannot be written (No space left on device).\n"
    assert (1, wanted) == (done.returncode, done.stderr)


def test_a_full_disk_of_another_file_is_not_one_of_standard_output(monkeypatch, capsys):
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr("pipedrive_assets.cli.entities.print_table", full)

    main(["entities"])

    assert "Standard output" not in capsys.readouterr().err


def test_a_load_does_not_end_because_its_lines_cannot_be_printed(monkeypatch):
    with displayed("Loading", {}, stream=io.StringIO()) as display:
        monkeypatch.setattr("sys.stdout.write", Mock(side_effect=OSError(errno.ENOSPC, "full")))
        display.print_line("deals: 1 row loaded")


@pytest.mark.parametrize("name", ["load", "plan"])
def test_a_working_directory_that_was_removed_is_one_sentence(name, monkeypatch, capsys):
    monkeypatch.setattr("os.getcwd", Mock(side_effect=FileNotFoundError(errno.ENOENT, "gone")))

    assert 2 == main([name])

    said = capsys.readouterr().err
    assert 1 == len(said.splitlines())
    assert "The working directory no longer exists" in said


@pytest.mark.parametrize("command", ["sandbox", "login"])
def test_a_port_that_does_not_exist_is_a_usage_error(command, capsys):
    assert 2 == main([command, "--port", "99999"])

    assert "99999 is not in the range" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    from pipedrive_assets import __version__

    assert 0 == main(["--version"])
    assert f"pipedrive-assets {__version__}\n" == capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self):
        return True


ROWS = [("deals", "1,234", "first load"), ("a" * 120, "5", "[red]")]


@pytest.mark.parametrize("force", ["", "1"])
def test_a_piped_table_is_plain_text_that_wraps_nowhere(force, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", force)

    print_table(("table", "rows", "how"), ROWS)

    assert [
        "table".ljust(120) + "   rows  how",
        "deals".ljust(120) + "  1,234  first load",
        "a" * 120 + "      5  [red]",
    ] == capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("1", False)])
def test_findings_have_colours_on_a_terminal_unless_no_color_is_set(
    no_color, coloured, monkeypatch
):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(
        "pipedrive_assets.cli.doctor.examine",
        lambda *_, **__: [Finding(level=Level.WARN, topic="clock", text="[late]", remedy="Wait.")],
    )

    assert 0 == main(["doctor"])

    assert coloured == ("\x1b[33m" in terminal.getvalue())
    assert "clock      [late]\n" in terminal.getvalue()
