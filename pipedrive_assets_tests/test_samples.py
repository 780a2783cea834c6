"""Which parametrized cases `make test` runs."""

from itertools import pairwise
from types import SimpleNamespace

from pipedrive_assets_tests.samples import covering, spread


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
