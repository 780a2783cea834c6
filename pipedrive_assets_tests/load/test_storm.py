"""Much trouble at once, all the time: the load completes, and it is exact.

Of 100 calls eight end in a server error, one in a dropped line, one in half a body, and of those
for histories two more in `null`. A call is tried eight times, so that of a million calls none is
expected to fail for good: 0.12 to the power of 8, times a million, is 0.04.
"""

import pytest

from pipedrive_assets.api.calls import ATTEMPTS
from pipedrive_assets.registry import DEFAULT_ENTITIES
from pipedrive_assets.sandbox import faults
from pipedrive_assets_tests.conftest import Office

TABLES = tuple(entity.name for entity in DEFAULT_ENTITIES)
ERRORS, OTHERS, NULLS = 0.02, 0.01, 0.02


def storm(seed: int) -> list[faults.Fault]:
    return [
        *(
            faults.server_error("*", status).randomly(ERRORS, seed + status)
            for status in (500, 502, 503, 504)
        ),
        faults.dropped("*").randomly(OTHERS, seed + 1),
        faults.truncated("*").randomly(OTHERS, seed + 2),
        faults.null_body("v1/deals/*/flow").randomly(NULLS, seed + 3),
    ]


def test_that_a_call_fails_for_good_is_not_to_be_expected():
    assert 0.05 > (4 * ERRORS + 2 * OTHERS + NULLS) ** ATTEMPTS * 1_000_000


def weathered(office: Office, seed: int) -> list[str]:
    office.sandbox.inject(*storm(seed))
    reports = office.load(*TABLES)
    office.sandbox.clear_faults()
    calls = len(office.sandbox.log)
    retries = sum(report.stats.retries for report in reports.values())
    assert retries > calls / 25
    return office.differences(*TABLES)


@pytest.mark.slow
def test_a_load_in_a_storm_is_exact(make_office):
    assert [] == weathered(make_office(deals=20), seed=1)
