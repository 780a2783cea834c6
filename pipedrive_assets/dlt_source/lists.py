"""The resources that read lists: completely, or what changed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dlt
from dlt.extract import DltResource

from pipedrive_assets.dlt_source.child_reading import ChildReading
from pipedrive_assets.dlt_source.hints import empty_table, plain_hints, with_columns
from pipedrive_assets.dlt_source.run import Extraction, Session
from pipedrive_assets.dlt_source.state import (
    COMPLETE,
    LISTS,
    OMITTED,
    UNKNOWN,
    Row,
    State,
    StateMemory,
    covering,
    note_rows,
    note_unknown_fields,
)
from pipedrive_assets.errors import FieldsRefused, PipedriveError
from pipedrive_assets.extract.memory import read_named_again
from pipedrive_assets.extract.omitted_fields import fields_to_omit
from pipedrive_assets.extract.plan import Scan, lists_from_json, restarted
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.extract.snapshot_scans import parents_to_read, read_snapshot
from pipedrive_assets.registry import Entity, Kind, children_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet

BEGUN = "begun"
"""An unfinished scan, what its rows showed, and the tables it is read for."""

CHUNK_PAGES = 1
"""Pages per chunk: dlt writes each page to its file at once."""


def list_resource(session: Session, entity: Entity) -> DltResource:
    """Return the resource of a table that is not a child."""
    read = _snapshot if entity.kind is Kind.SNAPSHOT else _windowed

    def read_list() -> Iterator[Any]:
        run = session.run()
        run.begin(entity)
        with run.tolerate_missing_feature(entity):
            yield from read(run, entity)

    return dlt.resource(read_list, **plain_hints(entity))


def _snapshot(run: Extraction, entity: Entity) -> Iterator[Any]:
    """Load every row. Selected child tables are read for the rows that changed."""
    children, seen = _children(run, entity), Row()
    own: State = dlt.current.resource_state(entity.name) if entity.per_interval else {}
    known = {} if run.request.full else lists_from_json(own.get(LISTS, {}))
    run.fields.ask(entity, run.stats)
    for chunk in read_snapshot(run.client, entity, run.stats, known=known):
        rows = [row for _, row in chunk.rows]
        custom = run.fields.fields_for(entity, rows, run.stats)
        shaped = [run.shaped(entity, row, None, custom) for row in rows]
        newest = {tuple(row.get(name) for name in entity.key): row for row in shaped}
        note_rows(seen, newest.values(), entity.change_column, run.request.overlap)
        finished: list[tuple[ChildReading, Scan]] = []
        for child in children:
            parents, scan = parents_to_read(entity, chunk, child.scan)
            child.concerned = {row["id"] for _, row in parents}
            finished.append((child, scan))
        # Rows come first: `add_limit` counts each item, also one without rows.
        if newest:
            yield with_columns(list(newest.values()), entity, custom)
        yield empty_table(entity, custom)
        own[LISTS] = {path: moment.isoformat() for path, moment in chunk.reached.items()}
        for child, scan in finished:
            if child.counts:
                StateMemory(child.state, seen).finish(scan, entity.list_names)


def _windowed(run: Extraction, entity: Entity) -> Iterator[Any]:
    """Read the lists once, for the table and its selected child tables, each from its own time."""
    own: State = dlt.current.resource_state(entity.name)
    paths = [endpoint.path for endpoint in entity.endpoints]
    before = dict(own)
    known: tuple[str, ...] = tuple(own.get(OMITTED, ()))
    omitted = fields_to_omit(run.client, entity, run.stats, known)
    is_first = not {COMPLETE, BEGUN} & own.keys()
    custom = _fields(run, entity, own, paths)
    readers = _readers(run, entity, own, omitted)
    wanted = replace(covering(scan for _, scan in readers.values()), omitted=omitted)
    scan, seen = _begun(own, wanted, readers)
    cursor = entity.cursor or ""
    try:
        for chunk in read_windowed(run.client, entity, scan, run.stats, chunk_pages=CHUNK_PAGES):
            if chunk.omitted and entity.name in readers:
                _omit(own, entity, chunk.omitted, None if is_first else known)
            scan = chunk.scan or scan
            rows = [row for _, row in chunk.rows]
            custom = run.fields.fields_for(entity, rows, run.stats)
            shaped = [run.shaped(entity, row, None, custom) for row in rows]
            note_rows(seen, shaped, cursor, run.request.overlap)
            if custom:
                note_unknown_fields(own, custom, rows)
            run.defer_histories(entity, shaped, before)
            if shaped:
                yield with_columns(shaped, entity, custom)
    except PipedriveError as error:
        # dlt saves this only if the failure does not undo the load: with keep_partial.
        own[BEGUN] = {"walk": scan.to_json(), "seen": seen, "hearers": sorted(readers)}
        if run.tolerates(entity, error):
            yield empty_table(entity, custom)
        raise
    # Runs the transformers once more: other lists may have added parents meanwhile. This item
    # follows the rows because `add_limit` counts it, and precedes the end of the scan because a
    # list that `add_limit` ends here or earlier is not complete.
    yield empty_table(entity, run.fields.fields_of(entity))
    for name, (state, _) in readers.items():
        if name not in run.children or run.children[name].counts:
            StateMemory(state, seen).finish(scan, paths)
    if entity.name in readers:
        _note_omitted(own, scan.omitted_after(known))


def _fields(run: Extraction, entity: Entity, own: State, paths: Sequence[str]) -> FieldSet | None:
    """Return the custom fields.

    If rows were loaded before the names of their fields were known, the lists are read again.
    """
    run.fields.ask(entity, run.stats)
    custom = run.fields.fields_of(entity)
    unknown = {*own.get(UNKNOWN, ())}
    left = read_named_again(StateMemory(own), unknown, custom, paths)
    if left != unknown:
        own[UNKNOWN] = sorted(left)
        own.pop(BEGUN, None)
    return custom


def _note_omitted(own: State, left: Sequence[str]) -> None:
    if left:
        own[OMITTED] = list(left)
    else:
        own.pop(OMITTED, None)


def _omit(own: State, entity: Entity, names: Sequence[str], known: Sequence[str] | None) -> None:
    """Remember the fields that rows lack, because Pipedrive refuses them.

    Args:
        own: dlt's state of the resource.
        entity: The table.
        names: The fields.
        known: The fields that earlier runs lacked; None for the first run.

    Raises:
        FieldsRefused: An earlier run loaded one of the fields. dlt replaces whole rows, so its
            values would become null.
    """
    if known is not None and (lost := [name for name in names if name not in known]):
        raise FieldsRefused(entity.name, lost)
    own[OMITTED] = sorted(names)


def _readers(
    run: Extraction, entity: Entity, own: State, omitted: Sequence[str]
) -> dict[str, tuple[State, Scan]]:
    """Return for which tables the list is read, each with its state and its scan.

    These are the table itself and its child tables, as far as they are selected. Nothing is read
    for a child table alone that Pipedrive refused.
    """
    children = _children(run, entity)
    readers = {child.name: (child.state, child.scan) for child in children if child.counts}
    if entity.name in dlt.current.source().selected_resources or not readers:
        readers[entity.name] = (own, StateMemory(own).next_scan(run.request, omitted))
    return readers


def _children(run: Extraction, entity: Entity) -> list[ChildReading]:
    selected = dlt.current.source().selected_resources
    return [run.begin_child(child) for child in children_of(entity.name) if child.name in selected]


def _begun(own: State, wanted: Scan, readers: dict[str, Any]) -> tuple[Scan, Row]:
    """Return the unfinished scan of an earlier run with what its rows showed, or the one wanted.

    An unfinished scan is complete as of the earlier run. The next run reads what changed since.
    """
    begun = own.pop(BEGUN, None)
    if begun and set(readers) <= set(begun["hearers"]):
        scan = Scan.from_json(begun["walk"])
        if restarted(scan) == wanted:
            return scan, dict(begun["seen"])
    return wanted, {}
