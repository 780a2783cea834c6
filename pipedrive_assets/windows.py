"""Time windows: half-open, in UTC, in whole seconds.

Pipedrive's `updated_since` is inclusive and `updated_until` exclusive. Both are whole seconds and
end in `Z`; Pipedrive answers 400 to other formats (official docs, deals list).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone


def utc_now() -> datetime:
    """Return the current time of this machine (aware, UTC)."""
    return datetime.now(timezone.utc)


def stamp(moment: datetime) -> str:
    """Format a time for Pipedrive, e.g. `2026-11-20T00:00:00Z`, truncated to whole seconds."""
    utc = moment.astimezone(timezone.utc)
    # Not strftime: it omits the leading zeros of years before 1000.
    return f"{utc.replace(microsecond=0, tzinfo=None).isoformat()}Z"


def earlier(moment: datetime, span: timedelta) -> datetime:
    """Subtract a time span, limited to the earliest `datetime` (UTC)."""
    first = datetime.min.replace(tzinfo=timezone.utc)
    return moment - span if moment - first > span else first


def parse_stamp(text: str) -> datetime:
    """Parse a timestamp of API v1 or v2.

    Args:
        text: The timestamp; without a time zone, as in API v1, it is UTC.

    Returns:
        The time as an aware datetime.

    Raises:
        ValueError: The text is not a timestamp.
    """
    moment = datetime.fromisoformat(text.strip().replace(" ", "T", 1).replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open time window `[start, end)`.

    Attributes:
        start: First moment of the window (aware, UTC).
        end: First moment after the window (aware, UTC); None for the time of reading.
    """

    start: datetime
    end: datetime | None = None

    def __contains__(self, moment: datetime) -> bool:
        """Return whether `moment` is in the window."""
        return self.start <= moment and (self.end is None or moment < self.end)

    def __str__(self) -> str:
        """Return e.g. `2026-11-20T00:00:00Z … 2026-11-21T00:00:00Z`; `now` if there is no end."""
        return f"{stamp(self.start)} … {stamp(self.end) if self.end else 'now'}"

    def params(self, *, until: bool) -> Iterator[tuple[str, str]]:
        """Build the query parameters for this window.

        Args:
            until: Whether the endpoint accepts `updated_until`.

        Yields:
            Names and values of the parameters.
        """
        yield "updated_since", stamp(self.start)
        if until and self.end:
            yield "updated_until", stamp(self.end)


def whole_second_after(moment: datetime) -> datetime:
    """Round `moment` up to a whole second."""
    floor = moment.replace(microsecond=0)
    return floor if floor == moment else floor + timedelta(seconds=1)
