"""Which parametrized cases `make test` runs."""

from itertools import pairwise
from types import SimpleNamespace

import pytest

from pipedrive_assets_tests.samples import covering, left_out, spread


def case(**indices):
    return SimpleNamespace(originalname="test_it", callspec=SimpleNamespace(indices=indices))


def test_a_count_keeps_so_many_cases_evenly_spread():
    group = [case(number=number) for number in range(12)]
    kept = sorted(item.callspec.indices["number"] for item in spread(group, 3))

    assert [4, 4] == [later - earlier for earlier, later in pairwise(kept)]
    assert group[:2] == sorted(spread(group[:2], 3), key=group.index)


def test_without_a_count_each_value_of_each_parameter_is_kept():
    group = [case(table=table, fault=fault) for table in range(3) for fault in range(5)]

    kept = covering(group)

    assert {*range(3)} == {item.callspec.indices["table"] for item in kept}
    assert {*range(5)} == {item.callspec.indices["fault"] for item in kept}
    assert 5 == len(kept)


@pytest.mark.parametrize(("is_slow", "expected"), [(False, (2, 4)), (True, (0, 6))])
def test_as_many_cases_are_slow_as_are_kept_and_the_rest_soak(is_slow, expected):
    group = [case(number=number) for number in range(8)]

    slow, soak = left_out(group, 2, is_slow=is_slow)

    assert expected == (len(slow), len(soak))
    assert 8 - 2 == len([item for item in group if item in slow or item in soak])
