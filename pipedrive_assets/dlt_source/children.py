"""The transformers: tables that are read per row of another resource."""

import logging
from collections.abc import Iterator
from typing import Any

import dlt
from dlt.extract import DltResource

from pipedrive_assets.dlt_source.child_reading import REFUSED, ChildReading
from pipedrive_assets.dlt_source.hints import empty_table, no_children, plain_hints, with_columns
from pipedrive_assets.dlt_source.run import Extraction, Session
from pipedrive_assets.dlt_source.state import Row
from pipedrive_assets.errors import PipedriveError, Refused
from pipedrive_assets.extract.child_scans import read_children
from pipedrive_assets.extract.chunk import Chunk, Parent
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.windows import stamp, utc_now

log = logging.getLogger(__name__)


def child_resource(session: Session, parent: DltResource, child: Entity) -> DltResource:
    """Return the transformer of a child table.

    Args:
        session: The source's session.
        parent: The resource of its parents.
        child: The table.

    Returns:
        The transformer, connected to the parents' resource.
    """

    def read(parents: list[Row]) -> Iterator[Any]:
        run = session.run()
        reading = run.children.get(child.name) or run.begin_child(child)
        yield empty_table(child)
        with run.tolerate_missing_feature(child):
            for rows in _children(run, child, reading, parents):
                yield with_columns(rows, child)

    return parent | dlt.transformer(read, **plain_hints(child))


def _children(
    run: Extraction, child: Entity, reading: ChildReading, parents: list[Row]
) -> Iterator[list[Row]]:
    """Read the children that this table still needs, of each parent once a run.

    A parent that changes again during the run is read by the next run.
    """
    if reading.refused:
        return
    cursor = BY_NAME[child.parent or ""].change_column
    pending = [key for key in reading.parents.pending if key not in reading.read]
    reading.read.update(pending)
    fresh = [row for row in parents if reading.needs(row, cursor, run.request)]
    reading.read.update(row["id"] for row in fresh)
    empty = [row["id"] for row in fresh if child.has_no_children(row)]
    asked = dict.fromkeys([*pending, *(row["id"] for row in fresh if row["id"] not in set(empty))])
    if empty and not reading.is_first:
        now = stamp(utc_now())
        yield [no_children(child, parent, now) for parent in empty]
    if reading.stopped:
        reading.defer(asked)
    elif asked:
        filled = {row["id"] for row in fresh if child.has_children(row)}
        yield from _read(run, child, reading, reading.parents.ask(child, asked, filled=filled))


def _read(
    run: Extraction, child: Entity, reading: ChildReading, asked: list[Parent]
) -> Iterator[list[Row]]:
    witness, control = reading.parents.witness, reading.parents.control
    unread = 0
    reading.save()
    try:
        for chunk in read_children(
            run.client, child, asked, run.stats, witness=witness, control=control
        ):
            unread += len(chunk.unread)
            reading.take(chunk)
            if rows := _rows_of(run, child, reading, chunk):
                yield rows
    except PipedriveError as error:
        if isinstance(error, Refused) and not reading.answered:
            reading.refuse(asked[0].id)
        else:
            reading.stopped = True
        raise
    if unread:
        log.warning(
            "%s: could not read the rows of %d %s. The next run requests them again.",
            *(child.name, unread, child.parent),
        )
    if reading.answered:
        reading.state.pop(REFUSED, None)


def _rows_of(run: Extraction, child: Entity, reading: ChildReading, chunk: Chunk) -> list[Row]:
    """Return the rows of a chunk, and for each parent without children a row that removes them."""
    rows = [run.shaped(child, row, parent, None) for parent, row in chunk.rows]
    for row in rows:
        # A value here would remove the row. Pipedrive's own flag has a column of its own.
        row["_deleted_at"] = None
    if not reading.is_first:
        filled = {row[child.key[0]] for row in rows}
        empty = (read for read in chunk.reads if read.parent.id not in filled)
        rows += [no_children(child, read.parent.id, stamp(read.read_at)) for read in empty]
    return rows
