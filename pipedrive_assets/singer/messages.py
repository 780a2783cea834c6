"""Singer's messages, one line of JSON each."""

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
    """Writes messages to the target.

    Every method raises WarehouseError if the target no longer reads them.
    """

    def __init__(self, out: TextIO) -> None:
        """Write to `out`, one line per message."""
        self._out = out
        self._schemas: dict[str, Schema] = {}
        self._state = ""

    def schema(self, stream: Stream, schema: Schema) -> None:
        """Write the schema of the following records, unless the stream's last one is the same."""
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
        """Write a record.

        Args:
            stream: The record's stream.
            record: The record.
            read_at: When it was read, UTC.
        """
        name, moment = stream.tap_stream_id, stamp(read_at)
        self._write({"type": "RECORD", "stream": name, "record": record, "time_extracted": moment})

    def state(self, state: Mapping[str, Any]) -> None:
        """Write the state after all records so far, unless it is unchanged, and flush.

        Args:
            state: The state.

        Raises:
            WarehouseError: The target closed its input, or the disk is full.
        """
        if (text := _encode(state)) == self._state:
            return
        self._state = text
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
    """Return the error for a target that ended, or an output whose disk is full."""
    return WarehouseError(
        f"Cannot write to the target ({type(error).__name__}). Its own log has the reason. Nothing "
        "is lost: run again with the last state that the target wrote."
    )
