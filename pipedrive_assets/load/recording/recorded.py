"""Reads a raw zone: its runs in order, their steps, and replies by request."""

import gzip
import json
import zlib
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from pipedrive_assets.errors import RebuildError
from pipedrive_assets.load.raw_zone import END, ERASURE, START, STEPS, RawZone, folder_of
from pipedrive_assets.load.recording.start import FORMAT
from pipedrive_assets.warehouse.file_store import FileStore

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A person that was erased from the warehouse, or is no longer on the list of the erased.

    Attributes:
        recorded_at: When, UTC.
        person: The person's id.
        undo: Whether the person was removed from the list.
    """

    recorded_at: datetime
    person: int
    undo: bool

    def __str__(self) -> str:
        """Return what was done, for people."""
        return f"person {self.person} {'no longer on the list of ' if self.undo else ''}erased"


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """A run that was kept.

    Attributes:
        store: The files of the raw zone.
        folder: The folder of the run.
        files: The paths of its files.
    """

    store: FileStore
    folder: str
    files: frozenset[str]
    _replies: dict[str, dict[tuple[str, str], deque[bytes]]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the run's folder."""
        return self.folder

    @cached_property
    def facts(self) -> Facts:
        """What the run loads.

        Raises:
            RebuildError: The file is damaged, or an older version kept the run, without its steps.
        """
        facts = _json(self.store, f"{self.folder}/{START}")
        if not facts or facts.get("format") != FORMAT:
            raise RebuildError(
                f"{self} has no {START} of this format, so it cannot be repeated: it is damaged, "
                "or another version of pipedrive_assets has kept it. Nothing was written. Restore "
                "the file, or restore a backup of the warehouse."
            )
        return facts

    @property
    def what(self) -> str:
        """What the run did, for people."""
        request = self.facts["request"]
        tables = len(request["entities"])
        return (
            f"{tables} {'table' if tables == 1 else 'tables'} "
            f"{'reconciled' if request['reconciles'] else 'loaded'}"
            f"{'' if self.is_complete else ', run not completed'}"
        )

    @property
    def recorded_at(self) -> datetime:
        """When the run began by the clock of its machine, UTC."""
        return datetime.fromisoformat(self.facts["recorded_at"])

    @cached_property
    def ended_at(self) -> datetime:
        """When the last step was taken by the clock of the run's machine, UTC."""
        clocks = [step["clock"] for step in self.steps()]
        return datetime.fromisoformat(clocks[-1]) if clocks else self.recorded_at

    @property
    def is_complete(self) -> bool:
        """Whether the run ended; otherwise it was killed, or failed as a whole."""
        return f"{self.folder}/{END}" in self.files

    def check_files(self) -> None:
        """Check that no file is missing.

        Raises:
            RebuildError: A file is missing, or the list of files is damaged.
        """
        numbers = {int(path[-len("000001.ndjson.gz") :][:6]) for path in self._lines_files()}
        end = _json(self.store, f"{self.folder}/{END}") or {"files": len(numbers)}
        if numbers != set(range(1, end["files"] + 1)):
            raise RebuildError(
                f"{self} lacks files that the run has written, so the warehouse cannot be rebuilt. "
                "Restore them, or restore a backup of the warehouse."
            )

    def steps(self) -> Iterator[Facts]:
        """Yield the steps of the run in order.

        Raises:
            RebuildError: A file is damaged.
        """
        for path in sorted(each for each in self._lines_files() if f"/{STEPS}/" in each):
            yield from map(json.loads, self._lines(path))

    def reply(self, path: str, query: str) -> Facts | None:
        """Return the next reply to a request; None if there is none.

        Args:
            path: The path of the request.
            query: Its query.

        Raises:
            RebuildError: A file is damaged.
        """
        folder = f"/endpoint={folder_of(path)}/"
        if folder not in self._replies:
            found: dict[tuple[str, str], deque[bytes]] = defaultdict(deque)
            for each in sorted(each for each in self._lines_files() if folder in each):
                for line in self._lines(each):
                    reply = json.loads(line)
                    found[reply["path"], reply["query"]].append(line)
            self._replies[folder] = found
        lines = self._replies[folder].get((path, query))
        return json.loads(lines.popleft()) if lines else None

    def _lines_files(self) -> list[str]:
        return [path for path in self.files if path.endswith(".ndjson.gz")]

    def _lines(self, path: str) -> list[bytes]:
        content = self.store.read(path)
        if not content:
            raise _damaged(self.store, path, "it is empty")
        try:
            return gzip.decompress(content).splitlines()
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(self.store, path, str(error)) from None


def recorded_runs(zone: RawZone) -> list[RecordedRun | Erasure]:
    """Return the runs and erasures of a raw zone in the order in which they began.

    Args:
        zone: The raw zone.

    Raises:
        RebuildError: There is no run, a file is damaged, or an older version kept a run.
    """
    store, runs = zone.store, defaultdict(set)
    found: list[RecordedRun | Erasure] = []
    for path in zone.files():
        day, _, rest = path.partition("/")
        if rest.startswith(ERASURE):
            facts = _json(store, path) or {}
            moment = datetime.fromisoformat(facts["recorded_at"])
            found.append(Erasure(recorded_at=moment, person=facts["person"], undo=facts["undo"]))
        elif rest.startswith("run="):
            runs[f"{day}/{rest.partition('/')[0]}"].add(path)
    found += [
        RecordedRun(store=store, folder=folder, files=frozenset(files))
        for folder, files in runs.items()
    ]
    if not runs:
        raise RebuildError(f"{store} has no runs, so there is nothing to rebuild. Check --from.")
    return sorted(found, key=lambda each: each.recorded_at)


def _json(store: FileStore, path: str) -> Facts | None:
    content = store.read(path)
    try:
        facts = None if content is None else json.loads(content)
    except ValueError as error:
        raise _damaged(store, path, str(error)) from None
    if not isinstance(facts, dict | None):
        raise _damaged(store, path, "it is not a JSON object")
    return facts


def _damaged(store: FileStore, path: str, why: str) -> RebuildError:
    return RebuildError(
        f"{path} in {store} is damaged ({why}), so the warehouse cannot be rebuilt. Restore the "
        "file, or restore a backup of the warehouse."
    )
