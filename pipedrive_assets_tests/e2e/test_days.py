"""An account whose day is too small for a first load: it completes over days, exact."""

from datetime import timedelta
from functools import partial
from math import ceil

import pytest

from pipedrive_assets.api import Caps
from pipedrive_assets.errors import BudgetExhausted, LoadFailed
from pipedrive_assets.registry import DEFAULT_ENTITIES
from pipedrive_assets.sandbox import Limits
from pipedrive_assets.sandbox.limits import Quota

DAILY_TOKENS = 1_500
TABLES = tuple(entity.name for entity in DEFAULT_ENTITIES)


def still(office):
    """An account in which time passes and nothing happens."""
    office.world.advance = partial(setattr, office.world, "instant")
    return office


@pytest.mark.parametrize("per_day", [0, pytest.param(DAILY_TOKENS, marks=pytest.mark.soak)])
def test_a_load_bigger_than_a_day_completes_in_as_many_days_as_it_costs(make_office, per_day):
    office = still(make_office(deals=120))
    office.load(*TABLES, caps=Caps(per_day=0))
    total = office.sandbox.tokens_spent
    ((deals,),) = office.query("SELECT count(*) FROM deals")
    assert 120 <= deals

    office = still(make_office(deals=120))
    office.sandbox.allowance = Quota(Limits(burst=1_000_000, daily_tokens=DAILY_TOKENS))
    days = 1
    while not is_complete(office, Caps(per_day=per_day)):
        refused = [line for line in office.sandbox.log if line.status == 429]
        # One, and those that were on the wire with it: two tables' threads.
        assert len(refused) <= days * 18
        office.world.instant = office.midnight + timedelta(days=1)
        days += 1

    assert days <= ceil(total / DAILY_TOKENS) + 1
    assert [] == office.differences(*TABLES)


def is_complete(office, caps):
    try:
        reports = office.load(*TABLES, caps=caps)
    except LoadFailed as failed:
        if not all(isinstance(error, BudgetExhausted) for error in failed.failures.values()):
            raise
        return False
    return not any(report.waiting for report in reports.values())
