"""A simulated month, whatever comes: at its end every table equals the account."""

import os

import pytest

from pipedrive_assets_tests.month import simulate

SEEDS = int(os.environ.get("SOAK_SEEDS", "1"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_after_a_month_of_everything_the_warehouse_equals_the_account(make_office, seed):
    office = make_office(deals=12, seed=seed + 1)

    assert [] == simulate(office, seed)
