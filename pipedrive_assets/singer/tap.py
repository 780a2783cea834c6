"""`PipedriveTap`: discovery and sync from Python."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

from pipedrive_assets.api import RequestStats
from pipedrive_assets.config import Settings
from pipedrive_assets.connect import Connection, caps_of, connect
from pipedrive_assets.errors import (
    CapReached,
    DataError,
    InternalError,
    LoadFailed,
    PipedriveError,
    Refused,
)
from pipedrive_assets.extract.custom_fields import FieldMemory, StateMapping
from pipedrive_assets.extract.refusals import is_about_the_user, skips
from pipedrive_assets.extract.unexpected import as_pipedrive_error
from pipedrive_assets.rows.custom_fields.label_name import label_name
from pipedrive_assets.singer.catalog import Catalog, CatalogEntry, entry_of
from pipedrive_assets.singer.config import DEFAULTS, OPTIONAL, Config
from pipedrive_assets.singer.messages import Messages
from pipedrive_assets.singer.schema import schema_of
from pipedrive_assets.singer.state import State
from pipedrive_assets.singer.stream import FURTHER, NAMED, Stream
from pipedrive_assets.singer.sync import StreamSync, Sync, log
from pipedrive_assets.singer.tokens import SyncBudget, least_cost
from pipedrive_assets.windows import utc_now


class PipedriveTap:
    """Pipedrive as a Singer tap: discovers streams, and writes their records as messages."""

    streams: Sequence[Stream] = NAMED
    """The fifteen streams of the old tap, selected by default. Each tap has copies of its own."""

    further_streams: Sequence[Stream] = FURTHER
    """Every other table; sent if the catalog selects it and, for an optional stream, the config
    names it.
    """

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
        """Return the names of the selected streams, in the order in which a sync reads them.

        A sync reads optional ones among them only if the config names them.
        """
        return [stream.tap_stream_id for stream, _ in self._selected(catalog)]

    def do_sync(self, catalog: Catalog) -> None:
        """Write the messages of every selected stream, an interrupted one first.

        Optional streams are read only if the config names them. If a token cap is reached, the
        streams that it applies to continue in the next sync, and the others are read.

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
        found = self._selected(catalog)
        self._log_unknown(catalog, found)
        selected = {stream: entry for stream, entry in found if self._is_read(stream)}
        run = self._begun()
        _log_left_out([stream for stream, _ in found if not self._is_read(stream)])
        pending = ((stream, self._pending(stream)) for stream in selected)
        log.info(least_cost(pending, run.budget.left))
        failures = self._read(run, selected)
        log.info("The sync cost %s tokens.", f"{run.client.stats.tokens:,}")
        if failures:
            raise _failure(failures)

    def _read(
        self, run: Sync, selected: Mapping[Stream, CatalogEntry]
    ) -> dict[str, PipedriveError]:
        """Read the streams; return the errors of those that failed, by name."""
        capped: list[Stream] = []
        failures: dict[str, PipedriveError] = {}
        skipped: dict[str, PipedriveError] = {}
        order = self._state.rotated(list(selected))
        for stream in order:
            self._state.begin(stream)
            run.write_state()
            if error := _synced(StreamSync(run=run, stream=stream, entry=selected[stream])):
                if isinstance(error, CapReached):
                    _log_cap(stream, error, run)
                    capped.append(stream)
                    continue
                log.warning("%s was skipped: %s", stream.tap_stream_id, error)
                if is_about_the_user(stream.entity, error):
                    continue
                is_lacking = skips(stream.entity, error)
                (skipped if is_lacking else failures)[stream.tap_stream_id] = error
        self._state.finish(next(iter(order), None), capped)
        run.write_state()
        return failures | skipped if len(failures) + len(skipped) == len(selected) else failures

    def _all(self) -> list[Stream]:
        return [*self.streams, *self.further_streams]

    def _begun(self) -> Sync:
        """Return what the streams of a sync share."""
        client, settings = self._connected().client, self._config.settings
        return Sync(
            client=client,
            fields=self._fields(),
            state=self._state,
            budget=SyncBudget(caps_of(settings), client, self._state.tokens),
            messages=Messages(self._out or sys.stdout),
            start=self._config.start,
            overlap=settings.overlap,
            excluded=settings.exclude_columns,
        )

    def _pending(self, stream: Stream) -> int:
        """Return the number of parents whose children the last sync left to this one."""
        if not stream.entity.parent:
            return 0
        return len(self._state.progress(stream, self._config.start).parents.pending)

    def _selected(self, catalog: Any) -> list[tuple[Stream, CatalogEntry]]:
        """Return the selected streams of a catalog: ours, of a Singer library, or plain JSON."""
        catalog = _catalog(catalog)
        pairs = ((stream, catalog.get_stream(stream.tap_stream_id)) for stream in self._all())
        return [(stream, entry) for stream, entry in pairs if entry and entry.is_selected]

    def _log_unknown(self, catalog: Any, selected: Collection[Any]) -> None:
        """Log streams of a catalog that this tap does not have, and a catalog without selection."""
        known = {stream.tap_stream_id for stream in self._all()}
        entries = [each for each in _catalog(catalog).streams if each.is_selected]
        if unknown := [each.tap_stream_id for each in entries if each.tap_stream_id not in known]:
            log.warning(
                "The catalog selects streams that this tap does not have: %s. They were not read. "
                "Create a new catalog with --discover.",
                ", ".join(unknown),
            )
        if not selected:
            log.warning(
                'The catalog selects no stream, so nothing was read. Set "selected": true in the '
                "metadata of the streams to read."
            )

    def _is_read(self, stream: Stream) -> bool:
        """Return whether a sync reads a selected stream."""
        named = self._config.optional_streams
        return not stream.is_optional or stream.tap_stream_id in named

    def _discovered(self, stream: Stream) -> CatalogEntry:
        fields = self._fields()
        fields.ask(stream.entity, RequestStats())
        custom = fields.fields_of(stream.entity)
        schema = schema_of(stream, custom, self._config.settings.exclude_columns)
        return entry_of(stream, schema, self._config.optional_streams)

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


def _catalog(given: Any) -> Catalog:
    """Return a catalog from one of this package, of a Singer library, or plain JSON."""
    if isinstance(given, Catalog):
        return given
    return Catalog.from_dict(given.to_dict() if hasattr(given, "to_dict") else given)


def _log_left_out(streams: Sequence[Stream]) -> None:
    """Log the selected streams that a sync does not read."""
    names = [stream.tap_stream_id for stream in streams]
    if names:
        log.warning(
            "Optional streams are read only if the config names them. To read one, add its name "
            'to the config key %s, for example "%s": ["%s"]. Not read: %s.',
            *(OPTIONAL, OPTIONAL, names[0], ", ".join(names)),
        )


def _log_cap(stream: Stream, reached: CapReached, run: Sync) -> None:
    log.warning(
        "%s: %s. Records sent so far are kept, and the next sync continues there. The day of the "
        "daily cap ends at %s UTC. The config keys tokens_per_run and tokens_per_day change the "
        "caps.",
        *(stream.tap_stream_id, reached.reason, f"{run.budget.day_end:%Y-%m-%d %H:%M}"),
    )


def _synced(sync: StreamSync) -> PipedriveError | None:
    """Read a stream; return an error that concerns this stream alone, raise any other."""
    try:
        sync.sync()
    except Exception as caught:
        error = as_pipedrive_error(caught, sync.stream.tap_stream_id)
        if not isinstance(error, Refused | DataError | InternalError | CapReached):
            raise
        return error
    return None


def _failure(failures: dict[str, PipedriveError]) -> PipedriveError:
    """Return the only failure itself, so that its class can be caught, or all together."""
    return next(iter(failures.values())) if len(failures) == 1 else LoadFailed(failures)
