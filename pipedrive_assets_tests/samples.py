"""Which cases of parametrized tests run in `make test`, `make slow`, and only in `make soak`."""

from collections import defaultdict
from zlib import crc32

import pytest


def apply(items: list[pytest.Item]) -> None:
    """Mark as slow as many other cases as `samples` keeps, and all that are left as soak.

    Where the test itself is slow or e2e, the kept cases are that and all others soak.
    """
    cases: dict[str, list[pytest.Function]] = defaultdict(list)
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("samples"):
            cases[f"{item.path}::{item.originalname}"].append(item)
    for group in cases.values():
        group.sort(key=lambda item: sorted(item.callspec.indices.items()))
        marker = group[0].get_closest_marker("samples")
        assert marker
        is_slow = any(group[0].get_closest_marker(name) for name in ("slow", "e2e"))
        slow, soak = left_out(group, *marker.args, is_slow=is_slow)
        for item in slow:
            item.add_marker(pytest.mark.slow)
        for item in soak:
            item.add_marker(pytest.mark.soak)


def left_out(
    group: list[pytest.Function], *count: int, is_slow: bool
) -> tuple[list[pytest.Function], list[pytest.Function]]:
    """The cases that become slow, and those that become soak."""
    kept = chosen(group, *count)
    rest = [item for item in group if item not in kept]
    slow = [] if is_slow or not rest else chosen(rest, *count)
    return slow, [item for item in rest if item not in slow]


def chosen(group: list[pytest.Function], *count: int) -> list[pytest.Function]:
    """The cases that `samples` keeps of some."""
    return spread(group, *count) if count else covering(group)


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
