"""Rows of the invented company, kept in tables that know their own order."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from random import Random
from typing import Any

Row = dict[str, Any]
Key = int | str
Ordered = list[tuple[tuple[Any, ...], Row]]


def stamp_of(instant: datetime) -> str:
    """The instant as API v2 writes it: UTC, whole seconds, `Z`."""
    return instant.astimezone(timezone.utc).replace(tzinfo=None).isoformat()[:19] + "Z"


def clock(second: int) -> str:
    """A second of a day as `HH:MM:SS`."""
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


class Table:
    """Rows by key, and orders that are computed once per change.

    `alive` are the keys of rows that are not deleted, `pool` those that life may pick: rows
    that were never edited are left out, so that there always are some. `settled` are the keys
    that life may edit but neither deletes nor archives, so that tests can count on them.
    """

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}
        self.alive: list[Key] = []
        self.pool: list[Key] = []
        self.settled: frozenset[Key] = frozenset()
        self.retired: deque[tuple[str, Key]] = deque()
        self.last = 0
        self.changes = 0
        self._views: dict[object, Any] = {}

    def put(self, key: Key, row: Row) -> None:
        """Store a new row, alive."""
        self.rows[key] = row
        self.alive.append(key)
        if row.get("update_time", "") is not None:
            self.pool.append(key)
        if isinstance(key, int):
            self.last = max(self.last, key)
        self.touch()

    def drop(self, key: Key) -> Row:
        """Take a row away for good."""
        row = self.rows.pop(key)
        self._forget(key)
        return row

    def retire(self, key: Key, stamp: str) -> None:
        """Keep a row that was deleted at `stamp`, out of life's reach."""
        self.retired.append((stamp, key))
        self._forget(key)

    def _forget(self, key: Key) -> None:
        for keys in (self.alive, self.pool):
            if key in keys:
                keys.remove(key)
        self.touch()

    def settle(self, count: int) -> None:
        """Settle the first rows."""
        self.settled = frozenset(self.alive[:count])

    def expired(self, before: str) -> Iterable[Key]:
        """Take the keys of the rows retired before `before` off the waiting list."""
        while self.retired and self.retired[0][0] < before:
            key = self.retired.popleft()[1]
            if key in self.rows:
                yield key

    def touch(self) -> None:
        """Forget what was computed from the rows: one of them changed."""
        self.changes += 1
        if self._views:
            self._views = {}

    def pick(self, rng: Random) -> Row | None:
        """A row out of the pool, by chance."""
        if not self.pool:
            return None
        return self.rows[self.pool[int(rng.random() * len(self.pool))]]

    def ordered(self, column: str) -> Ordered:
        """All rows by a column, then by id; rows without a value first."""

        def build() -> Ordered:
            keyed = [(order_key(row, column), row) for row in self.rows.values()]
            return sorted(keyed, key=lambda pair: pair[0])

        result: Ordered = self.view(("ordered", column), build)
        return result

    def groups(self, column: str) -> Mapping[Any, list[Row]]:
        """Living rows by the value of a column."""

        def build() -> Mapping[Any, list[Row]]:
            groups: dict[Any, list[Row]] = {}
            for key in self.alive:
                row = self.rows[key]
                groups.setdefault(row[column], []).append(row)
            return groups

        result: Mapping[Any, list[Row]] = self.view(("groups", column), build)
        return result

    def where(self, column: str, value: object) -> list[Row]:
        """Rows that are not deleted and hold a value; cheaper than groups when asked once."""
        return [
            row for row in self.rows.values() if row[column] == value and not row.get("is_deleted")
        ]

    def view(self, name: object, build: Callable[[], Any]) -> Any:
        """Something computed from the rows, kept until the next change."""
        if name not in self._views:
            self._views[name] = build()
        return self._views[name]


def order_key(row: Row, column: str) -> tuple[Any, ...]:
    """Where a row stands in a list sorted by `column`."""
    value = row[column]
    return (value is not None, value, row["id"])
