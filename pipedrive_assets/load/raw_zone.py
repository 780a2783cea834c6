"""The raw zone: each reply that a load reads, as compressed JSON lines in a folder of files.

Replies of a table are written before its rows are committed. A file appears at once and complete.
Each run has files of its own.
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
from urllib.parse import urlencode

import orjson

from pipedrive_assets.api import ApiCall, ApiReply, Client, RequestStats
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.warehouse.file_store import FileStore
from pipedrive_assets.windows import stamp

FILE_BYTES = 32 << 20
"""A file is written when the replies of a path reach this size, uncompressed."""

END = "complete.json"
"""Written last: the run has ended, and has so many replies in so many files."""

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
        self._folder = f"day={now:%Y-%m-%d}/run={now:%H%M%S}-{uuid.uuid4().hex[:12]}"
        self._parts: dict[tuple[int, str], _Part] = {}
        self._files = self._replies = 0
        self._lock = threading.Lock()

    def keep(self, call: ApiCall, reply: ApiReply, read_at: datetime) -> None:
        """Keep a reply; a large part is written at once.

        Args:
            call: The request.
            reply: Its reply.
            read_at: The time of the reply, UTC.

        Raises:
            WarehouseError: The part cannot be written.
        """
        line = _line(call, reply, read_at)
        with self._lock:
            key = id(call.stats), _folder_of(call.path)
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
                lines = part.lines
                name = f"{self._folder}/endpoint={key[1]}/{self._files + 1:06}.ndjson.gz"
                self._store.write(name, gzip.compress(b"".join(lines), compresslevel=6, mtime=0))
                self._files += 1
                self._replies += len(lines)
                del self._parts[key]

    def end(self) -> None:
        """Record that the run has ended, with the number of its files and replies."""
        facts = {"files": self._files, "replies": self._replies}
        self._store.write(f"{self._folder}/{END}", json.dumps(facts).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class RawZone:
    """A folder of raw replies.

    Attributes:
        url: A path or a URL of fsspec.
        file_mode: Permissions of new local files.
    """

    url: str
    file_mode: int

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
            option="PIPEDRIVE_RAW_TO",
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
            run.flush()
        run.end()


def _folder_of(path: str) -> str:
    """Return the name of a path's folder: `v1/deals/7/flow` is in `v1-deals-id-flow`."""
    return _ID.sub("id", path.removeprefix("api/")).replace("/", "-")


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
