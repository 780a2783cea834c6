"""The raw zone: each reply that a load reads, as compressed JSON lines in a folder of files.

Replies of a table are written before its rows are committed. A file appears at once and complete.
Each run has files of its own. They also have the steps of the run (`recording/steps.py`), from
which a warehouse can be rebuilt.
"""

import gzip
import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from pipedrive_assets.api import ApiCall, ApiReply, Client, RequestStats
from pipedrive_assets.api.json_body import decode
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.warehouse.file_store import FileStore
from pipedrive_assets.windows import stamp

FILE_BYTES = 32 << 20
"""A file is written when the replies of a path reach this size, uncompressed."""

START = "run.json"
"""Written first: what the run loads, and the state of the warehouse before it."""

END = "complete.json"
"""Written last: the run has ended, and has so many replies and steps in so many files."""

STEPS = "steps"
"""The folder with the steps of a run."""

ERASURE = "erasure="
"""Prefix of a file with an erasure, below the folder of its day."""

_ID = re.compile(r"(?<=/)[^/]*[0-9][^/]*(?=/|$)")


@dataclass(slots=True)
class _Part:
    """Replies that are not written yet, and the statistics of the table that requested them."""

    stats: RequestStats
    lines: list[bytes] = field(default_factory=list)
    size: int = 0


class RawRun:
    """The replies of one run. Thread-safe."""

    def __init__(self, store: FileStore, now: datetime) -> None:
        """Write nothing yet.

        Args:
            store: The files.
            now: The start of the run, UTC.
        """
        self._store = store
        self.folder = f"day={now:%Y-%m-%d}/run={now:%H%M%S}-{uuid.uuid4().hex[:12]}"
        self._parts: dict[tuple[int, str], _Part] = {}
        self._waiting: list[bytes] = []
        self._files = self._replies = self._steps = 0
        self._lock = threading.Lock()
        self._has_begun = False

    def begin(self, facts: dict[str, Any]) -> None:
        """Write what the run loads, and the replies that were read to begin it.

        Args:
            facts: What the run loads, as JSON.
        """
        self._store.write(f"{self.folder}/{START}", json.dumps(facts).encode())
        self._has_begun = True
        self.flush()

    def keep(self, call: ApiCall, reply: ApiReply, read_at: datetime) -> None:
        """Keep a reply; a large part is written at once.

        Of replies with an error, only refusals of Pipedrive's API are kept.

        Args:
            call: The request.
            reply: Its reply.
            read_at: The time of the reply, UTC.

        Raises:
            WarehouseError: The part cannot be written.
        """
        if reply.status >= 300 and not _is_refusal(reply):
            return
        line = _line(call, reply, read_at)
        with self._lock:
            key = id(call.stats), folder_of(call.path)
            part = self._parts.setdefault(key, _Part(call.stats))
            part.lines.append(line)
            part.size += len(line)
            is_full = part.size >= FILE_BYTES
        if is_full:
            self.flush(call.stats)

    def flush(self, stats: RequestStats | None = None) -> None:
        """Write what was kept.

        Args:
            stats: Write only replies of these statistics, which are those of a table; None: all.

        Raises:
            WarehouseError: A file cannot be written. Its replies are kept for the next attempt.
        """
        with self._lock:
            parts = [*self._parts.items()]
            for key, part in parts:
                if stats is not None and part.stats is not stats:
                    continue
                self._write(f"endpoint={key[1]}", part.lines)
                self._replies += len(part.lines)
                del self._parts[key]

    def note(self, step: dict[str, Any]) -> int:
        """Keep a step of the run; it is written with the next one that has to be.

        Args:
            step: The step, as JSON.

        Returns:
            The number of the step, from 1.
        """
        # json, not orjson: it refuses what JSON cannot repeat exactly.
        self._waiting.append(json.dumps(step, separators=(",", ":")).encode() + b"\n")
        return self._steps + len(self._waiting)

    def flush_steps(self) -> None:
        """Write the steps that were noted.

        Raises:
            WarehouseError: The file cannot be written. The steps are kept for the next attempt.
        """
        with self._lock:
            if self._waiting:
                self._write(STEPS, self._waiting)
                self._steps += len(self._waiting)
                self._waiting = []

    def _write(self, folder: str, lines: list[bytes]) -> None:
        name = f"{self.folder}/{folder}/{self._files + 1:06}.ndjson.gz"
        self._store.write(name, gzip.compress(b"".join(lines), compresslevel=6, mtime=0))
        self._files += 1

    def close(self) -> None:
        """Write what was kept, unless the run failed before it began."""
        if self._has_begun:
            self.flush()
            self.flush_steps()

    def end(self) -> None:
        """Record that the run has ended, with the number of its files, replies and steps."""
        facts = {"files": self._files, "replies": self._replies, "steps": self._steps}
        self._store.write(f"{self.folder}/{END}", json.dumps(facts).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class RawZone:
    """A folder of raw replies.

    Attributes:
        url: A path or a URL of fsspec.
        file_mode: Permissions of new local files.
        option: The option or setting that has the URL, for error messages.
    """

    url: str
    file_mode: int
    option: str = "PIPEDRIVE_RAW_TO"

    @classmethod
    def of(cls, settings: Settings) -> "RawZone | None":
        """Return the raw zone of the settings; None if they have none."""
        return cls(url=settings.raw_to, file_mode=settings.file_mode) if settings.raw_to else None

    @property
    def store(self) -> FileStore:
        """The files.

        Raises:
            ConfigurationError: The URL cannot be used.
        """
        return FileStore(
            self.url,
            self.file_mode,
            option=self.option,
            safe="Rows whose replies could not be kept were not committed; loaded rows are safe.",
        )

    def files(self) -> set[str]:
        """Return the paths of all files with replies, also of those that are not complete."""
        return {path for path in self.store.paths() if path.startswith("day=")}

    def delete(self) -> int:
        """Delete all files with replies, and return their number."""
        store, files = self.store, sorted(self.files())
        for path in files:
            store.remove(path)
        return len(files)

    @contextmanager
    def keeping(self, client: Client) -> Iterator[RawRun]:
        """Keep the replies that a client reads.

        Args:
            client: The client of the run.

        Yields:
            The run's part of the raw zone.
        """
        run = RawRun(self.store, client.now())
        client.keep = run.keep
        try:
            yield run
        finally:
            client.keep = None
            run.close()
        run.end()

    def note_erasure(self, person: int, now: datetime, *, undo: bool) -> None:
        """Record that a person is erased from the warehouse, before that is done.

        Args:
            person: The person's id in Pipedrive.
            now: The present, UTC.
            undo: Whether the person is removed from the list of erased persons instead.
        """
        name = f"day={now:%Y-%m-%d}/{ERASURE}{now:%H%M%S}-{uuid.uuid4().hex[:12]}.json"
        facts = {"recorded_at": now.isoformat(), "person": person, "undo": undo}
        self.store.write(name, json.dumps(facts).encode())


def folder_of(path: str) -> str:
    """Return the name of a path's folder: `v1/deals/7/flow` is in `v1-deals-id-flow`."""
    return _ID.sub("id", path.removeprefix("api/")).replace("/", "-")


def _is_refusal(reply: ApiReply) -> bool:
    """Return whether Pipedrive's API refuses the request, for a reason other than a limit."""
    is_refused = 400 <= reply.status < 500 and reply.status != 429
    return is_refused and isinstance(decode(reply.content), dict)


def _line(call: ApiCall, reply: ApiReply, read_at: datetime) -> bytes:
    facts = {
        "path": call.path,
        "query": urlencode(call.params),
        "status": reply.status,
        "read_at": stamp(read_at),
    }
    return orjson.dumps(facts)[:-1] + b',"body":' + _body(reply.content) + b"}\n"


def _body(content: bytes) -> bytes:
    """Return the body as it was sent, on one line: JSON has line breaks only between values."""
    try:
        text = content.decode(json.detect_encoding(content))
    except UnicodeDecodeError as error:
        raise WarehouseError(
            f"A reply could not be kept in the raw zone: {error.reason} at byte {error.start}. Its "
            "rows were not committed; loaded rows are safe. Run again, or remove PIPEDRIVE_RAW_TO."
        ) from None
    return text.replace("\r", " ").replace("\n", " ").encode("utf-8", "surrogatepass")
