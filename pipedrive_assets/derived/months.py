"""The months on the axis of a chart: as many as fit, as texts such as `2026-11`."""

from collections.abc import Mapping, Sequence
from datetime import date

MOST_MONTHS = 18


def _number(month: date) -> int:
    return month.year * 12 + month.month - 1


def _months(first: int, last: int) -> list[str]:
    return [f"{number // 12}-{number % 12 + 1:02d}" for number in range(first, last + 1)]


def last_months(found: Sequence[date]) -> list[str]:
    """Every month from the first to the last, the last MOST_MONTHS of them at most."""
    numbers = sorted(map(_number, found))
    return _months(max(numbers[0], numbers[-1] - MOST_MONTHS + 1), numbers[-1])


def fullest_months(deals: Mapping[date, float]) -> list[str]:
    """The MOST_MONTHS in a row with most deals: one date far off must not push out all others."""
    counts = {_number(month): float(count) for month, count in deals.items()}
    if not counts:
        return []

    def held(start: int) -> float:
        return sum(counts.get(start + step, 0) for step in range(MOST_MONTHS))

    first = max(sorted(counts), key=held)
    return _months(first, max(number for number in counts if number < first + MOST_MONTHS))
