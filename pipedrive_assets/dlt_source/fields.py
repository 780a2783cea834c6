"""The resources made of field definitions: `create_state`, `custom_fields_mapping`, `fields`."""

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.extract import DltResource

from pipedrive_assets.dlt_source.hints import empty_table, plain_hints, with_columns
from pipedrive_assets.dlt_source.run import Extraction, Session
from pipedrive_assets.dlt_source.state import Row
from pipedrive_assets.registry import BY_NAME

MAPPING, DEFINITIONS = BY_NAME["custom_fields_mapping"], BY_NAME["fields"]


def field_resources(session: Session) -> Iterator[DltResource]:
    """Yield the resources made of field definitions.

    `create_state` keeps the column names of custom fields in the source's state, where every
    resource finds them in later runs. `custom_fields_mapping` loads these names, `fields` the
    definitions.
    """
    create_state = dlt.resource(_mapping(session), name="create_state", selected=False)
    yield create_state
    yield create_state | dlt.transformer(_mapping_rows(session), **plain_hints(MAPPING))
    yield dlt.resource(_definitions(session), **plain_hints(DEFINITIONS))


def _mapping(session: Session) -> Any:
    def create_state() -> Iterator[list[Row]]:
        run = session.run()
        run.begin(MAPPING)
        with run.tolerate_missing_feature(MAPPING):
            _ask(run)
            yield run.fields.mapping_records()

    return create_state


def _mapping_rows(session: Session) -> Any:
    def custom_fields_mapping(records: list[Row]) -> Iterator[Any]:
        run = session.run()
        yield empty_table(MAPPING)
        rows = [run.shaped(MAPPING, record, None, None) for record in records]
        yield with_columns(rows, MAPPING)

    return custom_fields_mapping


def _definitions(session: Session) -> Any:
    def fields() -> Iterator[Any]:
        run = session.run()
        run.begin(DEFINITIONS)
        with run.tolerate_missing_feature(DEFINITIONS):
            _ask(run)
            yield [run.shaped(DEFINITIONS, row, None, None) for row in run.fields.definition_rows()]
            yield empty_table(DEFINITIONS)

    return fields


def _ask(run: Extraction) -> None:
    """Request the definitions of every table, and of optional tables if they are selected."""
    run.fields.ask(MAPPING, run.stats)
    for name in dlt.current.source().selected_resources:
        if (entity := BY_NAME.get(name)) and entity.fields:
            run.fields.ask(entity, run.stats)
