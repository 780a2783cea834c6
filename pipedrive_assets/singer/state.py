"""The state: how far each stream has come, which one is being read, the names of custom fields.

`{"bookmarks": {stream: bookmark}, "currently_syncing": stream, "custom_fields": {…}, "tokens":
{…}}`: the keys of every Singer tap, and two of our own. Unknown keys are dropped.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.singer.bookmark import DAMAGE, read_progress
from pipedrive_assets.singer.kept_names import Record, read_records, short_records
from pipedrive_assets.singer.progress import StreamProgress
from pipedrive_assets.singer.stream import ALL, Stream
from pipedrive_assets.singer.tokens import UsedToday

log = logging.getLogger(__name__)

CURRENT = "currently_syncing"
TOKENS = "tokens"
KEYS = ("bookmarks", CURRENT, "custom_fields", TOKENS)
STREAMS = {stream.tap_stream_id: stream for stream in ALL}


class State:
    """The state, from one sync to the next."""

    def __init__(self, content: Any) -> None:
        """Read a state.

        Args:
            content: The last state that this tap wrote, alone or as a STATE message; None or an
                empty object for a first sync.

        Raises:
            ConfigurationError: The state is damaged, or another tap wrote it.
        """
        found = _content(content)
        self._current: str | None = found.get(CURRENT)
        self.custom_fields: dict[str, list[Record]] = _names(found.get("custom_fields"))
        """The names of custom fields; changed in place during a sync."""

        self.tokens = _tokens(found.get(TOKENS))
        """What syncs have used of the daily token cap; None if nothing yet."""

        self._bookmarks: dict[str, Any] = {}
        for stream, bookmark in _bookmarks(found.get("bookmarks", {})):
            self._bookmarks[stream.tap_stream_id] = bookmark
            if bookmark:
                self.save(stream, self.progress(stream, None))

    @property
    def content(self) -> dict[str, Any]:
        """The value of a STATE message."""
        current = {CURRENT: self._current} if self._current else {}
        names = short_records(self.custom_fields)
        tokens = {TOKENS: self.tokens.to_dict()} if self.tokens else {}
        return {"bookmarks": dict(self._bookmarks), **current, "custom_fields": names, **tokens}

    def rotated(self, streams: Sequence[Stream]) -> list[Stream]:
        """Return streams in the order in which to read them, an interrupted one first."""
        names = [stream.tap_stream_id for stream in streams]
        first = names.index(self._current) if self._current in names else 0
        return [*streams[first:], *streams[:first]]

    def begin(self, stream: Stream) -> None:
        """Note that a stream is being read."""
        self._current = stream.tap_stream_id

    def finish(self, first: Stream | None, capped: Sequence[Stream]) -> None:
        """Note that every stream was read, as far as the token caps allow.

        The next sync begins with a stream that a cap ended, if possible another than this sync, so
        that each of them is the first in turn.

        Args:
            first: The stream that this sync began with.
            capped: The streams that a cap ended, in the order in which they were read.
        """
        turn = [stream for stream in capped if stream is not first] or capped
        self._current = turn[0].tap_stream_id if turn else None

    def progress(self, stream: Stream, start: datetime | None) -> StreamProgress:
        """Return how far the scan of a stream, or of its parents, has come; `start` is UTC."""
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
        """Have the next reading of a stream include the children of these parents.

        Does nothing for a stream without a bookmark: its first sync reads everything.
        """
        if (bookmark := self._bookmarks.get(stream.tap_stream_id)) and (added := list(parents)):
            pending = bookmark.setdefault("pending", {})
            for parent in added:
                pending.setdefault(str(parent), None)

    def save(self, stream: Stream, progress: StreamProgress) -> None:
        """Write a stream's progress into its bookmark."""
        keys = _keys(stream)
        bookmark = progress.to_dict(keys[0])
        if len(keys) > 1 and bookmark.get(keys[0]):
            bookmark = {keys[1]: bookmark[keys[0]], **bookmark}
        self._bookmarks[stream.tap_stream_id] = bookmark


def _keys(stream: Stream) -> list[str]:
    """Return the keys of a stream's bookmark.

    A child stream's bookmark is the update_time of its parents. If the stream has a replication key
    of its own, as `dealflow` in the old tap, a bookmark with that key is read too.
    """
    own = stream.replication_key or ""
    return list(dict.fromkeys([stream.parent_cursor or own, own]))


def _content(content: Any) -> Mapping[str, Any]:
    """Return the state. An object with other keys only is refused, not taken for a first sync."""
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
            "The state is not a JSON object with bookmarks. Pass the last state that this tap "
            'wrote, for example {"bookmarks": {"deals": {"update_time": "2024-01-01T00:00:00Z"}}}, '
            "or no state to read everything again."
        )
    if strange := sorted(content.keys() - {*KEYS}):
        log.warning("Ignoring unknown keys in the state: %s.", ", ".join(strange))
    return dict(content)


def _bookmarks(found: Mapping[str, Any]) -> Iterable[tuple[Stream, Any]]:
    """Return the bookmarks of streams that have a replication key."""
    strange = sorted(found.keys() - STREAMS.keys())
    if strange and len(strange) == len(found):
        raise ConfigurationError(
            "The state has only bookmarks of streams that this tap does not have: "
            f"{', '.join(strange)[:80]}. Pass the last state that this tap wrote, or no state to "
            "read everything again."
        )
    if strange:
        log.warning("Ignoring bookmarks of unknown streams: %s.", ", ".join(strange))
    pairs = ((STREAMS[name], each) for name, each in found.items() if name in STREAMS)
    return [(stream, each) for stream, each in pairs if stream.replication_key and each is not None]


def _names(found: Any) -> dict[str, list[Record]]:
    try:
        return read_records({} if found is None else found)
    except DAMAGE:
        raise ConfigurationError(
            "The state's custom_fields are damaged. Pass the last state that this tap wrote, or no "
            "state to read everything again."
        ) from None


def _tokens(found: Any) -> UsedToday | None:
    try:
        return None if found is None else UsedToday.of(found)
    except DAMAGE:
        raise ConfigurationError(
            "The state's tokens are damaged. Pass the last state that this tap wrote, or remove "
            "the key tokens: the daily token cap then counts from 0."
        ) from None
