"""Reading the selected streams: first records, then the state that includes them."""

import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import BadRequest, Refused
from pipedrive_assets.extract.child_calls import OF_ONE_CALL, RECORD_COST
from pipedrive_assets.extract.child_scans import read_children
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.extract.custom_fields import OWN_SHAPES, FieldMemory
from pipedrive_assets.extract.memory import read_named_again
from pipedrive_assets.extract.omitted_fields import fields_to_omit
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.extract.snapshot_scans import parents_to_read, read_snapshot
from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.rows.coercion import coerce_timestamp
from pipedrive_assets.rows.exclusion import leave_out
from pipedrive_assets.singer.catalog import CatalogEntry
from pipedrive_assets.singer.messages import Messages
from pipedrive_assets.singer.progress import StreamProgress
from pipedrive_assets.singer.schema import (
    Excluded,
    Schema,
    mapped_names,
    record_of,
    restricted,
    schema_of,
)
from pipedrive_assets.singer.state import State
from pipedrive_assets.singer.stream import ALL, DELETED_AT, Stream
from pipedrive_assets.singer.tokens import SyncBudget
from pipedrive_assets.windows import parse_stamp, utc_now

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """What all streams of a sync share.

    Attributes:
        client: Requests Pipedrive.
        fields: The custom fields.
        state: The state.
        budget: The token caps.
        messages: Writes to the target.
        start: The start date, UTC; None for the complete history.
        overlap: How far a scan reaches back before a bookmark.
        excluded: Columns that are not sent, by table.
    """

    client: Client
    fields: FieldMemory
    state: State
    budget: SyncBudget
    messages: Messages
    start: datetime | None
    overlap: timedelta
    excluded: Excluded

    def save(self, stream: Stream, progress: StreamProgress) -> None:
        """Write a stream's progress into the state, and the state to the target."""
        self.state.save(stream, progress)
        self.write_state()

    def write_state(self) -> None:
        """Write the state to the target, with the tokens used so far."""
        self.state.tokens = self.budget.used_today()
        self.messages.state(self.state.content)


@dataclass(slots=True, kw_only=True)
class StreamSync:
    """One selected stream while it is read."""

    run: Sync
    stream: Stream
    entry: CatalogEntry
    stats: RequestStats = field(init=False)
    sent: int = 0
    _start: datetime | None = None
    """Records of a child stream with a time of its own are sent from here on, UTC."""

    _strange: set[str] = field(default_factory=set)
    """Properties missing in the catalog that were logged already."""

    _omitted: tuple[str, ...] = ()
    """Fields that the current records were read without; they have no such properties."""

    def __post_init__(self) -> None:
        self.stats = self.run.budget.stats(self.stream)

    def sync(self) -> None:
        """Read the stream, from its bookmark on."""
        entity = self.stream.entity
        self.run.fields.ask(entity, self.stats)
        self._send((), None)
        if entity.shape in OWN_SHAPES:
            self._definitions()
        elif entity.kind is Kind.SNAPSHOT:
            self._snapshot()
        else:
            self._scan()
        log.info(
            "%s: %d records sent (%d requests, token cost %d)",
            *(self.stream.tap_stream_id, self.sent, self.stats.requests, self.stats.tokens),
        )

    def _definitions(self) -> None:
        rows = self.run.fields.own_rows(self.stream.entity)
        self._send(((None, row) for row in rows), utc_now())

    def _snapshot(self) -> None:
        for chunk in read_snapshot(self.run.client, self.stream.entity, self.stats):
            self._send(chunk.rows, chunk.read_at)

    def _scan(self) -> None:
        """Finish a scan of an earlier sync, then read what changed since.

        A bookmark that was ahead of Pipedrive's clock is followed by another scan as well. The
        bookmark after the last page is sent with the state at the start of the next stream.
        """
        progress = self.run.state.progress(self.stream, self.run.start)
        if self.run.start:
            self._start = min(self.run.start, progress.bookmark or self.run.start)
        self._children(progress, self._dated(progress))
        custom = self.run.fields.fields_of(self.stream.entity)
        progress.unknown_fields = read_named_again(
            progress, progress.unknown_fields, custom, progress.entity.list_names
        )
        while True:
            known = progress.omitted
            omitted = fields_to_omit(self.run.client, progress.entity, self.stats, known)
            scan = progress.next_scan(self.run.overlap, omitted)
            resumed = scan.resumed
            for chunk in self._pages(progress.entity, scan):
                shown = [row for _, row in chunk.rows]
                rows = progress.wanted(shown)
                if not self.stream.entity.parent:
                    progress.omitted = tuple(sorted({*progress.omitted, *chunk.omitted}))
                    self._omitted = chunk.omitted
                    self._send(((None, row) for row in rows), chunk.read_at)
                self._note_unknown_fields(progress, rows)
                parents = self._noted_parents(progress, rows)
                progress.take(shown, chunk.scan)
                self._defer_histories(rows)
                self.run.save(self.stream, progress)
                filled = {row["id"] for row in rows if self.stream.entity.has_children(row)}
                self._children(progress, parents, filled)
            progress.finish()
            self.run.state.save(self.stream, progress)
            if not (resumed or progress.was_ahead):
                return

    def _note_unknown_fields(
        self, progress: StreamProgress, rows: Iterable[Mapping[str, Any]]
    ) -> None:
        """Note the custom fields of rows that were not sent, because their names are not known."""
        if custom := self.run.fields.fields_of(self.stream.entity):
            progress.unknown_fields.update(custom.unknown(rows))

    def _pages(self, entity: Entity, scan: Scan) -> Iterator[Chunk]:
        """Yield one page at a time. A snapshot is one page."""
        if entity.kind is Kind.WINDOWED:
            yield from read_windowed(self.run.client, entity, scan, self.stats, chunk_pages=1)
            return
        for chunk in read_snapshot(self.run.client, entity, self.stats):
            rows, done = parents_to_read(entity, chunk, scan)
            yield replace(chunk, rows=rows, scan=done)

    def _noted_parents(
        self, progress: StreamProgress, rows: Iterable[Mapping[str, Any]]
    ) -> dict[int, str | None]:
        """Return the parents to ask for, with their update_time, as far as they have children."""
        entity = self.stream.entity
        if not entity.parent:
            return {}
        noted = {
            row["id"]: row.get(progress.entity.change_column)
            for row in rows
            if not entity.has_no_children(row)
        }
        progress.parents.add(noted)
        return noted

    def _defer_histories(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Have histories read again that show changed records of this stream."""
        for stream in ALL:
            if not self.stream.entity.parent and self.stream.table in dict(stream.entity.embeds):
                key = stream.entity.key[0]
                self.run.state.defer(stream, (row[key] for row in rows if row.get(key)))

    def _dated(self, progress: StreamProgress) -> dict[int, str | None]:
        """Return the pending parents with their update_time, which is requested if unknown."""
        entity, dated = progress.entity, progress.parents.pending
        cost = RECORD_COST["v1" if entity.path.startswith("v1/") else "v2"]
        for key in [key for key, text in dated.items() if text is None]:
            with contextlib.suppress(Refused, BadRequest, *OF_ONE_CALL):
                path = f"{entity.path}/{key}"
                found, _ = self.run.client.object(path, cost=cost, stats=self.stats)
                fitted = coerce_timestamp(found.get(entity.change_column))
                dated[key] = fitted if isinstance(fitted, str) else None
        return dated

    def _children(
        self,
        progress: StreamProgress,
        times: Mapping[int, str | None],
        filled: Collection[int] = (),
    ) -> None:
        """Send the children of parents, the highest id first. A refused parent stays pending.

        Args:
            progress: The progress of the stream.
            times: By id, the update times of the parents.
            filled: Parents that have children, by their own counter. If a reply has none, the
                parent is requested once more.
        """
        if not times:
            return
        entity = self.stream.entity
        witness, control = progress.parents.witness, progress.parents.control
        newest_first = {key: times[key] for key in sorted(times, reverse=True)}
        parents = progress.parents.ask(entity, newest_first, filled=filled)
        for chunk in read_children(
            self.run.client, entity, parents, self.stats, witness=witness, control=control
        ):
            self._send(chunk.rows, max((read.read_at for read in chunk.reads), default=None), times)
            progress.parents.take(chunk)
            self.run.save(self.stream, progress)

    def _send(
        self,
        rows: Iterable[tuple[int | None, dict[str, Any]]],
        read_at: datetime | None,
        parent_times: Mapping[int, str | None] | None = None,
    ) -> None:
        """Send the schema, if it changed, and the records of rows.

        Args:
            rows: The rows, each with its parent's id.
            read_at: When they were read, UTC.
            parent_times: For a child stream, the parents' update times.
        """
        taken = list(rows)
        shown = [row for _, row in taken]
        custom = self.run.fields.fields_for(self.stream.entity, shown, self.stats)
        schema = schema_of(self.stream, custom, self.run.excluded)
        sent = restricted(schema, self._chosen(schema))
        self.run.messages.schema(self.stream, sent)
        known = {*(self.entry.schema.get("properties") or schema["properties"]), DELETED_AT}
        mapped, cursor = mapped_names(known, custom), self.stream.parent_cursor
        for parent, row in taken:
            named = custom.named(row) if custom else row
            shaped = self.stream.row(named, parent)
            if shaped is None or not self._is_wanted(shaped):
                continue
            for name in self.run.excluded.get(self.stream.table, ()):
                leave_out(shaped, name)
            if parent_times is not None and cursor and self.stream.replication_key == cursor:
                shaped[cursor] = parent_times.get(parent or 0)
            record = record_of(shaped, sent=sent, mapped=mapped)
            for name in self._omitted:
                record.pop(name, None)
            self.run.messages.record(self.stream, record, read_at or utc_now())
            self.sent += 1

    def _chosen(self, schema: Schema) -> set[str]:
        """Return the properties to send: the selected ones, the key and the replication key.

        A catalog entry without properties selects all of them.
        """
        properties = schema["properties"].keys()
        always = {*self.stream.key_properties, self.stream.replication_key or "", DELETED_AT}
        if not (known := self.entry.schema.get("properties")):
            return {*properties}
        if strange := sorted(properties - known.keys() - self._strange - always):
            self._strange |= {*strange}
            log.warning(
                "%s: properties that are not in the catalog are not sent: %s. To send them, run "
                "the tap with --discover again and update the catalog.",
                *(self.stream.tap_stream_id, ", ".join(strange)),
            )
        return always | {*self.entry.selected_properties}

    def _is_wanted(self, row: Mapping[str, Any]) -> bool:
        """Return whether a record is not older than the start date.

        Only for child streams with a time of their own. A bookmark before the start date counts
        instead of it.
        """
        key, cursor = self.stream.replication_key, self.stream.parent_cursor
        if not cursor or key in {None, cursor} or not self._start:
            return True
        text = row.get(key or "")
        return not text or parse_stamp(text) >= self._start
