"""A storm of faults over a bigger account."""

import pytest

from pipedrive_assets_tests.load.test_storm import weathered


@pytest.mark.samples(1)
@pytest.mark.parametrize("seed", [10, 20, 30])
def test_a_load_of_300_deals_in_a_storm_is_exact(make_office, seed):
    assert [] == weathered(make_office(deals=300), seed)
