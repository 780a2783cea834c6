"""The months and weeks on the axis of a chart, without gaps."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

MOST_MONTHS = 18
MOST_WEEKS = 12
WEEK = timedelta(days=7)


def _number(month: date) -> int:
    return month.year * 12 + month.month - 1


def _months(first: int, last: int) -> list[str]:
    return [f"{number // 12}-{number % 12 + 1:02d}" for number in range(first, last + 1)]


def last_months(found: Sequence[date], until: date | None = None) -> list[str]:
    """Return the last months with data and all months between them, at most MOST_MONTHS.

    Args:
        found: Days in the months that have data.
        until: The day up to which the data is complete. Its month is the last one.

    Returns:
        Months like `2026-01`, in order.
    """
    numbers = sorted(map(_number, found))
    last = max(numbers[-1], _number(until)) if until else numbers[-1]
    return _months(max(numbers[0], last - MOST_MONTHS + 1), last)


def fullest_months(deals: Mapping[date, float]) -> list[str]:
    """Return the MOST_MONTHS consecutive months with the most deals.

    A single deal with a date far in the future must not hide all others.

    Args:
        deals: The number of deals by month.

    Returns:
        Months like `2026-01`, in order; empty without deals.
    """
    counts = {_number(month): float(count) for month, count in deals.items()}
    if not counts:
        return []

    def held(start: int) -> float:
        return sum(counts.get(start + step, 0) for step in range(MOST_MONTHS))

    first = max(sorted(counts), key=held)
    return _months(first, max(number for number in counts if number < first + MOST_MONTHS))


def last_weeks(found: Sequence[date], until: date | None = None) -> list[date]:
    """Return the Mondays of the last MOST_WEEKS weeks, including weeks without data.

    Args:
        found: The Mondays of the weeks that have data.
        until: The day up to which the data is complete. Its week is the last one; if None, the
            last week with data is.

    Returns:
        The Mondays, in order.
    """
    last = until - timedelta(days=until.weekday()) if until else max(found)
    return [last - WEEK * back for back in range(MOST_WEEKS - 1, -1, -1)]
