"""Reading the selected streams: records first, then the state that speaks of them."""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import BadRequest, Refused
from pipedrive_assets.extract.child_calls import OF_ONE_CALL, RECORD_COST
from pipedrive_assets.extract.child_scans import read_children
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.extract.custom_fields import OWN_SHAPES, FieldMemory
from pipedrive_assets.extract.omitted_fields import fields_to_omit
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.extract.snapshot_scans import parents_to_read, read_snapshot
from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.rows.coercion import coerce_timestamp
from pipedrive_assets.rows.custom_fields.map_fields import map_custom_fields
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
from pipedrive_assets.singer.stream import ALL, Stream
from pipedrive_assets.windows import parse_stamp, utc_now

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """What all streams of a sync share."""

    client: Client
    fields: FieldMemory
    state: State
    messages: Messages
    start: datetime | None
    overlap: timedelta
    excluded: Excluded

    def save(self, stream: Stream, progress: StreamProgress) -> None:
        """Keep a stream's progress and tell the target of it."""
        self.state.save(stream, progress)
        self.messages.state(self.state.content)


@dataclass(slots=True, kw_only=True)
class StreamSync:
    """One selected stream while it is read."""

    run: Sync
    stream: Stream
    entry: CatalogEntry
    stats: RequestStats = field(default_factory=RequestStats)
    sent: int = 0
    _start: datetime | None = None
    """When a child's own time begins."""

    _strange: set[str] = field(default_factory=set)
    """Properties that were told not to be in the catalog."""

    _omitted: tuple[str, ...] = ()
    """Fields that the records at hand were read without: they have no such properties."""

    def sync(self) -> None:
        """Read the stream from where the state says."""
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
            "%s: %d records (%d requests, %d tokens)",
            *(self.stream.tap_stream_id, self.sent, self.stats.requests, self.stats.tokens),
        )

    def _definitions(self) -> None:
        fields, is_mapping = self.run.fields, self.stream.entity.shape == "mapping"
        rows = fields.mapping_records() if is_mapping else fields.definition_rows()
        self._send(((None, row) for row in rows), utc_now())

    def _snapshot(self) -> None:
        for chunk in read_snapshot(self.run.client, self.stream.entity, self.stats):
            self._send(chunk.rows, chunk.read_at)

    def _scan(self) -> None:
        """A scan that an earlier run began is complete only as of then: what came since is read
        too. So is what a scan did not show whose bookmark lay ahead of Pipedrive's clock. Its end
        is told with the next stream's beginning.
        """
        progress = self.run.state.progress(self.stream, self.run.start)
        if self.run.start:
            self._start = min(self.run.start, progress.bookmark or self.run.start)
        self._children(progress, self._dated(progress))
        if custom := self.run.fields.fields_of(self.stream.entity):
            progress.know(custom)
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
                self._children(progress, parents)
            progress.finish()
            self.run.state.save(self.stream, progress)
            if not (resumed or progress.was_ahead):
                return

    def _note_unknown_fields(
        self, progress: StreamProgress, rows: Iterable[Mapping[str, Any]]
    ) -> None:
        """Remember what the rows have of fields whose names are not known: it was not sent."""
        if custom := self.run.fields.fields_of(self.stream.entity):
            progress.unknown_fields.update(custom.unknown(rows))

    def _pages(self, entity: Entity, scan: Scan) -> Iterator[Chunk]:
        """A page at a time; a snapshot, which children may be read for, is one page."""
        if entity.kind is Kind.WINDOWED:
            yield from read_windowed(self.run.client, entity, scan, self.stats, chunk_pages=1)
            return
        for chunk in read_snapshot(self.run.client, entity, self.stats):
            rows, done = parents_to_read(entity, chunk, scan)
            yield replace(chunk, rows=rows, scan=done)

    def _noted_parents(
        self, progress: StreamProgress, rows: Iterable[Mapping[str, Any]]
    ) -> dict[int, str | None]:
        """The parents to ask for, with their update_time; not those whose own counter says that
        there is nothing.
        """
        entity = self.stream.entity
        if not entity.parent:
            return {}
        noted = {
            row["id"]: row.get(progress.entity.change_column)
            for row in rows
            if entity.count_column is None or row.get(entity.count_column) != 0
        }
        progress.pending |= noted
        return noted

    def _defer_histories(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Have the streams read again whose records show changed records of this one."""
        for stream in ALL:
            if not self.stream.entity.parent and self.stream.table in dict(stream.entity.embeds):
                key = stream.entity.key[0]
                self.run.state.defer(stream, (row[key] for row in rows if row.get(key)))

    def _dated(self, progress: StreamProgress) -> dict[int, str | None]:
        """The pending parents with their update_time; asked for where another stream owed them."""
        entity, dated = progress.entity, dict(progress.pending)
        cost = RECORD_COST["v1" if entity.path.startswith("v1/") else "v2"]
        for key in [key for key, text in dated.items() if text is None]:
            with contextlib.suppress(Refused, BadRequest, *OF_ONE_CALL):
                path = f"{entity.path}/{key}"
                found, _ = self.run.client.object(path, cost=cost, stats=self.stats)
                fitted = coerce_timestamp(found.get(entity.change_column))
                dated[key] = fitted if isinstance(fitted, str) else None
        return dated

    def _children(self, progress: StreamProgress, times: Mapping[int, str | None]) -> None:
        """Children of these parents. One that is refused although it exists stays pending, for the
        next sync.
        """
        if not times:
            return
        entity, parents = self.stream.entity, progress.parents_of(times)
        witness = progress.witness
        for chunk in read_children(self.run.client, entity, parents, self.stats, witness=witness):
            self._send(chunk.rows, max((read.read_at for read in chunk.reads), default=None), times)
            progress.take_children(chunk)
            self.run.save(self.stream, progress)

    def _send(
        self,
        rows: Iterable[tuple[int | None, dict[str, Any]]],
        read_at: datetime | None,
        parent_times: Mapping[int, str | None] | None = None,
    ) -> None:
        """The schema, where it is news, and the records of rows."""
        taken = list(rows)
        shown = [row for _, row in taken]
        custom = self.run.fields.fields_for(self.stream.entity, shown, self.stats)
        schema = schema_of(self.stream, custom, self.run.excluded)
        sent = restricted(schema, self._chosen(schema))
        self.run.messages.schema(self.stream, sent)
        known = self.entry.schema.get("properties") or schema["properties"]
        mapped, cursor = mapped_names(known, custom), self.stream.parent_cursor
        for parent, row in taken:
            named = map_custom_fields(row, custom.plan)[0] if custom else row
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
        """The properties to send: those that the catalog selects (all where it names none), the key
        and the replication key in any case.
        """
        properties = schema["properties"].keys()
        always = {*self.stream.key_properties, self.stream.replication_key or ""}
        if not (known := self.entry.schema.get("properties")):
            return {*properties}
        if strange := sorted(properties - known.keys() - self._strange):
            self._strange |= {*strange}
            log.warning(
                "%s: not in the catalog: %s. Discover again to have them sent.",
                *(self.stream.tap_stream_id, ", ".join(strange)),
            )
        return always | {*self.entry.selected_properties}

    def _is_wanted(self, row: Mapping[str, Any]) -> bool:
        """A child that tells its own time begins at start_date too; one that has a bookmark, there
        at the latest.
        """
        key, cursor = self.stream.replication_key, self.stream.parent_cursor
        if not cursor or key in {None, cursor} or not self._start:
            return True
        text = row.get(key or "")
        return not text or parse_stamp(text) >= self._start


def in_order(
    state: State, selected: Iterable[tuple[Stream, CatalogEntry]]
) -> Iterator[tuple[Stream, CatalogEntry]]:
    """The selected streams, the one that was interrupted first."""
    entries = dict(selected)
    return ((stream, entries[stream]) for stream in state.rotated(list(entries)))
