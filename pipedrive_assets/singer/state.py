"""The state: how far each stream has come, which one is being read, how custom fields are called.

`{"bookmarks": {stream: bookmark}, "currently_syncing": stream, "custom_fields": {…}}`: the form of
every Singer tap, and a key of our own. What other taps put there stays.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any

from pipedrive_assets.entities import BY_NAME
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.singer.progress import Progress, read_progress
from pipedrive_assets.singer.stream import PARENT_CURSOR, Stream

CURRENT = "currently_syncing"


class State:
    """The state as it is carried from run to run."""

    def __init__(self, content: Any) -> None:
        """A copy of what the last run wrote; raises ConfigurationError where it is no state."""
        content = {} if content is None else content
        if not isinstance(content, dict) or not isinstance(content.get("bookmarks") or {}, dict):
            raise ConfigurationError(
                "The state is no JSON object with bookmarks. Give the last state that this tap "
                "wrote, or none to begin anew."
            )
        self.content: dict[str, Any] = deepcopy(content)
        self._bookmarks: dict[str, Any] = self.content.get("bookmarks") or {}
        self.content["bookmarks"] = self._bookmarks

    @property
    def custom_fields(self) -> dict[str, Any]:
        """The names of custom fields, kept from run to run; to be changed in place."""
        held = self.content.setdefault("custom_fields", {})
        if not isinstance(held, dict):
            raise ConfigurationError(
                "The state's custom_fields are no JSON object. Give the last state that this tap "
                "wrote, or none to begin anew."
            )
        return held

    def rotated(self, streams: Sequence[Stream]) -> list[Stream]:
        """The streams in the order in which to read them: first the one that was interrupted."""
        names = [stream.tap_stream_id for stream in streams]
        current = self.content.get(CURRENT)
        first = names.index(current) if current in names else 0
        return [*streams[first:], *streams[:first]]

    def begin(self, stream: Stream) -> None:
        """The stream is being read."""
        self.content[CURRENT] = stream.tap_stream_id

    def finish(self) -> None:
        """No stream is being read any more."""
        self.content.pop(CURRENT, None)

    def progress(self, stream: Stream, start: datetime | None) -> Progress:
        """How far the walk of a stream, or of its parents, has come."""
        entity = stream.entity
        walked = BY_NAME[entity.parent] if entity.parent else entity
        return read_progress(
            self._bookmarks.get(stream.tap_stream_id),
            stream.tap_stream_id,
            keys=_keys(stream),
            entity=walked,
            start=start,
        )

    def check(self, streams: Iterable[Stream], start: datetime | None) -> None:
        """Raise ConfigurationError for a bookmark that is not usable, before anything is asked."""
        for stream in streams:
            if stream.replication_key:
                self.progress(stream, start)

    def save(self, stream: Stream, progress: Progress) -> None:
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
    return list(dict.fromkeys([PARENT_CURSOR, own] if stream.entity.parent else [own]))
