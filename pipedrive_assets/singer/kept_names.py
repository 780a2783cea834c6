"""The names of custom fields in the state, without values that follow from others."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pipedrive_assets.extract.custom_fields import FIELD_LISTS, stored_record
from pipedrive_assets.rows.custom_fields.map_fields import (
    MAPPING_COLUMNS,
    MappingRow,
    parse_mapping_record,
)

Record = dict[str, Any]

_SAME = {"first_name": "name", "column_type": "field_type"}
"""Columns that are left out if they equal another one."""


def short_records(held: Mapping[str, Iterable[Record]]) -> dict[str, list[Record]]:
    """Return mapping records in their short form, by endpoint."""
    return {endpoint: [_short(record) for record in records] for endpoint, records in held.items()}


def _short(record: Record) -> Record:
    return {
        name: value
        for name, value in record.items()
        if value not in (None, {}) and name != "endpoint"
        if name not in _SAME or value != record[_SAME[name]]
    }


def read_records(content: Mapping[str, Any]) -> dict[str, list[Record]]:
    """Read mapping records.

    Args:
        content: The records in their short or their full form, by endpoint.

    Returns:
        The records in their full form, by endpoint.

    Raises:
        ValueError: They are damaged; also TypeError, KeyError and the others of `bookmark.DAMAGE`.
    """
    return {
        endpoint: [stored_record(_row(endpoint, record)) for record in records]
        for endpoint, records in content.items()
        if endpoint in FIELD_LISTS
    }


def _row(endpoint: str, record: Mapping[str, Any]) -> MappingRow:
    implied = {name: record[same] for name, same in _SAME.items()}
    row = parse_mapping_record({**implied, **record, "endpoint": endpoint})
    texts = (getattr(row, name) for name, kind in MAPPING_COLUMNS.items() if kind == "text")
    for each in (*texts, *_flat(row.options), *_flat(row.options_gone)):
        if type(each) is not str:
            raise TypeError(each)
    if not (row.hash_string and row.normalized_name):
        raise ValueError(record)
    for time in (row.first_seen_at, row.renamed_at, row.gone_at):
        if not (type(time) is datetime or (time is None and row.first_seen_at)):
            raise TypeError(time)
    return row


def _flat(options: Mapping[str, str]) -> Iterable[str]:
    return (text for pair in options.items() for text in pair)
