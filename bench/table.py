"""Tables of measurements in docs/performance.md."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bench.least import Calls

COLUMNS = (
    *("", "rows", "requests (least)", "tokens (least)"),
    *("wall s (DuckDB)", "CPU s (DuckDB)", "peak MB", "rows/s"),
)
HEAD = (f"| {' | '.join(COLUMNS)} |", f"|---{'|--:' * (len(COLUMNS) - 1)}|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table.

    Attributes:
        name: What was measured.
        found: The measurements by name.
        least: Fewest calls that are possible.
        duckdb: Measurements of DuckDB alone on the same replies.
    """

    name: str
    found: dict[str, Any]
    least: Calls | None = None
    duckdb: dict[str, Any] | None = None

    def row(self) -> str:
        """Format the line as a row of the table."""
        found, rows = self.found, self.found.get("rows")
        least = self.least or Calls()
        alone = self.duckdb or {}
        cells = [
            self.name,
            _number(rows),
            _beside(_number(found.get("requests")), _number(least.requests or None)),
            _beside(_number(found.get("tokens")), _number(least.tokens or None)),
            _beside(_seconds(found["wall"]), _seconds(alone.get("wall"))),
            _beside(_seconds(found["cpu"]), _seconds(alone.get("cpu"))),
            _number(found.get("peak")),
            _number(rows / found["wall"] if rows else None),
        ]
        return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _beside(text: str, reference: str) -> str:
    return f"{text} ({reference})" if reference else text


def write(path: Path, size: str, lines: Sequence[Line], seconds: float) -> None:
    """Replace the table of one size in a file.

    Args:
        path: File with the marks `<!-- bench SIZE -->` and `<!-- /bench SIZE -->`.
        size: Name of the size.
        lines: Lines of the table.
        seconds: Duration of the benchmark.

    Raises:
        SystemExit: If the file has no marks for the size.
    """
    begin, end = f"<!-- bench {size} -->\n", f"<!-- /bench {size} -->"
    text = path.read_text("utf-8")
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{path} has no marks <!-- bench {size} --> and <!-- /bench {size} -->")
    heading = (
        f"{size} deals. {datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores of "
        f"{platform.machine()} (load {os.getloadavg()[0]:.1f} at the end), "
        f"Python {platform.python_version()}; the benchmark took {seconds:.0f} s."
    )
    table = "\n".join([heading, "", *HEAD, *(line.row() for line in lines)])
    path.write_text(f"{before}{begin}{table}\n{end}{after}", "utf-8")
