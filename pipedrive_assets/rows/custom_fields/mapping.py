"""The memory of custom fields: the table `custom_fields_mapping`.

It outlives what Pipedrive forgets: names of columns, first labels, fields and options that are
gone.
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
    """One custom field, as it is and as it was."""

    endpoint: str
    """The entity whose field it is, such as `deal`; leads have the deals' fields."""

    hash_string: str
    name: str
    """The label as last seen."""

    normalized_name: str
    """Its column; given once and kept for ever."""

    field_type: str
    """The type as last seen."""

    column_type: str
    """The type that its columns were made for; they stay when the type changes."""

    options: Mapping[str, str] = field(default_factory=dict)
    """The label last seen of each option, by id; of options that are gone too."""

    options_gone: Mapping[str, str] = field(default_factory=dict)
    """Since when an option is gone, by id."""

    first_name: str
    first_seen_at: datetime
    renamed_at: datetime | None = None
    gone_at: datetime | None = None
    """Since when the field is no longer defined."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column and list that is this field's."""
        return layout_of(self.column_type).names(self.normalized_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """An option whose label in rows already loaded is out of date."""

    row: MappingRow
    option_id: str
    before: str
    after: str


def update_mapping(  # noqa: PLR0913 -- everything it depends on is an argument
    known: Iterable[MappingRow],
    defined: Iterable[FieldDefinition],
    built_in: AbstractSet[str],
    now: datetime,
    *,
    endpoint: str,
    normalize: Normalize,
) -> list[MappingRow]:
    """Bring an entity's mapping up to date with a complete list of its fields.

    `built_in` are the columns and lists of every table that has these fields: for deals' fields
    those of deals and of leads.
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
    """Which labels changed for the rows loaded under `before`.

    An option that `before` did not know stands in those rows as its id.
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
    """The custom fields that exist, by code; of two with one code the same one, in any order."""
    found = [
        each
        for each in defined
        if each.is_custom and each.is_active and not each.is_part
        if each.code and each.code not in built_in
    ]
    order = sorted(found, key=lambda each: (each.name, each.type, each.options or ()))
    return {each.code: each for each in order}


def _built_in(defined: Iterable[FieldDefinition], built_in: AbstractSet[str]) -> Iterator[str]:
    """Built-in columns, also those that only the definitions know."""
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
    """The options ever seen, and since when those are gone that are no longer listed."""
    if defined.options is None:
        return row.options, row.options_gone
    listed = dict(sorted(defined.options))
    options = dict(sorted({**row.options, **listed}.items()))
    gone = {each: row.options_gone.get(each, stamp(now)) for each in options if each not in listed}
    return options, gone


# As a table


def mapping_record(row: MappingRow) -> dict[str, Any]:
    """The row as it is stored; its key is `endpoint` and `hash_string`."""
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
"""dlt's type of each column: the ancestor's six, then the history."""

_READERS: dict[str, Callable[[Any], Any]] = {
    "text": lambda value: value,
    "json": lambda value: json.loads(value) if isinstance(value, str) else value or {},
    "timestamp": lambda value: parse_stamp(value) if isinstance(value, str) else value,
}


def parse_mapping_record(record: Mapping[str, Any]) -> MappingRow:
    """Read a stored row back; JSON and times may come as text."""
    values = {name: _READERS[kind](record.get(name)) for name, kind in MAPPING_COLUMNS.items()}
    return MappingRow(**values)
