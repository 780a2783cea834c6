"""A bar on a terminal, lines elsewhere; results are printed on standard output in both cases."""

import io
import logging
import re

import pytest

from pipedrive_assets.cli.progress import displayed
from pipedrive_assets.load.progress import Progress

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def at(pages):
    return Progress(pages=pages, rows=1234, tokens=10 * pages, tables_done=1, tables=4)


def shown(stream):
    """The lines that a terminal showed, one after the other."""
    lines = re.split(r"[\r\n]+", CONTROL.sub("", stream.getvalue()))
    return [line.strip() for line in lines if line.strip()]


def test_a_terminal_shows_a_bar_with_counts():
    clock, stream = Clock(), Terminal()

    with displayed("Loading", {"TERM": "xterm"}, stream, clock) as display:
        display.on_progress(at(5))
        clock.seconds = 10.0
        display.on_progress(at(25))

    assert "Loading …" in shown(stream)[0]
    expected = "1 of 4 tables, 25 pages, 1,234 rows, 250 tokens, 10 s"
    assert shown(stream)[-1].endswith(expected)


def test_the_bar_is_gone_at_the_end_and_wraps_nowhere(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()

    with displayed("Loading", {"TERM": "xterm"}, stream, Clock()) as display:
        display.on_progress(at(10**30))

    assert 30 >= max(len(line) for line in shown(stream))
    assert stream.getvalue().endswith("\x1b[1A\x1b[2K")


def test_no_color_leaves_a_bar_without_colours(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()

    with displayed("Loading", {"TERM": "xterm"}, stream, Clock()) as display:
        display.on_progress(at(5))

    assert "5 pages" in shown(stream)[-1]
    assert not COLOUR.findall(stream.getvalue().replace("\x1b[0m", ""))


@pytest.mark.parametrize(
    ("stream", "environment"),
    [
        (io.StringIO(), {"TERM": "xterm"}),
        (Terminal(), {"TERM": "dumb"}),
        (Terminal(), {}),
    ],
    ids=["no terminal", "a dumb one", "an unknown one"],
)
def test_elsewhere_there_are_plain_lines(stream, environment):
    clock = Clock()

    with displayed("Loading", environment, stream, clock) as display:
        display.on_progress(at(5))
        clock.seconds = 31.0
        display.on_progress(at(25))

    expected = "After 31 s: 1 of 4 tables, 25 pages, 1,234 rows, 250 tokens\n"
    assert expected == stream.getvalue()


def test_a_log_that_takes_no_more_lines_ends_no_run():
    class Closed(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    clock = Clock()
    with displayed("Loading", {}, Closed(), clock) as display:
        display.on_progress(at(5))
        clock.seconds = 31.0
        display.on_progress(at(25))


def test_results_go_to_standard_output_and_log_lines_stay_whole(capsys):
    stream = Terminal()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        with displayed("Loading", {"TERM": "xterm"}, stream, Clock()) as display:
            display.on_progress(at(5))
            display.print_line("deals: 5 rows loaded")
            logging.getLogger("anybody").warning("Careful.")
    finally:
        logging.getLogger().removeHandler(handler)

    assert "deals: 5 rows loaded\n" == capsys.readouterr().out
    assert "Careful." in shown(stream)
    assert stream is handler.stream


def test_a_result_takes_the_place_of_the_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)

    with displayed("Loading", {"TERM": "xterm"}, terminal, Clock()) as display:
        display.on_progress(at(5))
        display.print_line("deals: 5 rows loaded")

    before, _, after = terminal.getvalue().partition("deals: 5 rows loaded\n")
    assert before.endswith("\x1b[2K")
    assert "5 pages" in after


def test_standard_output_is_not_replaced(monkeypatch):
    output = Terminal()
    monkeypatch.setattr("sys.stdout", output)

    with displayed("Loading", {"TERM": "xterm"}, Terminal(), Clock()):
        import sys

        assert output is sys.stdout
