"""The table `custom_fields_mapping`: column names and history of custom fields.

It keeps what Pipedrive does not: column names, first labels, and removed fields and options.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipedrive_assets.rows.custom_fields.definitions import FieldDefinition
from pipedrive_assets.rows.custom_fields.layouts import layout_of
from pipedrive_assets.rows.custom_fields.names import Normalize, give_names, reserved_by
from pipedrive_assets.windows import parse_stamp, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRow:
    """A custom field and its history.

    Attributes:
        endpoint: The entity of the field, e.g. `deal`; leads use the fields of deals.
        hash_string: Pipedrive's key of the field.
        name: The current label.
        normalized_name: The column name, which never changes.
        field_type: The current type in Pipedrive.
        column_type: The type that the columns were created for; it never changes.
        options: The latest label of each option by id, including removed options.
        options_gone: When each removed option was first missing (UTC), by id.
        first_name: The label when the column was named.
        first_seen_at: When the field was first seen (UTC).
        renamed_at: When a new label was last seen (UTC); None if the label has not changed.
        gone_at: When the field was first missing (UTC); None if it exists.
    """

    endpoint: str
    hash_string: str
    name: str
    normalized_name: str
    field_type: str
    column_type: str
    options: Mapping[str, str] = field(default_factory=dict)
    options_gone: Mapping[str, str] = field(default_factory=dict)
    first_name: str
    first_seen_at: datetime
    renamed_at: datetime | None = None
    gone_at: datetime | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns and lists of the field."""
        return layout_of(self.column_type).names(self.normalized_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """An option whose label has changed, so that loaded rows are out of date.

    Attributes:
        row: The field.
        option_id: Id of the option.
        before: The label in the loaded rows.
        after: The current label.
    """

    row: MappingRow
    option_id: str
    before: str
    after: str


def update_mapping(  # noqa: PLR0913 -- a pure function, all inputs are arguments
    known: Iterable[MappingRow],
    defined: Iterable[FieldDefinition],
    built_in: AbstractSet[str],
    now: datetime,
    *,
    endpoint: str,
    normalize: Normalize,
) -> list[MappingRow]:
    """Update an entity's mapping from a complete list of its field definitions.

    Args:
        known: The stored mapping.
        defined: All current definitions of the entity.
        built_in: Built-in columns and lists of all tables with these fields; for the fields of
            deals these are deals and leads.
        now: The current time (UTC).
        endpoint: The entity of the fields, e.g. `deal`.
        normalize: Turns a label into a column name.

    Returns:
        The new mapping, sorted by key, including removed fields.
    """
    defined, memory = list(defined), {row.hash_string: row for row in known}
    live = _live(defined, built_in)
    fresh = [each for code, each in live.items() if code not in memory]
    taken = {
        *_built_in(defined, built_in),
        *(name for row in memory.values() for name in row.columns),
    }
    names = give_names(fresh, taken, normalize)
    rows = [_updated(row, live.get(code), now) for code, row in memory.items()]
    rows += [_new(endpoint, each, names[each.code], now) for each in fresh]
    return sorted(rows, key=lambda row: row.hash_string)


def label_changes(before: Iterable[MappingRow], after: Iterable[MappingRow]) -> list[LabelChange]:
    """List the labels that are out of date in the rows loaded with the mapping `before`.

    Args:
        before: The mapping with which the rows were loaded. Rows have the id of an option that is
            not in it.
        after: The current mapping.

    Returns:
        The changed labels.
    """
    then = {row.hash_string: row.options for row in before}
    return [
        LabelChange(row=row, option_id=each, before=old, after=label)
        for row in after
        if row.hash_string in then
        for each, label in row.options.items()
        if (old := then[row.hash_string].get(each, each)) != label
    ]


def _live(
    defined: Iterable[FieldDefinition], built_in: AbstractSet[str]
) -> dict[str, FieldDefinition]:
    """Return the existing custom fields by code; duplicates are resolved independent of order."""
    found = [
        each
        for each in defined
        if each.is_custom and each.is_active and not each.is_part
        if each.code and each.code not in built_in
    ]
    order = sorted(found, key=lambda each: (each.name, each.type, each.options or ()))
    return {each.code: each for each in order}


def _built_in(defined: Iterable[FieldDefinition], built_in: AbstractSet[str]) -> Iterator[str]:
    """Yield the names of built-in columns, including those that are only in the definitions."""
    yield from reserved_by(built_in)
    for each in defined:
        if not each.is_custom:
            yield from (each.code, *each.subfields)


def _new(endpoint: str, defined: FieldDefinition, name: str, now: datetime) -> MappingRow:
    return MappingRow(
        endpoint=endpoint,
        hash_string=defined.code,
        name=defined.name,
        normalized_name=name,
        field_type=defined.type,
        column_type=defined.type,
        options=dict(sorted(defined.options or ())),
        first_name=defined.name,
        first_seen_at=now,
    )


def _updated(row: MappingRow, defined: FieldDefinition | None, now: datetime) -> MappingRow:
    if defined is None:
        return row if row.gone_at else replace(row, gone_at=now)
    options, gone = _options(row, defined, now)
    return replace(
        row,
        name=defined.name,
        field_type=defined.type,
        options=options,
        options_gone=gone,
        renamed_at=row.renamed_at if row.name == defined.name else now,
        gone_at=None,
    )


def _options(
    row: MappingRow, defined: FieldDefinition, now: datetime
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return all options ever seen, and when each removed option was first missing."""
    if defined.options is None:
        return row.options, row.options_gone
    listed = dict(sorted(defined.options))
    options = dict(sorted({**row.options, **listed}.items()))
    gone = {each: row.options_gone.get(each, stamp(now)) for each in options if each not in listed}
    return options, gone


# As a table


def mapping_record(row: MappingRow) -> dict[str, Any]:
    """Return the row as it is stored; its key is `endpoint` and `hash_string`."""
    return {name: getattr(row, name) for name in MAPPING_COLUMNS}


MAPPING_COLUMNS = {
    "endpoint": "text",
    "hash_string": "text",
    "name": "text",
    "normalized_name": "text",
    "options": "json",
    "field_type": "text",
    "first_name": "text",
    "first_seen_at": "timestamp",
    "renamed_at": "timestamp",
    "gone_at": "timestamp",
    "options_gone": "json",
    "column_type": "text",
}
"""dlt's data type of each column: the six of dlt's verified source first, then the history."""

_READERS: dict[str, Callable[[Any], Any]] = {
    "text": lambda value: value,
    "json": lambda value: json.loads(value) if isinstance(value, str) else value or {},
    "timestamp": lambda value: parse_stamp(value) if isinstance(value, str) else value,
}


def parse_mapping_record(record: Mapping[str, Any]) -> MappingRow:
    """Parse a stored row; JSON and times can be text."""
    values = {name: _READERS[kind](record.get(name)) for name, kind in MAPPING_COLUMNS.items()}
    return MappingRow(**values)
