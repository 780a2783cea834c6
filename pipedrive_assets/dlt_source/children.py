"""The transformers: what is read per row of another resource."""

import logging
from collections.abc import Iterator
from typing import Any

import dlt
from dlt.extract import DltResource

from pipedrive_assets.dlt_source.hints import empty_table, no_children, plain_hints, with_columns
from pipedrive_assets.dlt_source.run import ChildReading, Extraction, Row, Session
from pipedrive_assets.errors import PipedriveError, Refused
from pipedrive_assets.extract.child_scans import read_children
from pipedrive_assets.extract.chunk import Chunk, Parent
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.windows import stamp, utc_now

log = logging.getLogger(__name__)


def child_resource(session: Session, parent: DltResource, child: Entity) -> DltResource:
    """The transformer of a child entity."""

    def read(parents: list[Row]) -> Iterator[Any]:
        run = session.run()
        reading = run.children.get(child.name) or run.notify_children(child)
        yield empty_table(child)
        with run.tolerate_missing_feature(child):
            for rows in _children(run, child, reading, parents):
                yield with_columns(rows, child)

    return parent | dlt.transformer(read, **plain_hints(child))


def _children(
    run: Extraction, child: Entity, reading: ChildReading, parents: list[Row]
) -> Iterator[list[Row]]:
    """The sets of the parents that this child has not got; each parent once a run.

    What a parent's second appearance in a run tells, the next run reads again.
    """
    if reading.refused:
        return
    cursor = BY_NAME[child.parent or ""].change_column
    owed = reading.take_deferred()
    fresh = [row for row in parents if reading.needs(row, cursor, run.request)]
    reading.read.update(row["id"] for row in fresh)
    spared = [row["id"] for row in fresh if child.count_column and row.get(child.count_column) == 0]
    asked = [*owed, *(_parent(child, row) for row in fresh if row["id"] not in set(spared))]
    if spared and not reading.is_first:
        now = stamp(utc_now())
        yield [no_children(child, parent, now) for parent in spared]
    if reading.stopped:
        reading.defer(parent.id for parent in asked)
    elif asked:
        yield from _read(run, child, reading, asked)


def _parent(child: Entity, row: Row) -> Parent:
    filled = bool(child.has_own_count and row.get(child.count_column or ""))
    return Parent(id=row["id"], update_time=None, filled=filled)


def _read(
    run: Extraction, child: Entity, reading: ChildReading, asked: list[Parent]
) -> Iterator[list[Row]]:
    left = dict.fromkeys(parent.id for parent in asked)
    try:
        for chunk in read_children(run.client, child, asked, run.stats, witness=reading.witness):
            for read in (*chunk.reads, *chunk.skipped, *chunk.doubted):
                left.pop(read.parent.id, None)
            reading.take(chunk)
            if rows := _sets(run, child, reading, chunk):
                yield rows
    except PipedriveError as error:
        if isinstance(error, Refused) and not reading.answered:
            reading.refuse(asked[0].id)
        else:
            reading.stopped = True
            reading.defer(left)
        raise
    if left:
        log.warning(
            "%s: unread %s, asked again by the next run: %d",
            *(child.name, child.parent, len(left)),
        )
    reading.defer(left)
    if reading.answered:
        reading.open()


def _sets(run: Extraction, child: Entity, reading: ChildReading, chunk: Chunk) -> list[Row]:
    """The rows of a chunk, and a mark for each parent that has none."""
    rows = [run.shaped(child, row, parent, None) for parent, row in chunk.rows]
    for row in rows:
        # Here a mark removes the row; what Pipedrive itself says of it stands in its own column.
        row["_deleted_at"] = None
    if not reading.is_first:
        filled = {row[child.key[0]] for row in rows}
        empty = (read for read in chunk.reads if read.parent.id not in filled)
        rows += [no_children(child, read.parent.id, stamp(read.read_at)) for read in empty]
    return rows
