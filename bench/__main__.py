"""Run the benchmark of one size and write its table to docs/performance.md (`make bench`)."""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from bench.least import Calls, of_lists
from bench.table import Line, write
from pipedrive_assets.extract.child_scans import CHILD_THREADS
from pipedrive_assets.registry import DEFAULT_ENTITIES, Kind

ROOT = Path(__file__).parents[1]
SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000}
PLAIN_UP_TO = 10_000
LISTS = sum(entity.kind is Kind.WINDOWED for entity in DEFAULT_ENTITIES)
FIRST = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
LATER, NEXT_DAY = FIRST + timedelta(hours=1), FIRST + timedelta(days=1)

CODE_LOCATION = "from pipedrive_assets.definitions import defs; defs.get_repository_def()"

Facts = dict[str, Any]


class Account:
    """The process of the invented account."""

    def __init__(self, deals: int, folder: Path) -> None:
        self._process = subprocess.Popen(
            _python("bench.account", deals=deals, folder=folder, instant=FIRST.isoformat()),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url: str = self._answer()["url"]

    def order(self, phase: str, instant: datetime, **how: Any) -> Facts:
        """Begin a phase.

        Args:
            phase: Name of the phase.
            instant: Time of the account during the phase.
            **how: Further keys of the order; see `bench.account.begin_phase`.

        Returns:
            Number of rows in the account.
        """
        order = json.dumps({"phase": phase, "instant": instant.isoformat(), **how})
        print(order, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Facts:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            sys.exit("The account's process has ended; see its output above.")
        answer: Facts = json.loads(line)
        return answer

    def close(self) -> None:
        """Stop the process."""
        self._process.communicate()


class Bench:
    """The phases of one size, which run one after the other on one warehouse."""

    def __init__(self, size: str, folder: Path) -> None:
        self.folder, self.deals = folder, SIZES[size]
        self.warehouse = folder / "warehouse.duckdb"
        self.lines: list[Line] = []
        self.account = Account(self.deals, folder / "replies")

    def run(self) -> None:
        """Run and measure all phases."""
        facts = self.account.order("first", FIRST, scan=True)
        windowed = "first load, tables with windows"
        self._measure(windowed, "windowed", "first", of_lists(facts), parallel=LISTS)
        if self.deals <= PLAIN_UP_TO:
            self.account.order("plain", FIRST)
            self._plain()
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
        before, began = _children_cpu(), time.perf_counter()
        subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=True)
        wall, cpu = time.perf_counter() - began, _children_cpu() - before
        self._add(Line(name=name, found={"wall": wall, "cpu": cpu}))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        print(line.row(), flush=True)

    def _duckdb(self, phase: str) -> Facts:
        """Measure DuckDB alone on the replies of a phase."""
        alone = self.folder / f"{phase}.duckdb"
        found = _run("replies", warehouse=alone, folder=self.folder / "replies" / phase)
        alone.unlink()
        return found

    def _plain(self) -> None:
        found = _run("plain", url=self.account.url, warehouse=self.folder / "plain_dlt.duckdb")
        self._add(Line(name="the same with a minimal dlt pipeline", found=found))

    def _work(self, work: str, instant: datetime) -> Facts:
        return _run(
            work, url=self.account.url, warehouse=self.warehouse, instant=instant.isoformat()
        )


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _instant_of(phase: str) -> datetime:
    later = {
        "unchanged": LATER,
        "job": LATER + timedelta(minutes=10),
        "day": NEXT_DAY,
        "reconciliation": NEXT_DAY,
    }
    return later.get(phase, FIRST)


def _python(module: str, *words: str, **named: object) -> list[str]:
    options = [text for name, value in named.items() for text in (f"--{name}", str(value))]
    return [sys.executable, "-m", module, *words, *options]


def _run(work: str, **named: object) -> Facts:
    done = subprocess.run(
        _python("bench.work", work, **named), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{done.stderr}\n{work} failed; see its output above.")
    found: Facts = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run the benchmark of one size and update its table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="1k")
    parser.add_argument("--keep", type=Path, help="folder to keep replies and warehouse in")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(exist_ok=True, parents=True)
        bench = Bench(arguments.size, folder)
        bench.run()
        bench.account.close()
    write(ROOT / "docs/performance.md", arguments.size, bench.lines, time.monotonic() - began)


if __name__ == "__main__":
    main()
