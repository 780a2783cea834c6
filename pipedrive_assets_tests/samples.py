"""Which cases of parametrized tests run in `make test`; the marker `slow` has the others."""

from collections import defaultdict
from zlib import crc32

import pytest


def apply(items: list[pytest.Item]) -> None:
    """Mark as slow what `samples` leaves out."""
    cases: dict[str, list[pytest.Function]] = defaultdict(list)
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("samples"):
            cases[f"{item.path}::{item.originalname}"].append(item)
    for group in cases.values():
        group.sort(key=lambda item: sorted(item.callspec.indices.items()))
        marker = group[0].get_closest_marker("samples")
        assert marker
        kept = spread(group, *marker.args) if marker.args else covering(group)
        for item in group:
            if item not in kept:
                item.add_marker(pytest.mark.slow)


def spread(group: list[pytest.Function], count: int) -> list[pytest.Function]:
    """So many of them, evenly spread. Each test begins with another case, so that tests with the
    same parameters keep different ones.
    """
    start, count = crc32(group[0].originalname.encode()), min(count, len(group))
    return [group[(start + number * len(group) // count) % len(group)] for number in range(count)]


def covering(group: list[pytest.Function]) -> list[pytest.Function]:
    """Few of them, in which each value of each parameter occurs."""
    missing = {value for item in group for value in item.callspec.indices.items()}
    kept = []
    while missing:
        best = max(group, key=lambda item: len(missing & {*item.callspec.indices.items()}))
        missing -= {*best.callspec.indices.items()}
        kept.append(best)
    return kept
