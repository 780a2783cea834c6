"""An entity's custom fields, ready for its rows and its table."""

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
    place_fields,
)


@dataclass(frozen=True, kw_only=True)
class FieldSet:
    """The fields' names, columns and labels, as of one load."""

    rows: tuple[MappingRow, ...]

    @cached_property
    def plan(self) -> CustomFields:
        """What resolves rows."""
        return place_fields(self.rows)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Columns with types and what they mean, those of removed fields too."""
        return columns_for(self.rows)

    @cached_property
    def lists(self) -> dict[str, dict[str, Column]]:
        """The lists that become child tables."""
        return lists_for(self.rows)

    def knows(self, rows: Iterable[Mapping[str, Any]]) -> bool:
        """Whether every custom field in these rows is known, nested (v2) or flat (v1)."""
        return next(self.unknown(rows), None) is None

    def unknown(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """The keys in these rows, once for each row, that are of no known custom field."""
        known, places = self.plan.values.keys(), self.plan.places
        for row in rows:
            values = row.get("custom_fields")
            if isinstance(values, dict) and not values.keys() <= known:
                yield from values.keys() - known
            for key in row:
                if len(key) >= HASH_LENGTH and is_hash(key) and key not in places:
                    yield key[:HASH_LENGTH]
