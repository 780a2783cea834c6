"""Field changes of records, from which flow and changelogs are built."""

from dataclasses import dataclass
from typing import Any

SKIPPED = frozenset(
    {"add_time", "update_time", "custom_fields", "first_won_time", "source_lead_id"}
)

RECORDED = ("deals", "persons", "organizations", "projects")
"""Tables for which Pipedrive returns field changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of one field of a record.

    Attributes:
        id: Id of the change.
        item_id: Id of the record.
        field_key: Name of the column, or code of the custom field.
        old_value: Value before the change.
        new_value: Value after the change.
        user_id: User who made the change.
        time: Time of the change, UTC.
        is_bulk: Whether the change is part of a bulk edit.
        custom: Whether the field is a custom field.
    """

    id: int
    item_id: int
    field_key: str
    old_value: Any
    new_value: Any
    user_id: int
    time: str
    is_bulk: bool = False
    custom: bool = False


class History:
    """All changes of a table by record, oldest first."""

    def __init__(self) -> None:
        self.by_item: dict[int, list[Change]] = {}
        self.last = 0

    def of(self, item_id: int) -> list[Change]:
        """List the changes of a record, newest first."""
        found = self.by_item.get(item_id, ())
        return sorted(found, key=lambda change: (change.time, change.id), reverse=True)

    def record(  # noqa: PLR0913 -- one argument per field of Change
        self,
        item_id: int,
        field_key: str,
        old_value: Any,
        new_value: Any,
        *,
        user_id: int,
        time: str,
        is_bulk: bool = False,
        custom: bool = False,
    ) -> None:
        """Add a change.

        Args:
            item_id: Id of the record.
            field_key: Name of the column, or code of the custom field.
            old_value: Value before the change.
            new_value: Value after the change.
            user_id: User who made the change.
            time: Time of the change, UTC.
            is_bulk: Whether the change is part of a bulk edit.
            custom: Whether the field is a custom field.
        """
        self.last += 1
        change = Change(
            id=self.last,
            item_id=item_id,
            field_key=field_key,
            old_value=old_value,
            new_value=new_value,
            user_id=user_id,
            time=time,
            is_bulk=is_bulk,
            custom=custom,
        )
        self.by_item.setdefault(item_id, []).append(change)

    def forget(self, item_id: int) -> None:
        """Delete the changes of a purged record."""
        self.by_item.pop(item_id, None)
