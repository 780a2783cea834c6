"""What dlt's state remembers of a resource: up to when it is complete.

dlt commits its state with the rows; what fails before that never happened.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.dlt_source.arguments import Request
from pipedrive_assets.extract.plan import (
    Scan,
    TableStats,
    Watermark,
    earliest,
    lists_from_json,
    plan,
)
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.windows import Window, parse_stamp, utc_now

COMPLETE = "complete_until"
NEWEST = "newest_change"
IDS = "ids_until"
LISTS = "lists"
"""By path: the newest change that each list has returned, null where it never returned a row."""

RECENT = "recent"
"""By id: the change of rows so recent that the next window shows them once more."""

SHELVES = "recent_by_list"
"""The recent changes of current rows, and those of archived rows."""

UNKNOWN = "unknown_fields"
"""Keys of custom fields that rows had while Pipedrive did not return the fields' definitions."""

State = MutableMapping[str, Any]
Row = dict[str, Any]


OMITTED = "omitted_fields"
"""Names in `include_fields` that some rows were loaded without, because Pipedrive refused them."""


def planned(state: State, request: Request, omitted: Sequence[str] = ()) -> Scan:
    """What a resource needs to be read: everything at first, then what changed; everything too
    where rows lack fields that are no longer `omitted`.
    """
    reached = _moment(state.get(COMPLETE))
    return plan(
        Watermark(
            initial_load_at=reached,
            complete_until=reached,
            ids_until=state.get(IDS),
            lists=lists_from_json(state.get(LISTS, {})),
            omitted=tuple(state.get(OMITTED, ())),
        ),
        Window(start=utc_now()),
        table_stats=TableStats(newest=_moment(state.get(NEWEST))),
        overlap=request.overlap,
        since=request.since,
        full=request.full,
        omitted=tuple(omitted),
    )


def covering(scans: Iterable[Scan]) -> Scan:
    """The scan that reads what each of these reads."""
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
    """Whether a scan of its own would have shown this row."""
    start = scan.earliest
    if start is None:
        return True
    if change := row.get(cursor):
        return parse_stamp(change) >= start
    return scan.above_id is None or row["id"] > scan.above_id


def is_held(before: State, row: Row, cursor: str, overlap: timedelta) -> bool:
    """Whether an earlier run read what belongs to this row, and long enough after its change: a
    second change in the same second leaves the same time.
    """
    change, reached = row.get(cursor), _moment(before.get(COMPLETE))
    if not change or reached is None or before.get(RECENT, {}).get(str(row["id"])) != change:
        return False
    return parse_stamp(change) + overlap <= reached


def note_rows(seen: State, rows: Iterable[Row], cursor: str, overlap: timedelta) -> None:
    """Remember the newest change, the highest id and the recent changes among rows.

    Archived rows have a list of their own, whose next window starts at its own newest change.
    """
    shelves = seen.setdefault(SHELVES, [{}, {}])
    for row in rows:
        change, key = row.get(cursor), row.get("id")
        if isinstance(key, int):
            seen[IDS] = max(key, seen.get(IDS, key))
        if change:
            seen[NEWEST] = _later(seen.get(NEWEST), change)
            is_archived = bool(row.get("is_archived") or row.get("archive_time"))
            shelves[not is_archived].pop(str(key), None)
            shelves[is_archived][str(key)] = change
    seen[SHELVES] = [_recent(each, overlap) for each in shelves]
    seen[RECENT] = {key: change for shelf in seen[SHELVES] for key, change in shelf.items()}


def _recent(changes: Mapping[str, str], overlap: timedelta) -> dict[str, str]:
    moments = {key: parse_stamp(change) for key, change in changes.items()}
    since = max(moments.values(), default=None)
    if since is None:
        return {}
    return {key: changes[key] for key, moment in moments.items() if moment >= since - overlap}


def note_finished(state: State, scan: Scan, seen: State, paths: Iterable[str] = ()) -> None:
    """Record a finished scan over the lists `paths`: what it covers is complete."""
    if (reached := scan.complete_until()) is None:
        return
    state[COMPLETE] = _later(state.get(COMPLETE), reached.isoformat())
    lists = scan.lists_after(lists_from_json(state.get(LISTS, {})), paths)
    if lists:
        state[LISTS] = {path: each and each.isoformat() for path, each in lists.items()}
    state[RECENT] = seen.get(RECENT, {})
    if NEWEST in seen:
        state[NEWEST] = _later(state.get(NEWEST), seen[NEWEST])
    if scan.saw_newest_ids and IDS in seen:
        state[IDS] = max(seen[IDS], state.get(IDS) or 0)


def note_unknown_fields(state: State, custom: FieldSet, rows: Iterable[Row]) -> None:
    """Remember the custom fields of rows whose names are not known: they have no column yet."""
    if found := {*custom.unknown(rows)} - {*state.get(UNKNOWN, ())}:
        state[UNKNOWN] = sorted({*state.get(UNKNOWN, ()), *found})


def names_known_now(state: State, custom: FieldSet, paths: Iterable[str]) -> bool:
    """Have the lists read from their start where rows were loaded before their fields were known.

    Returns:
        Whether they are: a scan that was begun before has to begin again.
    """
    unknown = {*state.get(UNKNOWN, ())}
    if unknown.isdisjoint(custom.plan.values):
        return False
    state[UNKNOWN] = sorted(unknown - custom.plan.values.keys())
    state[LISTS] = dict.fromkeys(paths)
    return True


def _moment(text: str | None) -> datetime | None:
    return parse_stamp(text) if text else None


def _later(known: str | None, found: str) -> str:
    return found if known is None or parse_stamp(found) > parse_stamp(known) else known
