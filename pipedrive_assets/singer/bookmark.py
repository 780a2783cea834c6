"""Reading a bookmark back from the state, which is a file that anybody may have edited.

Every reader raises ValueError, TypeError, KeyError or the like for what this tap never wrote.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pipedrive_assets.config.values import moment
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.singer.progress import StreamProgress
from pipedrive_assets.windows import parse_stamp, stamp

DAMAGE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What reading raises where the state is none of ours."""

YEARS = range(1970, 2100)
"""Moments of other years are damage: Pipedrive has no such change."""

_MARKERS = {"cursor": r"[!-~]+", "offset": r"[0-9]{1,15}(@[^\n]*)?"}


def read_progress(
    bookmark: Any, stream: str, *, keys: Iterable[str], entity: Entity, start: datetime | None
) -> StreamProgress:
    """The progress that a bookmark tells of, under the first of `keys` that it has.

    Raises ConfigurationError, one sentence, where the state is of another tap or damaged.
    """
    told, keys = {} if bookmark is None else bookmark, list(keys)
    try:
        key = next((each for each in keys if told.get(each) is not None), keys[0])
        found = _progress(told, key, entity, start)
    except DAMAGE:
        raise _refused(stream, keys[-1], "cannot be read") from None
    if told and not (found.bookmark or found.is_whole or found.scan):
        raise _refused(stream, keys[-1], f"has no {keys[-1]}")
    return found


def _progress(
    told: Mapping[str, Any], key: str, entity: Entity, start: datetime | None
) -> StreamProgress:
    """A stream with a bookmark goes on from there, whatever the config's start is now."""
    bookmark = read_moment(told.get(key))
    found = StreamProgress(
        entity=entity,
        start=read_moment(told.get("start")) if bookmark else start,
        bookmark=bookmark,
        is_whole="ids_until" in told,
        ids_until=_id(told.get("ids_until"), entity),
        pending=_pending(told.get("pending", {})),
        doubted=_doubted(told.get("doubted", {})),
        answered=_id(told.get("answered"), entity),
        lists=_lists(told.get("lists", {}), entity),
        omitted=_omitted(told.get("omitted_fields", ()), entity),
        unknown_fields=_keys(told.get("unknown_fields", [])),
    )
    if (begun := told.get("walk")) is not None:
        found.scan = _scan(begun["position"], entity)
        found.newest = read_moment(begun["newest"])
        found.highest_id = _id(begun["highest_id"], entity)
    return found


def read_moment(text: Any) -> datetime | None:
    """A moment of the state, aware, UTC; None for null."""
    if text is None:
        return None
    if not re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(text)
    found = moment(text)
    if found.year not in YEARS:
        raise ValueError(text)
    return found


def _pending(told: Mapping[str, Any]) -> dict[int, str | None]:
    times = {key: read_moment(text) for key, text in told.items()}
    if not all(re.fullmatch("[0-9]{1,18}", key) for key in times):
        raise ValueError
    return {int(key): stamp(time) if time else None for key, time in times.items()}


def _keys(told: Any) -> set[str]:
    if not isinstance(told, list) or not all(type(key) is str for key in told):
        raise TypeError(told)
    return set(told)


def _doubted(told: Mapping[str, Any]) -> dict[int, datetime]:
    return {key: parse_stamp(time or "") for key, time in _pending(told).items()}


def _id(told: Any, entity: Entity) -> int | None:
    """The highest id of an entity whose ids are numbers."""
    is_number = columns_of(entity.name).columns["id"].type == "bigint"
    if told is not None and (type(told) is not int or not is_number):
        raise TypeError(told)
    return told


def _omitted(told: Iterable[str], entity: Entity) -> tuple[str, ...]:
    names = tuple(told)
    if set(names) - set(entity.include_fields):
        raise ValueError(told)
    return names


def _lists(told: Mapping[str, Any], entity: Entity) -> dict[str, datetime | None]:
    found = {path: read_moment(text) for path, text in told.items()}
    if found.keys() - set(entity.list_names):
        raise ValueError(told)
    return found


def _scan(position: str, entity: Entity) -> Scan:
    """A position in the list: of a scan as this tap plans them, open at its end."""
    scan = Scan.from_json(position)
    for each in (scan.since, scan.started_at):
        read_moment(stamp(each) if each else None)
    _id(scan.above_id, entity)
    for marks in (scan.lists, scan.newest):
        _lists({path: each and stamp(each) for path, each in marks.items()}, entity)
    _omitted(scan.omitted, entity)
    lists = len(entity.endpoints) + 2
    if not (
        scan.advances is True
        and scan.until is None
        and scan.initial_load is (scan.since is None)
        and type(scan.endpoint_index) is type(scan.pages) is int
        and 0 <= scan.endpoint_index <= lists
        and scan.pages >= 0
        and (scan.marker is None or re.fullmatch(_MARKERS[entity.paging], scan.marker))
    ):
        raise ValueError(position)
    return scan


def _refused(stream: str, key: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The state's bookmark of {stream} {what}. Give the last state that this tap wrote, or one "
        f'such as {{"bookmarks": {{"{stream}": {{"{key}": "2024-01-01T00:00:00Z"}}}}}}; '
        "without a bookmark the stream starts at start_date."
    )
