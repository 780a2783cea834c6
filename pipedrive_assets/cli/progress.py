"""How far a command is: a bar on a terminal, a line each half minute everywhere else.

Both go to standard error, so that standard output holds only results.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from pipedrive_assets.load.progress import OnProgress, Progress, ProgressLines, duration

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """Where a running command shows what it does.

    Attributes:
        on_progress: Shows how far the run is.
        print_line: Prints a result on standard output.
    """

    on_progress: OnProgress
    print_line: Callable[[str], None]


@contextmanager
def displayed(
    title: str,
    environment: Mapping[str, str],
    stream: TextIO | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Display]:
    """Show the progress of a command until it ends.

    Args:
        title: What the command does, such as `Loading`.
        environment: The environment variables; TERM decides whether a bar can be drawn.
        stream: Where progress is shown; None: standard error.
        monotonic: Returns seconds.
    """
    stream = stream or sys.stderr
    if draws(stream, environment):
        with _bar(title, stream, monotonic) as display:
            yield display
    else:
        lines = ProgressLines(lambda line: _log(line, stream), monotonic)
        yield Display(on_progress=lines, print_line=_print_line)


def draws(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Return whether a bar can be drawn on the stream."""
    return stream.isatty() and environment.get("TERM", "dumb") != "dumb"


def _print_line(line: str) -> None:
    """Print a result; a stream that was closed, or a full disk of a log, does not end the load."""
    with suppress(OSError):
        print(line, flush=True)


def _log(line: str, stream: TextIO) -> None:
    """Print a progress line; a stream that was closed does not end the load."""
    with suppress(OSError):
        print(line, file=stream, flush=True)


@contextmanager
def _bar(title: str, stream: TextIO, monotonic: Callable[[], float]) -> Iterator[Display]:
    """Draw a bar on the last line; results and log lines appear above it."""
    # Imported only for a terminal: rich takes as long as the rest of the command line.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    text = Column(no_wrap=True, overflow="ellipsis")
    bar = Bar(
        BarColumn(bar_width=10),
        TextColumn("{task.description}", markup=False, table_column=text),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    task = bar.add_task(f"{title} …", total=None)
    began = monotonic()

    def on_progress(progress: Progress) -> None:
        bar.update(
            task,
            completed=progress.tables_done,
            total=progress.tables,
            description=f"{progress}, {duration(monotonic() - began)}",
        )

    def print_line(line: str) -> None:
        bar.stop()
        _print_line(line)
        bar.start()

    with bar, _log_lines_above(console, stream):
        yield Display(on_progress=on_progress, print_line=print_line)


@contextmanager
def _log_lines_above(console: "Console", stream: TextIO) -> Iterator[None]:
    """Print what is logged to the stream above the bar."""
    from rich.file_proxy import FileProxy

    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is stream
    ]
    for handler in handlers:
        handler.setStream(FileProxy(console, stream))
    try:
        yield
    finally:
        for handler in handlers:
            handler.setStream(stream)
