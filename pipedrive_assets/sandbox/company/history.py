"""What happened to a record, field by field: the source of flow and changelogs."""

from dataclasses import dataclass
from typing import Any

SKIPPED = frozenset(
    {"add_time", "update_time", "custom_fields", "first_won_time", "source_lead_id"}
)

RECORDED = ("deals", "persons", "organizations", "projects")
"""Tables of whose rows Pipedrive tells what was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field of one record took another value; `custom` tells a custom field from a built-in."""

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
    """All changes of a table, by record, oldest first."""

    def __init__(self) -> None:
        self.by_item: dict[int, list[Change]] = {}
        self.last = 0

    def of(self, item_id: int) -> list[Change]:
        """The changes of one record, newest first."""
        found = self.by_item.get(item_id, ())
        return sorted(found, key=lambda change: (change.time, change.id), reverse=True)

    def record(  # noqa: PLR0913 -- one argument per fact of a change
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
        """Remember a change."""
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
        """Drop the history of a record that is gone for good."""
        self.by_item.pop(item_id, None)
