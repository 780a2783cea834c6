"""Reading bookmarks of the state, a file that users may have edited.

The readers raise one of `DAMAGE` for anything that this tap never writes.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pipedrive_assets.config.values import moment
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.extract.descent import Descent
from pipedrive_assets.extract.pending_parents import PendingParents
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.singer.progress import StreamProgress
from pipedrive_assets.windows import parse_stamp, stamp

DAMAGE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What the readers raise for a state that this tap did not write."""

YEARS = range(1970, 2100)
"""Years that a time in the state may have: Pipedrive has no earlier changes."""

_MARKERS = {"cursor": r"[!-~]+", "offset": r"[0-9]{1,15}(@[^\n]*)?"}


def read_progress(
    bookmark: Any, stream: str, *, keys: Iterable[str], entity: Entity, start: datetime | None
) -> StreamProgress:
    """Return the progress of a bookmark.

    Args:
        bookmark: The bookmark as it is in the state; None if there is none.
        stream: The stream's name.
        keys: Keys that may have the bookmark's time; the first one present is used.
        entity: The table whose lists the stream scans.
        start: The start date of the config, UTC.

    Returns:
        The progress; without a bookmark, that of a first sync.

    Raises:
        ConfigurationError: The bookmark is damaged, or another tap wrote it.
    """
    content, keys = {} if bookmark is None else bookmark, list(keys)
    try:
        key = next((each for each in keys if content.get(each) is not None), keys[0])
        found = _progress(content, key, entity, start)
    except DAMAGE:
        raise _refused(stream, keys[-1], "cannot be read") from None
    if content and not (found.bookmark or found.is_whole or found.scan):
        raise _refused(stream, keys[-1], f"has no {keys[-1]}")
    return found


def _progress(
    content: Mapping[str, Any], key: str, entity: Entity, start: datetime | None
) -> StreamProgress:
    """Return the progress. A stream with a bookmark ignores the start date of the config."""
    bookmark = read_moment(content.get(key))
    found = StreamProgress(
        entity=entity,
        start=read_moment(content.get("start")) if bookmark else start,
        bookmark=bookmark,
        is_whole="ids_until" in content,
        ids_until=_id(content.get("ids_until"), entity),
        parents=PendingParents(
            waiting=_pending(content.get("pending", {})),
            doubted=_doubted(content.get("doubted", {})),
            answered=_id(content.get("answered"), entity),
            filled=_id(content.get("filled"), entity),
        ),
        lists=_lists(content.get("lists", {}), entity),
        omitted=_omitted(content.get("omitted_fields", ()), entity),
        unknown_fields=_texts(content.get("unknown_fields", [])),
    )
    if (begun := content.get("walk")) is not None:
        found.scan = _scan(begun["position"], entity)
        found.newest = read_moment(begun["newest"])
        found.highest_id = _id(begun["highest_id"], entity)
    return found


def read_moment(text: Any) -> datetime | None:
    """Return a time of the state, in UTC; None for null.

    Raises:
        ValueError: It is not ISO 8601 text of the years 1970 to 2099.
    """
    if text is None:
        return None
    if not re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(text)
    found = moment(text)
    if found.year not in YEARS:
        raise ValueError(text)
    return found


def _pending(content: Mapping[str, Any]) -> dict[int, str | None]:
    times = {key: read_moment(text) for key, text in content.items()}
    if not all(re.fullmatch("[0-9]{1,18}", key) for key in times):
        raise ValueError
    return {int(key): stamp(time) if time else None for key, time in times.items()}


def _texts(content: Any) -> set[str]:
    if not isinstance(content, list) or not all(type(key) is str for key in content):
        raise TypeError(content)
    return set(content)


def _doubted(content: Mapping[str, Any]) -> dict[int, datetime]:
    return {key: parse_stamp(time or "") for key, time in _pending(content).items()}


def _id(content: Any, entity: Entity) -> int | None:
    """Return an id; only tables whose ids are numbers have one in the state."""
    is_number = columns_of(entity.name).columns["id"].type == "bigint"
    if content is not None and (type(content) is not int or not is_number):
        raise TypeError(content)
    return content


def _omitted(content: Iterable[str], entity: Entity) -> tuple[str, ...]:
    names = tuple(content)
    if set(names) - set(entity.include_fields):
        raise ValueError(content)
    return names


def _lists(content: Mapping[str, Any], entity: Entity) -> dict[str, datetime | None]:
    found = {path: read_moment(text) for path, text in content.items()}
    if found.keys() - set(entity.list_names):
        raise ValueError(content)
    return found


def _scan(position: str, entity: Entity) -> Scan:
    """Return an unfinished scan: this tap plans only scans without an end time."""
    scan = Scan.from_json(position)
    for each in (scan.since, scan.started_at):
        read_moment(stamp(each) if each else None)
    for number in (scan.above_id, scan.top_id):
        _id(number, entity)
    if scan.descent:
        _check_descent(scan.descent, entity)
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


def _check_descent(descent: Descent, entity: Entity) -> None:
    ids = (descent.top, descent.low, descent.front)
    if None in ids or not (descent.marker is None or re.fullmatch(r"[!-~]+", descent.marker)):
        raise ValueError(descent)
    for each in ids:
        _id(each, entity)


def _refused(stream: str, key: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The state's bookmark of {stream} {what}. Pass the last state that this tap wrote, or a "
        f'bookmark like {{"bookmarks": {{"{stream}": {{"{key}": "2024-01-01T00:00:00Z"}}}}}}. '
        "Without a bookmark the stream starts at start_date."
    )
