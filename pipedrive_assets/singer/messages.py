"""Singer's messages: a line of JSON each, on whatever the target reads."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TextIO

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.singer.schema import Schema
from pipedrive_assets.singer.stream import Stream
from pipedrive_assets.windows import stamp

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Messages:
    """Writes messages; raises WarehouseError where the target no longer reads them."""

    def __init__(self, out: TextIO) -> None:
        """`out` takes a line per message."""
        self._out = out
        self._schemas: dict[str, Schema] = {}
        self._state = ""

    def schema(self, stream: Stream, schema: Schema) -> None:
        """Say what records look like from here on, unless that was said last."""
        if self._schemas.get(stream.tap_stream_id) == schema:
            return
        self._schemas[stream.tap_stream_id] = schema
        key = stream.replication_key
        self._write(
            {
                "type": "SCHEMA",
                "stream": stream.tap_stream_id,
                "schema": schema,
                "key_properties": stream.key_properties,
                **({"bookmark_properties": [key]} if key else {}),
            }
        )

    def record(self, stream: Stream, record: Mapping[str, Any], read_at: datetime) -> None:
        """Send a record."""
        name, moment = stream.tap_stream_id, stamp(read_at)
        self._write({"type": "RECORD", "stream": name, "record": record, "time_extracted": moment})

    def state(self, state: Mapping[str, Any]) -> None:
        """Say how far everything sent so far has come, unless that was said last; the target may
        see it at once.
        """
        if (told := _encode(state)) == self._state:
            return
        self._state = told
        self._write({"type": "STATE", "value": state})
        try:
            self._out.flush()
        except OSError as error:
            raise target_closed(error) from error

    def _write(self, message: Mapping[str, Any]) -> None:
        line = _encode(message)
        try:
            self._out.write(f"{line}\n")
        except OSError as error:
            raise target_closed(error) from error


def target_closed(error: OSError) -> WarehouseError:
    """The error for a target that has ended, or whose disk is full."""
    return WarehouseError(
        f"The target no longer takes messages ({type(error).__name__}). See what it says itself; "
        "run again with the last state that it wrote, and nothing is lost."
    )
