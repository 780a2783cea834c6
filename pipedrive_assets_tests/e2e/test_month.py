"""A simulated month, whatever comes: at its end every table equals the account."""

import os

import pytest

from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets_tests.conftest import Office
from pipedrive_assets_tests.load.test_rebuild import assert_equal, rebuilt
from pipedrive_assets_tests.month import simulate

SEEDS = int(os.environ.get("SOAK_SEEDS", "1"))
DAYS = 7


@pytest.mark.parametrize("seed", range(SEEDS))
def test_after_a_month_of_everything_the_warehouse_equals_the_account(make_office, seed):
    office = make_office(deals=12, seed=seed + 1)

    assert [] == simulate(office, seed)


class KeptOffice(Office):
    """An office whose runs are all recorded."""

    def load(self, *names, **how):
        return super().load(*names, raw=self.zone, **how)

    def reconcile(self, *names, **how):
        return super().reconcile(*names, raw=self.zone, **how)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_a_recorded_week_of_everything_is_rebuilt(tmp_path, seed):
    office = KeptOffice(tmp_path / "office", deals=10, seed=seed + 1)
    office.zone = RawZone(url=str(tmp_path / "raw"), file_mode=0o640)
    office.history = ("persons",)

    assert [] == simulate(office, seed, days=DAYS)
    assert_equal(office, rebuilt(office.zone, tmp_path))
