"""Loads that many tests begin with run once per worker; the others take a copy of the warehouse.

A load is taken from the store only where nothing can differ from running it: the same account, byte
by byte, the same request, and a warehouse that is new or was last written by the same loads. Tests
that look at log lines run every load, tests that patch the code run each load from their first
patch on, and so do `e2e` and `soak` always.
`KEPT_LOADS=0` switches the store off.
"""

import functools
import hashlib
import os
import pickle
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from pipedrive_assets.load import TableReport
from pipedrive_assets.sandbox import Limits, Sandbox
from pipedrive_assets.sandbox.sandbox import LogLine
from pipedrive_assets.warehouse import Warehouse

LISTENING = frozenset({"caplog", "capsys", "capfd", "capsysbinary", "capfdbinary", "recwarn"})
"""Fixtures of tests in which a load must really run."""

PATCHES = ("setattr", "delattr", "setitem", "delitem", "setenv")
"""Methods of MonkeyPatch after which a load must really run."""

REAL = frozenset({"e2e", "soak"})
"""Markers of tests in which every load runs."""

MOST_BYTES = 500_000_000
"""What the store of a worker may take; the copies that were not used for longest go first."""

Reports = dict[str, TableReport]


@dataclass
class Lineage:
    """The loads that made a warehouse, and its file as the last of them left it."""

    warehouse: Warehouse
    key: str | None = ""
    """None: something else has written to the warehouse, or a load was really run."""

    stat: tuple[Any, ...] = ()


@dataclass
class Kept:
    """A finished load: copies of the files, the reports, and the calls that it made."""

    folder: Path
    reports: Reports
    log: list[LogLine]
    slept: list[float]
    size: int


@dataclass
class Backend:
    """The kept loads of one worker."""

    allowed: bool = False
    hits: int = 0
    kept: OrderedDict[str, Kept] = field(default_factory=OrderedDict)
    folder: Path | None = None

    def through(self, office: Any, request: str, take: Callable[[], Reports]) -> Reports:
        """The reports of a load, which runs unless it is kept."""
        lineage = office.lineage
        key = self._key(office, request)
        if key is None:
            lineage.key = None
            return take()
        if key in self.kept:
            reports = self._restore(office, self.kept[key], key)
        else:
            reports = self._run(office, key, take)
        lineage.key, lineage.stat = key, stat_of(office.warehouse)
        return reports

    def close(self) -> None:
        """Remove all copies."""
        self.kept.clear()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def _key(self, office: Any, request: str) -> str | None:
        """What a load depends on; None where it has to run."""
        lineage, sandbox, warehouse = office.lineage, office.sandbox, office.warehouse
        plain = (
            self.allowed
            and lineage.key is not None
            and warehouse is lineage.warehouse
            and type(warehouse) is Warehouse
            and not warehouse._locks.depth
            and lineage.stat == stat_of(warehouse)
            and " at 0x" not in request
            and is_plain(sandbox)
            and sandbox.world is office.world
        )
        if not plain:
            return None
        account = (lineage.key, request, sandbox.habits, sandbox.api_token)
        return hashlib.sha256(repr(account).encode() + digest(office)).hexdigest()

    def _run(self, office: Any, key: str, take: Callable[[], Reports]) -> Reports:
        before, calls, waits = digest(office), len(office.sandbox.log), len(office.slept)
        reports = take()
        if before == digest(office):
            self.folder = self.folder or Path(tempfile.mkdtemp(prefix="kept_loads_"))
            folder = self.folder / key
            size = copied(files_of(office.warehouse), folder)
            log, slept = office.sandbox.log[calls:], office.slept[waits:]
            self.kept[key] = Kept(folder, reports, log, slept, size)
            self._evict()
        return reports

    def _restore(self, office: Any, kept: Kept, key: str) -> Reports:
        self.hits += 1
        self.kept.move_to_end(key)
        warehouse, sandbox = office.warehouse, office.sandbox
        for name in tuple(warehouse._pipelines):
            warehouse.forget(name)
        for file in files_of(warehouse):
            file.unlink()
        copied(sorted(kept.folder.iterdir()), warehouse.path.parent)
        sandbox.allowance.begin(sandbox.now.date().isoformat())
        for line in kept.log:
            sandbox.allowance.spend(line.tokens)
        sandbox.log += kept.log
        office.slept += kept.slept
        return {
            name: replace(report, warehouse=str(warehouse.path))
            for name, report in kept.reports.items()
        }

    def _evict(self) -> None:
        while sum(each.size for each in self.kept.values()) > MOST_BYTES:
            _, oldest = self.kept.popitem(last=False)
            shutil.rmtree(oldest.folder, ignore_errors=True)


def digest(office: Any) -> bytes:
    """The account, byte by byte, without what it computed for earlier answers."""
    world = vars(office.world)
    tables = {
        name: {key: value for key, value in vars(table).items() if key != "_views"}
        for name, table in world["tables"].items()
    }
    return hashlib.sha256(pickle.dumps({**world, "tables": tables})).digest()


NEW = vars(Sandbox(None, limits=Limits())).keys()  # type: ignore[arg-type]


def is_plain(sandbox: Sandbox) -> bool:
    """Whether the account answers as it does by default, without limits and faults."""
    return (
        type(sandbox) is Sandbox
        and vars(sandbox).keys() == NEW
        and not sandbox._scripts
        and not sandbox.is_revoked
        and sandbox._clock is None
        and sandbox._monotonic is monotonic
        and sandbox.allowance.limits == Limits(burst=1_000_000)
        and sandbox.allowance.spent_total < Limits().daily_tokens / 2
    )


def files_of(warehouse: Warehouse) -> list[Path]:
    """The database, with what DuckDB has not written into it yet."""
    path = warehouse.path
    return [file for file in (path, path.with_name(path.name + ".wal")) if file.exists()]


def stat_of(warehouse: Warehouse) -> tuple[Any, ...]:
    """What differs once somebody has written to the files."""
    stats = [(file.name, file.stat()) for file in files_of(warehouse)]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def copied(files: list[Path], folder: Path) -> int:
    """Copy files into a folder; returns their size."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy2(file, folder / file.name)
    return sum(file.stat().st_size for file in files)


STORE = Backend(allowed=False)
ENABLED = os.environ.get("KEPT_LOADS") != "0"


def begin(item: pytest.Item) -> None:
    """Decide, before each test, whether its loads may be taken from the store."""
    listens = LISTENING & {*getattr(item, "fixturenames", ())}
    STORE.allowed = (
        ENABLED and not listens and not REAL & {each.name for each in item.iter_markers()}
    )


def watch_patches() -> None:
    """Have every load run from the first patch of a test on."""

    def watched(method: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(method)
        def patch(*given: Any, **named: Any) -> None:
            STORE.allowed = False
            method(*given, **named)

        return patch

    for name in PATCHES:
        setattr(pytest.MonkeyPatch, name, watched(getattr(pytest.MonkeyPatch, name)))
