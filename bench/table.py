"""Tables of measurements in docs/performance.md."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bench.least import Calls
from bench.slow_network import BURST, SECONDS_PER_CALL

COLUMNS = (
    *("", "rows", "requests (least)", "tokens (least)"),
    *("wall s (DuckDB)", "CPU s (DuckDB)", "peak MB", "rows/s"),
)
PLANS = {"Lite": 10.0, "Growth": 20.0, "Premium": 50.0, "Ultimate": 60.0}
"""Calls per second with an API token (official docs, Rate limiting)."""

LATENCIES = (0.15, 0.4)
"""Seconds from a request to its reply: a host nearby, and one on another continent."""

HEAD = (f"| {' | '.join(COLUMNS)} |", f"|---{'|--:' * (len(COLUMNS) - 1)}|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table.

    Attributes:
        name: What was measured.
        found: The measurements by name.
        least: Fewest calls that are possible.
        duckdb: Measurements of DuckDB alone on the same replies.
        parallel: The most calls that a load has in flight; 0: leave the line out of the table of
            the network.
    """

    name: str
    found: dict[str, Any]
    least: Calls | None = None
    duckdb: dict[str, Any] | None = None
    parallel: int = 0

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

    def network_row(self) -> str:
        """Format what a plan can deliver at each latency, and which limit is the lower one."""
        per_call = self.found["rows"] / self.found["requests"]
        here = self.found["rows"] / self.found["wall"]
        cells = [self.name, f"{per_call:.0f}", str(self.parallel)]
        for calls in PLANS.values():
            most = [per_call * min(calls, self.parallel / seconds) for seconds in LATENCIES]
            limits = dict.fromkeys(_limit(calls, self.parallel, per_call, here))
            cells.append(f"{' / '.join(map(_number, most))} ({' / '.join(limits)})")
        return f"| {' | '.join([*cells, _number(here)])} |"


def _limit(calls: float, parallel: int, per_call: float, here: float) -> Iterator[str]:
    """Yield what limits a load at each latency: the plan, the latency, or this machine.

    Args:
        calls: Calls per second that the plan allows.
        parallel: The most calls in flight.
        per_call: Rows per call.
        here: Rows per second that this machine writes.

    Yields:
        `plan`, `latency` or `machine`.
    """
    for seconds in LATENCIES:
        by_latency = parallel / seconds
        if here < per_call * min(calls, by_latency):
            yield "machine"
        else:
            yield "plan" if calls <= by_latency else "latency"


def network(lines: Sequence[Line]) -> list[str]:
    """Return the table of what the network delivers; empty without measured loads."""
    rows = [line.network_row() for line in lines if line.parallel]
    titles = ("rows/s at most, 150 / 400 ms a call", "rows per call", "calls in flight")
    head = [*titles, *PLANS, "this machine"]
    return (
        ["", f"| {' | '.join(head)} |", f"|---{'|--:' * (len(head) - 1)}|", *rows] if rows else []
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _beside(text: str, reference: str) -> str:
    return f"{text} ({reference})" if reference else text


def wide_note(
    normal: dict[str, Any], normal_bytes: int, wide: dict[str, Any], wide_bytes: int
) -> str:
    """Compare the CPU time of a wide account with that of the same bytes in the normal one.

    Args:
        normal: Measurements of a first load of the normal account.
        normal_bytes: Size of its replies.
        wide: Measurements of a first load of the wide account.
        wide_bytes: Size of its replies.

    Returns:
        The sentence below the table.
    """
    same = normal["cpu"] * wide_bytes / normal_bytes
    return (
        f"The replies of the wide account have {wide_bytes / 1e6:,.0f} MB, those of the normal "
        f"one {normal_bytes / 1e6:,.0f} MB. The same bytes of the normal account would take "
        f"{same:.1f} s of CPU: the wide one takes {wide['cpu'] / same:.1f} times as long."
    )


def slow_note(found: dict[str, float]) -> str:
    """Describe how a slow network is used.

    Args:
        found: The figures of `bench.slow_network.read_lists`.

    Returns:
        The sentences below the table.
    """
    alone = (
        f"Reading the lists alone, at {SECONDS_PER_CALL * 1000:.0f} ms a call and {BURST} calls in "
        f"two seconds: {found['requests']:.0f} calls in {found['wall']:.1f} s, of which the burst "
        f"limit requires {found['least']:.1f} s."
    )
    if not found["busy"]:
        return f"{alone} No request had to wait for the limit."
    return (
        f"{alone} As long as requests had to wait for the limit, for {found['busy']:.1f} s, "
        f"{found['share']:.0%} of the allowed calls were in flight."
    )


def write(
    path: Path, size: str, lines: Sequence[Line], seconds: float, notes: Sequence[str] = ()
) -> None:
    """Replace the table of one size in a file.

    Args:
        path: File with the marks `<!-- bench SIZE -->` and `<!-- /bench SIZE -->`.
        size: Name of the size.
        lines: Lines of the table.
        seconds: Duration of the benchmark.
        notes: Sentences below the table.

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
    table = "\n".join([heading, "", *HEAD, *(line.row() for line in lines), *network(lines)])
    table = "\n\n".join([table, *notes])
    path.write_text(f"{before}{begin}{table}\n{end}{after}", "utf-8")
