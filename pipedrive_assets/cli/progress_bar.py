"""The bar on a terminal: one line at the bottom, drawn again, gone at the end."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stdout, suppress
from typing import Any, TextIO, cast

from pipedrive_assets.load.progress import EtaEstimator, Progress, duration

DRAW_SECONDS = 0.2
"""No eye sees more, and a slow line carries no more."""

USUAL_WIDTH, USUAL_HEIGHT = 79, 24
OF_PAGES = "{percentage:3.0f}% |{bar:10}| {desc}"
OF_TABLES = "|{bar:10}| {desc}"
"""Formats of tqdm, which cuts the line where the terminal ends."""


@contextmanager
def drawn(doing: str, stream: TextIO, monotonic: Callable[[], float]) -> Iterator["Bar"]:
    """A bar, drawn until the end; what is printed or logged meanwhile stands above it."""
    # Imported where there is a terminal: it takes longer than the rest of the command line.
    from tqdm import tqdm
    from tqdm.contrib import DummyTqdmFile

    with ExitStack() as opened:
        line = tqdm(
            file=stream,
            bar_format="{desc}",
            desc=f"{doing} …",
            leave=False,
            **_shape(stream),
        )
        opened.enter_context(line)
        above = Above(sys.stdout, lambda: tqdm.external_write_mode(file=stream))
        opened.callback(above.finish)
        opened.enter_context(redirect_stdout(cast("TextIO", above)))
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is stream:
                handler.setStream(DummyTqdmFile(stream))
                opened.callback(handler.setStream, stream)
        yield Bar(line, monotonic)


def _shape(stream: TextIO) -> dict[str, int | bool]:
    """The size of the terminal; a usual one where it calls its own 0, on which tqdm would draw
    nothing.
    """
    with suppress(OSError, ValueError):
        if 0 in os.get_terminal_size(stream.fileno()):
            return {"ncols": USUAL_WIDTH, "nrows": USUAL_HEIGHT}
    return {"dynamic_ncols": True}


class Above:
    """Standard output while a bar stands there: a line takes the bar's place, the bar comes below.

    tqdm's own file takes the bar away only where both are the same stream.
    """

    def __init__(self, stream: TextIO, cleared: Callable[[], AbstractContextManager[None]]) -> None:
        """`cleared` takes the bar away, and draws it again at its end."""
        self._stream, self._cleared = stream, cleared
        self._held = ""

    def write(self, text: str) -> int:
        """Write whole lines; what a line begins with waits for its end."""
        lines, newline, self._held = (self._held + text).rpartition("\n")
        if newline:
            with self._cleared():
                self._stream.write(lines + newline)
                self._stream.flush()
        return len(text)

    def finish(self) -> None:
        """Write what never came to the end of a line."""
        self._stream.write(self._held)
        self._held = ""

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's."""
        return getattr(self._stream, name)


class Bar:
    """Draws how far a command is: of its pages, or of its tables as long as nobody can know how
    many pages there are.
    """

    def __init__(self, line: Any, monotonic: Callable[[], float]) -> None:
        """`line` is tqdm's, `monotonic` returns seconds."""
        self._line, self._monotonic = line, monotonic
        self._pace, self._drawn_at = EtaEstimator(monotonic), float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Draw it anew, unless that was done a moment ago."""
        seconds_left, now = self._pace.seconds_left(progress), self._monotonic()
        if now - self._drawn_at < DRAW_SECONDS:
            return
        self._drawn_at, line = now, self._line
        if progress.pages_left is None:
            line.bar_format, line.n, line.total = OF_TABLES, progress.tables_done, progress.tables
            text = f"{progress}, {duration(self._pace.elapsed)}"
        else:
            line.bar_format, line.n = OF_PAGES, progress.pages
            line.total = progress.pages + progress.pages_left
            ahead = f"{duration(seconds_left)} left, " if seconds_left else ""
            text = f"{ahead}{progress.counts}"
        line.set_description_str(text)
