"""Tables of the invented company: rows by key, with cached sort orders and groups."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timezone
from random import Random
from typing import Any

Row = dict[str, Any]
Key = int | str
Ordered = list[tuple[tuple[Any, ...], Row]]


def stamp_of(instant: datetime) -> str:
    """Format an instant as API v2 does: UTC, whole seconds, `Z`."""
    return instant.astimezone(timezone.utc).replace(tzinfo=None).isoformat()[:19] + "Z"


def clock(second: int) -> str:
    """Format a second of a day as `HH:MM:SS`."""
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


class Table:
    """Rows by key, with views that are cached until the next change."""

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}
        """All rows by key, including deleted ones."""
        self.alive: list[Key] = []
        """Keys of rows that are not deleted."""
        self.pool: list[Key] = []
        """Keys of rows that events may pick; without rows never edited, so that some remain."""
        self.settled: frozenset[Key] = frozenset()
        """Keys of rows that events may edit but not delete or archive, for tests to rely on."""
        self.retired: deque[tuple[str, Key]] = deque()
        """Deleted rows with the time of their deletion, oldest first."""
        self.last = 0
        """Highest numeric key so far."""
        self.changes = 0
        """Number of changes so far."""
        self._views: dict[object, Any] = {}

    def put(self, key: Key, row: Row) -> None:
        """Add a new row."""
        self.rows[key] = row
        self.alive.append(key)
        if row.get("update_time", "") is not None:
            self.pool.append(key)
        if isinstance(key, int):
            self.last = max(self.last, key)
        self.touch()

    def drop(self, key: Key) -> Row:
        """Remove a row permanently and return it."""
        row = self.rows.pop(key)
        self._forget(key)
        return row

    def drop_all(self, keys: Collection[Key]) -> None:
        """Remove rows permanently; faster than one after the other."""
        for key in keys:
            del self.rows[key]
        self.alive = [key for key in self.alive if key not in keys]
        self.pool = [key for key in self.pool if key not in keys]
        self.touch()

    def retire(self, key: Key, stamp: str) -> None:
        """Keep a row that was deleted at `stamp`, but hide it from events."""
        self.retired.append((stamp, key))
        self._forget(key)

    def _forget(self, key: Key) -> None:
        for keys in (self.alive, self.pool):
            if key in keys:
                keys.remove(key)
        self.touch()

    def settle(self, count: int) -> None:
        """Protect the first `count` rows from deletion and archiving by events."""
        self.settled = frozenset(self.alive[:count])

    def expired(self, before: str) -> Iterable[Key]:
        """Yield the keys of rows deleted before `before`, and remove them from `retired`."""
        while self.retired and self.retired[0][0] < before:
            key = self.retired.popleft()[1]
            if key in self.rows:
                yield key

    def touch(self) -> None:
        """Drop the cached views because a row has changed."""
        self.changes += 1
        if self._views:
            self._views = {}

    def pick(self, rng: Random) -> Row | None:
        """Draw a row from the pool; None if it is empty."""
        if not self.pool:
            return None
        return self.rows[self.pool[int(rng.random() * len(self.pool))]]

    def ordered(self, column: str) -> Ordered:
        """All rows sorted by a column, then by id; rows without a value come first."""

        def build() -> Ordered:
            keyed = [(order_key(row, column), row) for row in self.rows.values()]
            return sorted(keyed, key=lambda pair: pair[0])

        result: Ordered = self.view(("ordered", column), build)
        return result

    def groups(self, column: str) -> Mapping[Any, list[Row]]:
        """Rows that are not deleted, grouped by the value of a column."""

        def build() -> Mapping[Any, list[Row]]:
            groups: dict[Any, list[Row]] = {}
            for key in self.alive:
                row = self.rows[key]
                groups.setdefault(row[column], []).append(row)
            return groups

        result: Mapping[Any, list[Row]] = self.view(("groups", column), build)
        return result

    def where(self, column: str, *values: Key) -> list[Row]:
        """Rows that are not deleted and have one of the values in a column.

        It is cheaper than `groups` for a few values.
        """
        wanted = frozenset(values)
        return [
            row for row in self.rows.values() if row[column] in wanted and not row.get("is_deleted")
        ]

    def view(self, name: object, build: Callable[[], Any]) -> Any:
        """Compute something from the rows, cached until the next change."""
        if name not in self._views:
            self._views[name] = build()
        return self._views[name]


def order_key(row: Row, column: str) -> tuple[Any, ...]:
    """Sort key of a row in a list sorted by `column`."""
    value = row[column]
    return (value is not None, value, row["id"])
