"""The resources that read a list: whole, or what changed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dlt
from dlt.extract import DltResource

from pipedrive_assets.dlt_source.hints import empty_table, plain_hints, with_columns
from pipedrive_assets.dlt_source.run import ChildReading, Extraction, Row, Session
from pipedrive_assets.dlt_source.state import (
    COMPLETE,
    OMITTED,
    State,
    covering,
    names_known_now,
    note_finished,
    note_rows,
    note_unknown_fields,
    planned,
)
from pipedrive_assets.errors import FieldsRefused, PipedriveError
from pipedrive_assets.extract.omitted_fields import fields_to_omit
from pipedrive_assets.extract.plan import Scan, restarted
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.extract.snapshot_scans import parents_to_read, read_snapshot
from pipedrive_assets.registry import Entity, Kind, children_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet

BEGUN = "begun"
CHUNK_PAGES = 1
"""dlt writes each page to its file as it comes."""


def list_resource(session: Session, entity: Entity) -> DltResource:
    """The resource of an entity that is no child."""
    read = _snapshot if entity.kind is Kind.SNAPSHOT else _windowed

    def give() -> Iterator[Any]:
        run = session.run()
        run.open(entity)
        with run.tolerate_missing_feature(entity):
            yield from read(run, entity)

    return dlt.resource(give, **plain_hints(entity))


def _snapshot(run: Extraction, entity: Entity) -> Iterator[Any]:
    """Its children, if it has any, hear of every row, and take those that changed."""
    children, seen = _children(run, entity), Row()
    run.fields.ask(entity, run.stats)
    for chunk in read_snapshot(run.client, entity, run.stats):
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
        yield empty_table(entity, custom)
        yield with_columns(list(newest.values()), entity, custom)
        for child, scan in finished:
            if child.counts:
                note_finished(child.state, scan, seen, entity.list_names)


def _windowed(run: Extraction, entity: Entity) -> Iterator[Any]:
    """Read once for the table and for every selected child; each has its own place in time."""
    own: State = dlt.current.resource_state(entity.name)
    paths = [endpoint.path for endpoint in entity.endpoints]
    before = dict(own)
    known: tuple[str, ...] = tuple(own.get(OMITTED, ()))
    omitted = fields_to_omit(run.client, entity, run.stats, known)
    is_first = not {COMPLETE, BEGUN} & own.keys()
    custom = _fields(run, entity, own, paths)
    listeners = _listening_children(run, entity, own, omitted)
    wanted = replace(covering(scan for _, scan in listeners.values()), omitted=omitted)
    scan, seen = _begun(own, wanted, listeners)
    cursor = entity.cursor or ""
    yield empty_table(entity, custom)
    try:
        for chunk in read_windowed(run.client, entity, scan, run.stats, chunk_pages=CHUNK_PAGES):
            if chunk.omitted and entity.name in listeners:
                _omit(own, entity, chunk.omitted, None if is_first else known)
            scan = chunk.scan or scan
            rows = [row for _, row in chunk.rows]
            custom = run.fields.fields_for(entity, rows, run.stats)
            shaped = [run.shaped(entity, row, None, custom) for row in rows]
            note_rows(seen, shaped, cursor, run.request.overlap)
            if custom:
                note_unknown_fields(own, custom, rows)
            run.defer_histories(entity, shaped, before)
            yield with_columns(shaped, entity, custom)
    except PipedriveError:
        # Saved only where the failure does not undo the whole load: with keep_partial.
        own[BEGUN] = {"walk": scan.to_json(), "seen": seen, "hearers": sorted(listeners)}
        raise
    # Wakes the transformers once more: other lists may owe them parents by now.
    yield empty_table(entity, run.fields.fields_of(entity))
    for name, (state, _) in listeners.items():
        if name not in run.children or run.children[name].counts:
            note_finished(state, scan, seen, paths)
    if entity.name in listeners:
        _note_omitted(own, scan.omitted_after(known))


def _fields(run: Extraction, entity: Entity, own: State, paths: Sequence[str]) -> FieldSet | None:
    """The custom fields; a scan begins again where rows were loaded before they were known."""
    run.fields.ask(entity, run.stats)
    custom = run.fields.fields_of(entity)
    if custom and names_known_now(own, custom, paths):
        own.pop(BEGUN, None)
    return custom


def _note_omitted(own: State, left: Sequence[str]) -> None:
    if left:
        own[OMITTED] = list(left)
    else:
        own.pop(OMITTED, None)


def _omit(own: State, entity: Entity, names: Sequence[str], known: Sequence[str] | None) -> None:
    """Remember the fields that rows lack. dlt replaces whole rows, so a field that an earlier run
    loaded would become null: raise FieldsRefused (`known`: those that it lacked; None: first run).
    """
    if known is not None and (lost := [name for name in names if name not in known]):
        raise FieldsRefused(entity.name, lost)
    own[OMITTED] = sorted(names)


def _listening_children(
    run: Extraction, entity: Entity, own: State, omitted: Sequence[str]
) -> dict[str, tuple[State, Scan]]:
    """For whom the list is read: its own table and children that are selected, or whoever else
    asks. A child that the account lacks hears what comes, and nothing is read for it alone.
    """
    children = _children(run, entity)
    listeners = {child.name: (child.state, child.scan) for child in children if child.counts}
    if entity.name in dlt.current.source().selected_resources or not listeners:
        listeners[entity.name] = (own, planned(own, run.request, omitted))
    return listeners


def _children(run: Extraction, entity: Entity) -> list[ChildReading]:
    selected = dlt.current.source().selected_resources
    return [
        run.notify_children(child) for child in children_of(entity.name) if child.name in selected
    ]


def _begun(own: State, wanted: Scan, listeners: dict[str, Any]) -> tuple[Scan, Row]:
    """The scan where an earlier run had to leave it, with what it saw; else the one wanted.

    It is complete only as of that run; the next one reads what came since.
    """
    begun = own.pop(BEGUN, None)
    if begun and set(listeners) <= set(begun["hearers"]):
        scan = Scan.from_json(begun["walk"])
        if restarted(scan) == wanted:
            return scan, dict(begun["seen"])
    return wanted, {}
