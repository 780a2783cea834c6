"""`PipedriveTap`: discovery and sync from Python."""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

from pipedrive_assets.api import RequestStats
from pipedrive_assets.config import Settings
from pipedrive_assets.connect import Connection, connect
from pipedrive_assets.errors import DataError, InternalError, LoadFailed, PipedriveError, Refused
from pipedrive_assets.extract.custom_fields import FieldMemory, StateMapping
from pipedrive_assets.extract.refusals import is_about_the_user, skips
from pipedrive_assets.extract.unexpected import as_pipedrive_error
from pipedrive_assets.rows.custom_fields.label_name import label_name
from pipedrive_assets.singer.catalog import Catalog, CatalogEntry, entry_of
from pipedrive_assets.singer.config import DEFAULTS, Config
from pipedrive_assets.singer.messages import Messages
from pipedrive_assets.singer.schema import schema_of
from pipedrive_assets.singer.state import State
from pipedrive_assets.singer.stream import FURTHER, NAMED, Stream
from pipedrive_assets.singer.sync import StreamSync, Sync, in_order, log
from pipedrive_assets.windows import utc_now


class PipedriveTap:
    """Pipedrive as a Singer tap: discovers streams, and writes their records as messages."""

    streams: Sequence[Stream] = NAMED
    """The fifteen streams of the old tap, selected by default. Each tap has copies of its own."""

    further_streams: Sequence[Stream] = FURTHER
    """Every other table; sent if the catalog selects it."""

    def __init__(
        self,
        config: Mapping[str, Any],
        state: Mapping[str, Any] | None = None,
        *,
        connection: Connection | None = None,
        out: TextIO | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Check config and state. Nothing is requested yet.

        Args:
            config: The content of the config file.
            state: The last state that a sync wrote; None for a first sync.
            connection: Used instead of a connection to the account of the config.
            out: Where messages are written; standard output by default.
            now: Returns the current time, UTC.

        Raises:
            MissingTokenError: There is no API token.
            ConfigurationError: Config or state are not usable.
        """
        self._config = Config.of(config, Settings.from_env(), now())
        self._state = State(state)
        self._connection, self._out, self._now = connection, out, now
        self.streams = [stream.of(self) for stream in self.streams]
        self.further_streams = [stream.of(self) for stream in self.further_streams]
        self._memory: FieldMemory | None = None

    def __repr__(self) -> str:
        """Return the tap without its API token."""
        return f"PipedriveTap({self._config.settings.base_url!r})"

    @property
    def state(self) -> dict[str, Any]:
        """The state to pass to the next tap."""
        return self._state.content

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the defaults of the keys that a config may leave out."""
        return dict(DEFAULTS)

    def do_discover(self) -> Catalog:
        """Return every stream with its schema. Requests the definitions of custom fields."""
        return Catalog(self._discovered(stream) for stream in self._all())

    def get_selected_streams(self, catalog: Catalog) -> list[str]:
        """Return the names of the selected streams, in the order in which a sync reads them."""
        return [stream.tap_stream_id for stream, _ in self._selected(catalog)]

    def do_sync(self, catalog: Catalog) -> None:
        """Write the messages of every selected stream, an interrupted one first.

        If Pipedrive refuses a stream, or its rows cannot be read, the other streams are still
        read. If the account may lack the feature, or the user the permission, the refusal is only
        logged, unless every stream is refused.

        Args:
            catalog: The catalog, of this package or another Singer library.

        Raises:
            ConfigurationError: It is not a catalog.
            LoadFailed: Several streams failed; the other streams were read.
            PipedriveError: One stream failed, or the sync stopped. The next sync continues from
                the last STATE message.
        """
        selected = self._selected(catalog)
        messages = Messages(self._out or sys.stdout)
        run = Sync(
            client=self._connected().client,
            fields=self._fields(),
            state=self._state,
            messages=messages,
            start=self._config.start,
            overlap=self._config.settings.overlap,
            excluded=self._config.settings.exclude_columns,
        )
        failures: dict[str, PipedriveError] = {}
        skipped: dict[str, PipedriveError] = {}
        for stream, entry in in_order(self._state, selected):
            self._state.begin(stream)
            messages.state(self.state)
            if error := _synced(StreamSync(run=run, stream=stream, entry=entry)):
                log.warning("%s was skipped: %s", stream.tap_stream_id, error)
                if is_about_the_user(stream.entity, error):
                    continue
                is_lacking = skips(stream.entity, error)
                (skipped if is_lacking else failures)[stream.tap_stream_id] = error
        self._state.finish()
        messages.state(self.state)
        if len(failures) + len(skipped) == len(selected):
            failures |= skipped
        if failures:
            raise _failure(failures)

    def _all(self) -> list[Stream]:
        return [*self.streams, *self.further_streams]

    def _selected(self, catalog: Any) -> list[tuple[Stream, CatalogEntry]]:
        """Return the selected streams of a catalog: ours, of a Singer library, or plain JSON."""
        if not isinstance(catalog, Catalog):
            content = catalog.to_dict() if hasattr(catalog, "to_dict") else catalog
            catalog = Catalog.from_dict(content)
        pairs = ((stream, catalog.get_stream(stream.tap_stream_id)) for stream in self._all())
        return [(stream, entry) for stream, entry in pairs if entry and entry.is_selected]

    def _discovered(self, stream: Stream) -> CatalogEntry:
        fields = self._fields()
        fields.ask(stream.entity, RequestStats())
        custom = fields.fields_of(stream.entity)
        return entry_of(stream, schema_of(stream, custom, self._config.settings.exclude_columns))

    def _fields(self) -> FieldMemory:
        """Return the custom fields; their definitions are requested once per tap."""
        if self._memory is None:
            self._memory = FieldMemory(
                self._connected().client,
                StateMapping(self._state.custom_fields),
                self._now(),
                normalize=label_name,
            )
        return self._memory

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = connect(
                self._config.settings,
                user_agent=self._config.user_agent,
                read_seconds=self._config.read_seconds,
            )
        return self._connection


def _synced(sync: StreamSync) -> PipedriveError | None:
    """Read a stream; return an error that concerns this stream alone, raise any other."""
    try:
        sync.sync()
    except Exception as caught:
        error = as_pipedrive_error(caught, sync.stream.tap_stream_id)
        if not isinstance(error, Refused | DataError | InternalError):
            raise
        return error
    return None


def _failure(failures: dict[str, PipedriveError]) -> PipedriveError:
    """Return the only failure itself, so that its class can be caught, or all together."""
    return next(iter(failures.values())) if len(failures) == 1 else LoadFailed(failures)
