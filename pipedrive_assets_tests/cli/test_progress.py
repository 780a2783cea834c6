"""A bar on a terminal, lines elsewhere; results are printed as ever."""

import contextlib
import fcntl
import io
import logging
import os
import pty
import re
import struct
import termios

import pytest

from pipedrive_assets.cli.progress import watched
from pipedrive_assets.load.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


def at(pages, left=None):
    return Progress(
        pages=pages, rows=1234, tokens=10 * pages, tables_done=1, tables=4, pages_left=left
    )


def drawn(stream):
    """What the line showed, one after the other."""
    return [text.strip() for text in stream.getvalue().split("\r") if text.strip()]


def test_a_terminal_shows_a_bar_with_pages_rows_tokens_and_time_left():
    clock, stream = Clock(), Terminal()

    with watched("Loading", {"TERM": "xterm", "NO_COLOR": "1"}, stream, clock) as watch:
        watch(at(5))
        clock.seconds = 10.0
        watch(at(25, left=75))

    first, tables, pages = drawn(stream)
    assert "Loading …" == first
    assert re.fullmatch(r"\|.{10}\| 1 of 4 tables, 5 pages, 1,234 rows, 50 tokens, 0 s", tables)
    assert re.fullmatch(r"25% \|.{10}\| 38 s left, 25 pages, 1,234 rows, 250 tokens", pages)
    assert "\x1b" not in stream.getvalue().replace("\x1b[A", "")


def everything_from(terminal):
    """What was written to a terminal that is closed; the kernel passes it on in pieces."""
    written = b""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 10_000):
            written += piece
    os.close(terminal)
    return written.decode()


@pytest.mark.parametrize(("told", "width"), [(30, 29), (0, 79)])
def test_a_terminal_shows_as_much_as_it_holds_and_one_without_a_width_a_usual_one(told, width):
    seen, shown = pty.openpty()
    fcntl.ioctl(shown, termios.TIOCSWINSZ, struct.pack("4H", 24, told, 0, 0))

    with (
        os.fdopen(shown, "w") as stream,
        watched("Loading", {"TERM": "xterm"}, stream, Clock()) as watch,
    ):
        watch(at(10**30, left=75))
    lines = everything_from(seen).split("\r")

    assert any(line.startswith("100% |") for line in lines)
    assert width == max(len(line) for line in lines)


def test_a_bar_is_drawn_a_few_times_a_second_however_often_it_is_told():
    clock, stream = Clock(), Terminal()

    with watched("Loading", {"TERM": "xterm"}, stream, clock) as watch:
        for hundredth in range(100):
            clock.seconds = hundredth / 100
            watch(at(hundredth))

    assert 5 == len({text for text in drawn(stream) if "pages" in text})


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

    with watched("Loading", environment, stream, clock) as watch:
        watch(at(5))
        clock.seconds = 31.0
        watch(at(25, left=75))

    assert (
        "After 31 s: 1 of 4 tables, 25 pages, 1,234 rows, 250 tokens; about 2 min left\n"
        == stream.getvalue()
    )


def test_a_log_that_takes_no_more_lines_ends_no_run():
    class Closed(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    clock = Clock()
    with watched("Loading", {}, Closed(), clock) as watch:
        watch(at(5))
        clock.seconds = 31.0
        watch(at(25))


def test_results_go_to_standard_output_and_log_lines_stay_whole(capsys):
    stream = Terminal()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        with watched("Loading", {"TERM": "xterm"}, stream, Clock()) as watch:
            watch(at(5))
            print("deals: 5 rows loaded")  # noqa: T201 - as a command does
            logging.getLogger("anybody").warning("Careful.")
    finally:
        logging.getLogger().removeHandler(handler)

    assert "deals: 5 rows loaded\n" == capsys.readouterr().out
    assert "Careful." in drawn(stream)
    assert stream is handler.stream


def test_a_printed_line_takes_the_place_of_the_bar(monkeypatch):
    terminal = Terminal()

    class Output(Terminal):
        def write(self, text):
            return terminal.write(text)

    monkeypatch.setattr("sys.stdout", Output())
    with watched("Loading", {"TERM": "xterm"}, terminal, Clock()) as watch:
        watch(at(5))
        print("deals: 5", "rows loaded")  # noqa: T201 - as a command does
        print("the end", end="")  # noqa: T201

    shown = terminal.getvalue()
    assert "\rdeals: 5 rows loaded\n\r" in shown
    assert "the end" in shown
