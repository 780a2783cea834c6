"""Windows of time: half-open, in UTC, whole seconds.

Pipedrive's `updated_since` is inclusive and `updated_until` exclusive, both whole seconds
ending in `Z`; anything else is answered with 400 (official docs, deals list).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone


def utc_now() -> datetime:
    """This machine's clock, aware, UTC: the default of every `now` argument."""
    return datetime.now(timezone.utc)


def stamp(moment: datetime) -> str:
    """The form in which Pipedrive takes a moment; fractions are cut, which only ever widens a
    window's start.
    """
    utc = moment.astimezone(timezone.utc)
    # Not strftime: it leaves the zeros out of years before 1000.
    return f"{utc.replace(microsecond=0, tzinfo=None).isoformat()}Z"


def earlier(moment: datetime, span: timedelta) -> datetime:
    """That much earlier, the first moment there is at most."""
    first = datetime.min.replace(tzinfo=timezone.utc)
    return moment - span if moment - first > span else first


def parse_stamp(text: str) -> datetime:
    """A stamp of either API version as an aware datetime; v1's has no designator and means UTC."""
    moment = datetime.fromisoformat(text.strip().replace(" ", "T", 1).replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`[start, end)`; without an end it reaches to the moment of reading."""

    start: datetime
    end: datetime | None = None

    def __contains__(self, moment: datetime) -> bool:
        """Whether the window holds a moment."""
        return self.start <= moment and (self.end is None or moment < self.end)

    def __str__(self) -> str:
        """`2026-11-20T00:00:00Z … 2026-11-21T00:00:00Z`, or `… now`."""
        return f"{stamp(self.start)} … {stamp(self.end) if self.end else 'now'}"

    def params(self, *, until: bool) -> Iterator[tuple[str, str]]:
        """The query parameters that ask for this window."""
        yield "updated_since", stamp(self.start)
        if until and self.end:
            yield "updated_until", stamp(self.end)


def whole_second_after(moment: datetime) -> datetime:
    """The first whole second that is not before `moment`."""
    floor = moment.replace(microsecond=0)
    return floor if floor == moment else floor + timedelta(seconds=1)
