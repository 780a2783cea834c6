"""The table in docs/performance.md."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bench.floors import Calls

COLUMNS = (
    *("", "rows", "requests (least)", "tokens (least)"),
    *("wall s (DuckDB)", "CPU s (DuckDB)", "peak MB", "rows/s"),
)
HEAD = (f"| {' | '.join(COLUMNS)} |", f"|---{'|--:' * (len(COLUMNS) - 1)}|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was measured, beside the least calls that it takes, and what DuckDB alone takes for the
    same replies.
    """

    name: str
    found: dict[str, Any]
    least: Calls | None = None
    floor: dict[str, Any] | None = None

    def row(self) -> str:
        """A row of the table."""
        found, rows = self.found, self.found.get("rows")
        least = self.least or Calls()
        alone = self.floor or {}
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


def _beside(text: str, floor: str) -> str:
    return f"{text} ({floor})" if floor else text


def write(path: Path, size: str, lines: Sequence[Line], seconds: float) -> None:
    """Put the table in the place of the one before, between its two marks."""
    begin, end = f"<!-- bench {size} -->\n", f"<!-- /bench {size} -->"
    text = path.read_text("utf-8")
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{path} has no place for the table of {size}")
    told = (
        f"{size} deals. {datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores of "
        f"{platform.machine()} (load {os.getloadavg()[0]:.1f} at the end), "
        f"Python {platform.python_version()}; all of it took {seconds:.0f} s."
    )
    table = "\n".join([told, "", *HEAD, *(line.row() for line in lines)])
    path.write_text(f"{before}{begin}{table}\n{end}{after}", "utf-8")
