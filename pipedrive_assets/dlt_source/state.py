"""What dlt's state keeps of a resource: above all, up to when it is complete.

dlt saves the state together with the rows, so a failed load leaves both unchanged. The keys are
those of version 0.1.0.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.dlt_source.arguments import Request
from pipedrive_assets.extract.memory import finish_scan, next_scan
from pipedrive_assets.extract.plan import (
    Scan,
    TableStats,
    Watermark,
    earliest,
    lists_from_json,
)
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.windows import Window, parse_stamp, utc_now

COMPLETE = "complete_until"
NEWEST = "newest_change"
IDS = "ids_until"
LISTS = "lists"
"""By path: the newest change that each list has returned, null where it never returned a row."""

RECENT = "recent"
"""By id, the change time of rows so recent that the next run reads them once more."""

RECENT_BY_LIST = "recent_by_list"
"""`RECENT`, separately for current rows and for archived rows."""

UNKNOWN = "unknown_fields"
"""Keys of custom fields whose definitions Pipedrive did not return when rows had them."""

State = MutableMapping[str, Any]
Row = dict[str, Any]


OMITTED = "omitted_fields"
"""Names in `include_fields` that some rows lack, because Pipedrive refused them."""


@dataclass(frozen=True, slots=True)
class StateMemory:
    """A `Memory` in dlt's state of a resource; `seen` is what the rows of this run have shown."""

    state: State
    seen: State = field(default_factory=dict)

    def watermark(self) -> Watermark:
        """Return what is complete. An unfinished scan is kept by `lists.py` (`BEGUN`)."""
        reached = _moment(self.state.get(COMPLETE))
        return Watermark(
            initial_load_at=reached,
            complete_until=reached,
            ids_until=self.state.get(IDS),
            lists=lists_from_json(self.state.get(LISTS, {})),
            omitted=tuple(self.state.get(OMITTED, ())),
        )

    def table_stats(self) -> TableStats:
        """Return the newest change and the highest id of this run's rows and earlier ones."""
        newest = filter(None, (_moment(each.get(NEWEST)) for each in (self.state, self.seen)))
        ids = filter(None, (each.get(IDS) for each in (self.state, self.seen)))
        return TableStats(newest=max(newest, default=None), highest_id=max(ids, default=None))

    def record(self, watermark: Watermark) -> None:
        """Write a watermark into the state. Omitted fields are noted with the rows."""
        if watermark.complete_until:
            self.state[COMPLETE] = watermark.complete_until.isoformat()
        if watermark.lists:
            self.state[LISTS] = {
                path: each and each.isoformat() for path, each in watermark.lists.items()
            }
        if watermark.ids_until is not None:
            self.state[IDS] = watermark.ids_until

    def next_scan(self, request: Request, omitted: Sequence[str] = ()) -> Scan:
        """Return what to read: everything at first, then what changed.

        Args:
            request: What the pipeline asks for.
            omitted: Names that this run leaves out of `include_fields`.

        Returns:
            The scan, from its first page.
        """
        return next_scan(
            self,
            Window(start=utc_now()),
            overlap=request.overlap,
            since=request.since,
            full=request.full,
            omitted=omitted,
        )

    def finish(self, scan: Scan, paths: Iterable[str]) -> None:
        """Record that a scan over the lists `paths` was read to its end."""
        if scan.complete_until() is None:
            return
        finish_scan(self, scan, paths, utc_now())
        self.state[RECENT] = self.seen.get(RECENT, {})
        if NEWEST in self.seen:
            self.state[NEWEST] = _later(self.state.get(NEWEST), self.seen[NEWEST])


def covering(scans: Iterable[Scan]) -> Scan:
    """Return one scan that reads everything that each of these scans reads."""
    first, *others = scans
    for other in others:
        since = earliest(first.since, other.since)
        starts = {
            path: earliest(first.start_of(path), other.start_of(path))
            for path in {*first.lists, *other.lists}
        }
        ids = [each.above_id for each in (first, other) if each.above_id is not None]
        first = Scan(
            initial_load=first.initial_load or other.initial_load,
            advances=True,
            since=since,
            above_id=min(ids) if since and ids else None,
            lists={path: each for path, each in starts.items() if each != since},
        )
    return first


def concerns(scan: Scan, row: Row, cursor: str) -> bool:
    """Return whether a table's own scan would have returned a parent's row.

    Args:
        scan: The scan of the table.
        row: The parent's row.
        cursor: The column of its last change.

    Returns:
        True if the row changed since the scan's start, or is new to it.
    """
    start = scan.earliest
    if start is None:
        return True
    if change := row.get(cursor):
        return parse_stamp(change) >= start
    return scan.above_id is None or row["id"] > scan.above_id


def is_held(before: State, row: Row, cursor: str, overlap: timedelta) -> bool:
    """Return whether an earlier run read the children of a row after its last change.

    Only counts if that was `overlap` later: a second change within the same second does not move
    the change time.

    Args:
        before: The child table's state before this run.
        row: The parent's row.
        cursor: The column of its last change.
        overlap: How much later the run must have been.

    Returns:
        True if the children need not be read again.
    """
    change, reached = row.get(cursor), _moment(before.get(COMPLETE))
    if not change or reached is None or before.get(RECENT, {}).get(str(row["id"])) != change:
        return False
    return parse_stamp(change) + overlap <= reached


def note_rows(seen: State, rows: Iterable[Row], cursor: str, overlap: timedelta) -> None:
    """Note the newest change, the highest id and the recent changes among rows.

    Archived rows are in a list of their own, whose next scan starts at its own newest change.

    Args:
        seen: Where to note it: what the rows of this run have shown.
        rows: The rows.
        cursor: The column of their last change.
        overlap: How far before the newest change a change is recent.
    """
    by_list = seen.setdefault(RECENT_BY_LIST, [{}, {}])
    for row in rows:
        change, key = row.get(cursor), row.get("id")
        if isinstance(key, int):
            seen[IDS] = max(key, seen.get(IDS, key))
        if change:
            seen[NEWEST] = _later(seen.get(NEWEST), change)
            is_archived = bool(row.get("is_archived") or row.get("archive_time"))
            by_list[not is_archived].pop(str(key), None)
            by_list[is_archived][str(key)] = change
    seen[RECENT_BY_LIST] = [_recent(each, overlap) for each in by_list]
    seen[RECENT] = {key: time for each in seen[RECENT_BY_LIST] for key, time in each.items()}


def _recent(changes: Mapping[str, str], overlap: timedelta) -> dict[str, str]:
    moments = {key: parse_stamp(change) for key, change in changes.items()}
    since = max(moments.values(), default=None)
    if since is None:
        return {}
    return {key: changes[key] for key, moment in moments.items() if moment >= since - overlap}


def note_unknown_fields(state: State, custom: FieldSet, rows: Iterable[Row]) -> None:
    """Note the custom fields of rows that have no column, because their names are not known.

    Args:
        state: The state of the resource; it is changed.
        custom: The custom fields that are known.
        rows: The rows.
    """
    if found := {*custom.unknown(rows)} - {*state.get(UNKNOWN, ())}:
        state[UNKNOWN] = sorted({*state.get(UNKNOWN, ()), *found})


def _moment(text: str | None) -> datetime | None:
    return parse_stamp(text) if text else None


def _later(known: str | None, found: str) -> str:
    return found if known is None or parse_stamp(found) > parse_stamp(known) else known
