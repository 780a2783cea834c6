"""The custom fields of an entity: columns of its table, and the mapping of its rows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipedrive_assets.rows.columns import Column
from pipedrive_assets.rows.custom_fields.definitions import is_hash
from pipedrive_assets.rows.custom_fields.map_fields import (
    HASH_LENGTH,
    CustomFields,
    MappingRow,
    columns_for,
    lists_for,
    map_custom_fields,
    place_fields,
)


@dataclass(frozen=True, kw_only=True)
class FieldSet:
    """The custom fields of an entity during one load.

    Attributes:
        rows: The mapping of the fields to column names.
    """

    rows: tuple[MappingRow, ...]

    @cached_property
    def plan(self) -> CustomFields:
        """The mapping, prepared for `map_custom_fields`."""
        return place_fields(self.rows)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Columns with types and descriptions, including those of removed fields."""
        return columns_for(self.rows)

    @cached_property
    def lists(self) -> dict[str, dict[str, Column]]:
        """Lists that dlt loads into child tables."""
        return lists_for(self.rows)

    def named(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a row with its custom fields under their readable names."""
        return map_custom_fields(row, self.plan)[0]

    def knows(self, rows: Iterable[Mapping[str, Any]]) -> bool:
        """Return whether every custom field in the rows is known, nested (v2) or flat (v1)."""
        return next(self.unknown(rows), None) is None

    def unknown(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Yield the keys of unknown custom fields in the rows, once per row."""
        known, places = self.plan.values.keys(), self.plan.places
        for row in rows:
            values = row.get("custom_fields")
            if isinstance(values, dict) and not values.keys() <= known:
                yield from values.keys() - known
            for key in row:
                if len(key) >= HASH_LENGTH and is_hash(key) and key not in places:
                    yield key[:HASH_LENGTH]
