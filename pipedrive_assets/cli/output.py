"""What commands print on standard output: colours on a terminal, plain text elsewhere."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNLIMITED = 10_000
"""Columns of a file or pipe: no line is wrapped there."""


def console() -> "Console":
    """Make a console for standard output; NO_COLOR is respected.

    Only the stream decides whether it is a terminal: FORCE_COLOR would put escape codes into files.
    """
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    return Console(
        force_terminal=is_terminal,
        width=None if is_terminal else UNLIMITED,
        markup=False,
        emoji=False,
        highlight=False,
    )


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; columns of numbers are aligned right."""
    from rich.table import Table

    rows = list(rows)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title, *cells in zip(header, *rows, strict=True):
        is_number = any(cells) and all(cell[:1].isdigit() for cell in cells if cell)
        table.add_column(title, justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*row)
    screen = console()
    with screen.capture() as captured:
        screen.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip())
