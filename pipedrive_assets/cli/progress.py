"""How far a command is: a bar on a terminal, a line each half minute everywhere else.

Both go to standard error, so that standard output holds results alone.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TextIO

from pipedrive_assets.cli.progress_bar import drawn
from pipedrive_assets.load.progress import ProgressLines, Watch


@contextmanager
def watched(
    doing: str,
    environment: Mapping[str, str],
    stream: TextIO | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Watch]:
    """Something to tell how far a command is with what it is `doing`; `stream` is standard error.

    `monotonic` returns seconds.
    """
    stream = stream or sys.stderr
    if not draws(stream, environment):
        yield ProgressLines(lambda line: _say(line, stream), monotonic)
        return
    with drawn(doing, stream, monotonic) as bar:
        yield bar


def _say(line: str, stream: TextIO) -> None:
    """A log that takes no more lines costs no rows."""
    with suppress(OSError):
        print(line, file=stream, flush=True)


def draws(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a line there can be drawn again and again."""
    return stream.isatty() and environment.get("TERM", "dumb") != "dumb"
