"""The shapes of recorded replies, in all three front ends."""

import pytest

from pipedrive_assets.registry import DEFAULT_ENTITIES
from pipedrive_assets_tests.dlt_source.conftest import plain_of
from pipedrive_assets_tests.recorded.account import DEALS, FLOW, USER, replies
from pipedrive_assets_tests.singer.conftest import Bench

__all__ = ["plain_of"]

NAMES = [entity.name for entity in DEFAULT_ENTITIES]


@pytest.fixture
def recorded(make_office):
    office = make_office(deals=2)
    for each in replies():
        office.sandbox.inject(each)
    return office


def check(office):
    count = len(DEALS)
    assert [(count,)] == office.query("SELECT count(*) FROM deals")
    assert [("Price", 2)] == office.query(
        "SELECT lost_reason, count(*) FROM deals WHERE lost_reason IS NOT NULL GROUP BY 1"
    )
    assert [(1,)] == office.query("SELECT referrer FROM deals WHERE id = 4")
    assert [(USER, 1, 1)] == office.query("SELECT owner_id, person_id, referrer FROM leads")
    assert [("Lead",)] == office.query("SELECT lead__title FROM notes")
    assert [(True,), (False,)] == office.query("SELECT is_admin FROM users ORDER BY id")
    assert [("Mari Kask", None)] == office.query("SELECT people_name, update_time FROM files")
    assert [(count * len(FLOW),)] == office.query("SELECT count(*) FROM deals_flow")
    held = office.query("SELECT * FROM leads")
    assert not [value for row in held for value in row if "kask.example" in str(value)]


@pytest.mark.slow
def test_a_warehouse_takes_the_shapes_of_real_replies(recorded):
    for _ in range(2):
        reports = recorded.load(*NAMES)
        assert not [report.error for report in reports.values() if report.error]
        check(recorded)


@pytest.mark.slow
def test_the_plain_source_takes_the_shapes_of_real_replies(recorded, plain_of):
    plain = plain_of(recorded)
    for _ in range(2):
        plain.run(*NAMES)
        check(recorded)


def test_the_tap_takes_the_shapes_of_real_replies(recorded):
    bench = Bench(recorded)
    catalog = bench.catalog()
    for _ in range(2):
        bench.sync(catalog)
    rows = bench.target.rows
    assert len(DEALS) == len(rows["deals"])
    assert {"Price", None} == {row["lost_reason"] for row in rows["deals"].values()}
    assert {None} == {row["update_time"] for row in rows["files"].values()}
    assert {"10", "11", "12"} <= {str(row["id"]) for row in rows["dealflow"].values()}
