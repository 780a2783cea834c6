"""The tokens of a sync: the least cost, the caps, and what the state keeps of the current day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from pipedrive_assets.api import (
    Caps,
    Client,
    DayNote,
    QuotaWindow,
    RequestStats,
    TokenBudget,
    current_day,
)
from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.extract.least_cost import definitions_cost, pages_at_least
from pipedrive_assets.registry import BULK_PARENTS, BY_NAME
from pipedrive_assets.singer.bookmark import read_moment
from pipedrive_assets.singer.stream import Stream
from pipedrive_assets.windows import stamp

NUMBERS = {int, type(None)}
"""Types of a number that Pipedrive may not report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedToday:
    """What syncs have used of the daily token cap.

    Attributes:
        note: The account's day, and the last numbers of its replies.
        used: Tokens of the capped streams since the day began.
    """

    note: DayNote
    used: int

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "UsedToday":
        """Read the key `tokens` of a state.

        Raises:
            ValueError: It is damaged; also TypeError, KeyError and the others of `bookmark.DAMAGE`.
        """
        start, used = read_moment(content["day"]), content["used"]
        limit, left = content["limit"], content["left"]
        if start is None or type(used) is not int or not {type(limit), type(left)} <= NUMBERS:
            raise ValueError(content)
        return cls(note=DayNote(day=QuotaWindow(start=start), limit=limit, left=left), used=used)

    def to_dict(self) -> dict[str, Any]:
        """Return the key `tokens` of a state."""
        return {
            "day": stamp(self.note.day.start),
            "used": self.used,
            "limit": self.note.limit,
            "left": self.note.left,
        }


class SyncBudget:
    """The caps during a sync: they apply to `dealflow` and to optional streams."""

    def __init__(self, caps: Caps, client: Client, before: UsedToday | None) -> None:
        """Continue the current day of the last sync.

        Args:
            caps: The caps of the config.
            client: The client of the sync.
            before: What earlier syncs have used; None if nothing.
        """
        now, daily = client.now(), client.daily
        if before and before.note.day.start > now:
            before = None  # written with a clock that was ahead: the cap would last too long
        note = before.note if before else None
        day = current_day(note, daily, now)
        is_today = before is not None and day == before.note.day
        if note and is_today:
            # With these numbers the client recognizes a reset between the two syncs.
            daily.limit = daily.limit or note.limit
            daily.left = note.left if daily.left is None else daily.left
        self._daily, self._before = daily, before
        used = before.used if before and is_today else 0
        self._budget = TokenBudget(caps, daily, day=day, now=client.now, others=used)

    def stats(self, stream: Stream) -> RequestStats:
        """Return a request counter for a stream."""
        return RequestStats(allowance=self._budget if stream.entity.capped else None)

    @property
    def left(self) -> int | None:
        """Tokens that capped streams may still use; None if there is no cap."""
        return self._budget.left

    @property
    def day_end(self) -> datetime:
        """When the day of the daily cap ends, UTC."""
        return self._budget.turn_over().end

    def used_today(self) -> UsedToday | None:
        """Return what the state keeps; unchanged if no capped stream has used tokens since."""
        day = self._budget.turn_over()
        used = self._budget.of_day
        before = self._before
        if before and (before.note.day, before.used) == (day, used):
            return before
        if used or before:
            note = DayNote(day=day, limit=self._daily.limit, left=self._daily.left)
            self._before = UsedToday(note=note, used=used)
        return self._before


def least_cost(streams: Iterable[tuple[Stream, int]], left: int | None) -> str:
    """Describe what a sync costs at least, before its first request.

    Args:
        streams: The streams to read, each with the number of parents that are pending.
        left: Tokens that capped streams may use; None if there is no cap.

    Returns:
        The least cost, and the cost per record of streams that are read per record.
    """
    tokens, capped, asked = 0, 0, set[str]()
    per_record: list[str] = []
    for stream, pending in streams:
        entity = stream.entity
        cost = definitions_cost(entity, asked)
        if entity.parent:
            size = BULK_PARENTS if entity.bulk else 1
            cost += pages_at_least(BY_NAME[entity.parent])
            cost += ceil(pending / size) * entity.tokens_per_page
            parents = f"{size} {entity.parent}" if entity.bulk else entity.parent_name
            per_record.append(f"{stream.tap_stream_id} {entity.tokens_per_page} per {parents}")
        elif entity.shape not in OWN_SHAPES:
            cost += pages_at_least(entity)
        if entity.capped:
            capped += cost
        else:
            tokens += cost
    tokens += capped if left is None else min(capped, left)
    changed = f" For new and changed records: {', '.join(per_record)}." if per_record else ""
    return f"The sync costs at least {tokens:,} tokens.{changed}"
