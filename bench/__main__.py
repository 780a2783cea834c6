"""Run the benchmark of one size and write its table to docs/performance.md (`make bench`)."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from bench import ratios, rivals
from bench.least import Calls, of_lists
from bench.process import FIRST, LATER, NEXT_DAY, ROOT, Account, Facts, children_cpu, measured
from bench.slow_network import BURST, SECONDS_PER_CALL, read_lists
from bench.table import Line, slow_note, wide_note, write
from bench.wide import FIELDS
from pipedrive_assets.extract.child_scans import CHILD_THREADS
from pipedrive_assets.extract.read_ahead import PAGES_AHEAD
from pipedrive_assets.registry import DEFAULT_ENTITIES, Kind

SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000}
SMALL = 10_000
"""Up to this number of deals, rivals and the wide account are measured too."""

IN_FLIGHT = sum(
    2 if entity.paging == "cursor" else 1 + PAGES_AHEAD
    for entity in DEFAULT_ENTITIES
    if entity.kind is Kind.WINDOWED
)
"""Calls that a first load of long lists has in flight."""

CODE_LOCATION = "from pipedrive_assets.definitions import defs; defs.get_repository_def()"


class Bench:
    """The phases of one size, which run one after the other on one warehouse."""

    def __init__(self, size: str, folder: Path) -> None:
        self.folder, self.deals = folder, SIZES[size]
        self.warehouse = folder / "warehouse.duckdb"
        self.lines: list[Line] = []
        self.notes: list[str] = []
        self.account = Account(self.deals, folder / "replies")

    def run(self) -> None:
        """Run and measure all phases."""
        facts = self.account.order("first", FIRST, scan=True)
        normal_bytes = facts["bytes"]
        windowed = "first load, tables with windows"
        self._measure(windowed, "windowed", "first", of_lists(facts), parallel=IN_FLIGHT)
        if self.deals <= SMALL:
            self.account.order("plain", FIRST)
            self._rivals()
            self._slow_network()
        since = {"since": f"{FIRST:%Y-%m-%dT%H:%M:%SZ}"}
        unchanged = self.account.order("rest", FIRST, **since)["listed"]
        rest = of_lists({**facts, "listed": unchanged}, default=True)
        children = "the rest of a first load: children of every deal"
        self._measure(children, "default", None, rest, parallel=CHILD_THREADS)
        facts = self.account.order("unchanged", LATER, **since)
        least = of_lists(facts, default=True)
        self._measure("no change, all default tables", "default", "unchanged", least, rehearse=True)
        self.account.order("job", LATER + timedelta(minutes=10))
        self._measure("no change, as a Dagster job", "job", None, least, rehearse=True)
        facts = self.account.order("day", NEXT_DAY, changes=True, **since)
        least = of_lists(facts, default=True)
        self._measure(
            "a day, 2 % changed, all default tables", "default", "day", least, rehearse=True
        )
        facts = self.account.order("reconciliation", NEXT_DAY, scan=True)
        self._measure("reconciliation", "reconcile", "reconciliation", of_lists(facts))
        if self.deals <= SMALL:
            self._wide(normal_bytes)
        self._start("start: the code location", "-c", CODE_LOCATION)
        self._start("start: `--help`", "-m", "pipedrive_assets", "--help")

    def _measure(  # noqa: PLR0913 - one measurement
        self,
        name: str,
        work: str,
        phase: str | None,
        least: Calls,
        *,
        rehearse: bool = False,
        parallel: int = 0,
    ) -> None:
        """Measure a phase; `rehearse` first runs it on a copy, so that all replies exist."""
        instant = _instant_of(phase or work)
        if rehearse:
            kept = self.warehouse.with_suffix(".kept")
            shutil.copy(self.warehouse, kept)
            self._work(work, instant)
            shutil.move(kept, self.warehouse)
        found = self._work(work, instant)
        duckdb = self._duckdb(phase) if phase else None
        self._add(Line(name=name, found=found, least=least, duckdb=duckdb, parallel=parallel))

    def _start(self, name: str, *words: str) -> None:
        """Measure a process from start to end."""
        before, began = children_cpu(), time.perf_counter()
        subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=True)
        wall, cpu = time.perf_counter() - began, children_cpu() - before
        self._add(Line(name=name, found={"wall": wall, "cpu": cpu}))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        print(line.row(), flush=True)

    def _duckdb(self, phase: str) -> Facts:
        """Measure DuckDB alone on the replies of a phase."""
        alone = self.folder / f"{phase}.duckdb"
        found = measured("replies", warehouse=alone, folder=self.folder / "replies" / phase)
        alone.unlink()
        return found

    def _rivals(self) -> None:
        plain = measured("plain", url=self.account.url, warehouse=self.folder / "plain_dlt.duckdb")
        self._add(Line(name="the same with a minimal dlt pipeline", found=plain))
        ours = measured("tap", url=self.account.url, instant=FIRST.isoformat())
        self._add(Line(name="first sync of the Singer tap, without leads and target", found=ours))
        if old := rivals.old_tap(self.account.url):
            name = f"the same with {rivals.OLD_TAP.replace('==', ' ')}, without archived deals"
            self._add(Line(name=name, found=old))

    def _slow_network(self) -> None:
        """Read the lists alone, with the latency of a host on another continent."""
        slow = {"latency": SECONDS_PER_CALL, "burst": BURST}
        self.account.order("slow", FIRST, scan=True, **slow)
        self.notes.append(slow_note(read_lists(self.account.url, FIRST)))

    def _wide(self, normal_bytes: int) -> None:
        """Measure a first load of the account with wide deals."""
        facts = self.account.order("wide", NEXT_DAY, wide=True, scan=True)
        warehouse = self.folder / "wide.duckdb"
        found = measured(
            "windowed", url=self.account.url, warehouse=warehouse, instant=NEXT_DAY.isoformat()
        )
        warehouse.unlink()
        name = f"wide: a first load with {FIELDS} custom fields on deals"
        self._add(Line(name=name, found=found, least=of_lists(facts), duckdb=self._duckdb("wide")))
        self.notes.append(wide_note(self.lines[0].found, normal_bytes, found, facts["bytes"]))

    def _work(self, work: str, instant: datetime) -> Facts:
        return measured(
            work, url=self.account.url, warehouse=self.warehouse, instant=instant.isoformat()
        )


def _instant_of(phase: str) -> datetime:
    later = {
        "unchanged": LATER,
        "job": LATER + timedelta(minutes=10),
        "day": NEXT_DAY,
        "reconciliation": NEXT_DAY,
    }
    return later.get(phase, FIRST)


def main() -> None:
    """Run the benchmark of one size and update its table; or compare ratios (`--check`)."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="1k")
    parser.add_argument("--keep", type=Path, help="folder to keep replies and warehouse in")
    parser.add_argument("--check", action="store_true", help="compare with bench/ratios.json only")
    arguments = parser.parse_args()
    if arguments.check:
        sys.exit(ratios.check())
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(exist_ok=True, parents=True)
        bench = Bench(arguments.size, folder)
        bench.run()
        bench.account.close()
        if bench.deals == ratios.DEALS:
            ratios.write(folder / "ratios")
    seconds = time.monotonic() - began
    write(ROOT / "docs/performance.md", arguments.size, bench.lines, seconds, bench.notes)


if __name__ == "__main__":
    main()
