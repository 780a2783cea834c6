"""CPU time of the project as a multiple of DuckDB's on the same replies (`make bench-check`).

A ratio depends less on the machine than a time does. Each part of a ratio is the best of several
runs, because other programs only make a run slower.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.process import FIRST, LATER, ROOT, Account, Facts, measured

FILE = ROOT / "bench/ratios.json"
DEALS = 1_000
RUNS, MOST_RUNS = 3, 9
"""A ratio that is too slow after 3 runs is measured again, in up to 9 runs."""

TOLERANCE = 1.25
"""A ratio above this multiple of the committed one is too slow."""

Ratios = dict[str, float]


def measure(folder: Path, committed: Mapping[str, float]) -> Ratios:
    """Measure the ratios of an account with 1,000 deals.

    Args:
        folder: Where the account and the warehouses are kept.
        committed: The committed ratios; one without such a ratio is measured in all runs.

    Returns:
        CPU seconds per CPU second of DuckDB, by what was done.
    """
    account = Account(DEALS, folder / "replies")
    try:
        return {
            name: round(phase.ratio(committed.get(name, 0) * TOLERANCE), 2)
            for name, phase in _phases(account, folder)
        }
    finally:
        account.close()


def _phases(account: Account, folder: Path) -> Iterator[tuple[str, "Phase"]]:
    loaded = folder / "loaded.duckdb"
    account.order("first", FIRST, scan=True)
    yield "first load", Phase(account, folder, "windowed", "first", FIRST)
    measured("windowed", url=account.url, warehouse=loaded, instant=FIRST.isoformat())
    account.order("unchanged", LATER)
    yield "no change", Phase(account, folder, "windowed", "unchanged", LATER, loaded)
    account.order("reconciliation", LATER, scan=True)
    yield "reconciliation", Phase(account, folder, "reconcile", "reconciliation", LATER, loaded)


@dataclass(frozen=True, slots=True)
class Phase:
    """A task that is measured on copies of a warehouse (None: on new ones), beside DuckDB."""

    account: Account
    folder: Path
    work: str
    name: str
    instant: datetime
    loaded: Path | None = None

    def ratio(self, at_most: float) -> float:
        """Measure until the ratio is low enough, or for `MOST_RUNS` runs; return the ratio."""
        self._once()  # The account makes the replies that it does not have yet.
        ours, floor, found = [], [], float("inf")
        for run in range(MOST_RUNS):
            if run >= RUNS and found <= at_most:
                break
            mine, alone = self._once()
            ours.append(mine)
            floor.append(alone)
            found = best(ours) / best(floor)
        return found

    def _once(self) -> tuple[Facts, Facts]:
        warehouse = self.folder / f"{self.name}.duckdb"
        if self.loaded:
            shutil.copy(self.loaded, warehouse)
        instant = self.instant.isoformat()
        ours = measured(self.work, url=self.account.url, warehouse=warehouse, instant=instant)
        warehouse.unlink()
        replies = self.folder / "replies" / self.name
        alone = measured("replies", warehouse=warehouse, folder=replies)
        warehouse.unlink()
        return ours, alone


def best(runs: Iterable[Facts]) -> float:
    """Return the least CPU time of several runs, in seconds."""
    return min(float(run["cpu"]) for run in runs)


def slower(committed: Mapping[str, float], found: Mapping[str, float]) -> list[str]:
    """Compare ratios with the committed ones.

    Args:
        committed: The committed ratios.
        found: The ratios measured now.

    Returns:
        A line for each ratio that is too slow or was not measured; empty if all are as fast.
    """
    return [
        f"{name}: {found.get(name, 'not measured')}, committed {before}, at most "
        f"{before * TOLERANCE:.2f}"
        for name, before in committed.items()
        if not found.get(name, float("inf")) <= before * TOLERANCE
    ]


def check() -> int:
    """Measure and compare with the committed ratios; print both and return the exit code."""
    committed: Ratios = json.loads(FILE.read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = measure(Path(folder), committed)
    for name, ratio in found.items():
        print(f"{name}: {ratio} times the CPU time of DuckDB, committed {committed.get(name)}")
    too_slow = slower(committed, found)
    for line in too_slow:
        print(f"Too slow: {line}")
    if too_slow:
        print(
            f"The project is more than {TOLERANCE - 1:.0%} slower than the committed measurement. "
            "Find the cause, or commit the new ratios of `make bench` if the cost is intended."
        )
    return 1 if too_slow else 0


def write(folder: Path) -> None:
    """Measure the ratios and write the file to commit."""
    folder.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(measure(folder, {}), indent=2) + "\n", "utf-8")
