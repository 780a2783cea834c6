"""The state: how far each stream has come, which one is being read, how custom fields are called.

`{"bookmarks": {stream: bookmark}, "currently_syncing": stream, "custom_fields": {…}}`: the form of
every Singer tap, and a key of our own. Only what this tap understands is carried on.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.singer.bookmark import DAMAGE, read_progress
from pipedrive_assets.singer.kept_names import Record, read_names, told_names
from pipedrive_assets.singer.progress import StreamProgress
from pipedrive_assets.singer.stream import ALL, Stream

log = logging.getLogger(__name__)

CURRENT = "currently_syncing"
KEYS = ("bookmarks", CURRENT, "custom_fields")
STREAMS = {stream.tap_stream_id: stream for stream in ALL}


class State:
    """The state as it is carried from run to run."""

    def __init__(self, content: Any) -> None:
        """Read what the last run wrote, as a state or as the whole STATE message; nothing: begin.

        Raises ConfigurationError where it is no state of this tap, or damaged.
        """
        told = _content(content)
        self._current: str | None = told.get(CURRENT)
        self.custom_fields: dict[str, list[Record]] = _names(told.get("custom_fields"))
        """The names of custom fields, kept from run to run; to be changed in place."""

        self._bookmarks: dict[str, Any] = {}
        for stream, bookmark in _bookmarks(told.get("bookmarks", {})):
            self._bookmarks[stream.tap_stream_id] = bookmark
            if bookmark:
                self.save(stream, self.progress(stream, None))

    @property
    def content(self) -> dict[str, Any]:
        """As a STATE message carries it."""
        current = {CURRENT: self._current} if self._current else {}
        names = told_names(self.custom_fields)
        return {"bookmarks": dict(self._bookmarks), **current, "custom_fields": names}

    def rotated(self, streams: Sequence[Stream]) -> list[Stream]:
        """The streams in the order in which to read them: first the one that was interrupted."""
        names = [stream.tap_stream_id for stream in streams]
        first = names.index(self._current) if self._current in names else 0
        return [*streams[first:], *streams[:first]]

    def begin(self, stream: Stream) -> None:
        """The stream is being read."""
        self._current = stream.tap_stream_id

    def finish(self) -> None:
        """No stream is being read any more."""
        self._current = None

    def progress(self, stream: Stream, start: datetime | None) -> StreamProgress:
        """How far the scan of a stream, or of its parents, has come."""
        entity = stream.entity
        walked = BY_NAME[entity.parent] if entity.parent else entity
        return read_progress(
            self._bookmarks.get(stream.tap_stream_id),
            stream.tap_stream_id,
            keys=_keys(stream),
            entity=walked,
            start=start,
        )

    def defer(self, stream: Stream, parents: Iterable[int]) -> None:
        """Have a stream read the children of these parents again; its own sync does so.

        A stream that was never synced is not concerned: its first sync reads everything.
        """
        if (told := self._bookmarks.get(stream.tap_stream_id)) and (owed := list(parents)):
            pending = told.setdefault("pending", {})
            for parent in owed:
                pending.setdefault(str(parent), None)

    def save(self, stream: Stream, progress: StreamProgress) -> None:
        """Keep a stream's progress as its bookmark."""
        keys = _keys(stream)
        told = progress.to_dict(keys[0])
        if len(keys) > 1 and told.get(keys[0]):
            told = {keys[1]: told[keys[0]], **told}
        self._bookmarks[stream.tap_stream_id] = told


def _keys(stream: Stream) -> list[str]:
    """The names of a stream's bookmark. Children go by their parents' changes; where a child has a
    replication key of its own, as `dealflow` in the old tap, that is continued.
    """
    own = stream.replication_key or ""
    return list(dict.fromkeys([stream.parent_cursor or own, own]))


def _content(content: Any) -> Mapping[str, Any]:
    """The state itself. One that has no key of a state would silently begin anew: it is refused."""
    if isinstance(content, dict) and content.get("type") == "STATE":
        content = content.get("value", ())
    else:
        content = {} if content is None else content
    known = isinstance(content, dict) and (not content or any(key in content for key in KEYS))
    if (
        not known
        or not isinstance(content.get("bookmarks", {}), dict)
        or not isinstance(content.get(CURRENT), str | None)
        or ("bookmarks" not in content and content.keys() - {*KEYS})
    ):
        raise ConfigurationError(
            "The state is no JSON object with bookmarks. Give the last state that this tap wrote, "
            'such as {"bookmarks": {"deals": {"update_time": "2024-01-01T00:00:00Z"}}}, or none to '
            "begin anew."
        )
    if strange := sorted(content.keys() - {*KEYS}):
        log.warning("The state's %s mean nothing to this tap and are left out.", ", ".join(strange))
    return dict(content)


def _bookmarks(told: Mapping[str, Any]) -> Iterable[tuple[Stream, Any]]:
    """Bookmarks by stream; those of streams that are sent whole serve nothing."""
    strange = sorted(told.keys() - STREAMS.keys())
    if strange and len(strange) == len(told):
        raise ConfigurationError(
            f"The state's bookmarks are of no stream of this tap: {', '.join(strange)[:80]}. "
            "Give the last state that this tap wrote, or none to begin anew."
        )
    if strange:
        log.warning("Bookmarks of streams that are not here are left out: %s", ", ".join(strange))
    pairs = ((STREAMS[name], each) for name, each in told.items() if name in STREAMS)
    return [(stream, each) for stream, each in pairs if stream.replication_key and each is not None]


def _names(told: Any) -> dict[str, list[Record]]:
    try:
        return read_names({} if told is None else told)
    except DAMAGE:
        raise ConfigurationError(
            "The state's custom_fields are damaged. Give the last state that this tap wrote, or "
            "none to begin anew."
        ) from None
