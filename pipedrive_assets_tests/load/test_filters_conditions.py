"""Conditions of saved filters: one record per filter, read again only if the filter changed."""

from dataclasses import replace

import pytest

from pipedrive_assets.api import Caps
from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.sandbox import faults

TABLES = ("filters", "filters_conditions")


def calls(office):
    return [line for line in office.sandbox.calls("v1/filters/") if line.status == 200]


@pytest.fixture
def office(make_office):
    return make_office(deals=3)


def test_conditions_are_read_for_new_and_changed_filters_at_2_tokens_each(office):
    count = len(office.world.ids("filters"))
    office.load(*TABLES)
    first = calls(office)
    office.advance(minutes=10)
    office.world.edit("filters", 2, name="Changed")

    office.load(*TABLES)

    assert [2] * count == [line.tokens for line in first]
    assert 1 <= len(calls(office)) - count < count
    assert [] == office.differences(*TABLES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "body", [b'{"success":true,"data":null}', b'{"success":true,"data":[]}', b'{"success":true}']
)
def test_a_reply_without_conditions_is_not_read_and_deletes_nothing(office, body):
    office.load(*TABLES)
    held = office.query("SELECT * EXCLUDE (_dlt_load_id) FROM filters_conditions ORDER BY 1")
    office.advance(minutes=10)
    office.world.edit("filters", 2, name="Changed")
    office.sandbox.inject(faults.changed("v1/filters/*", _with(body)).always())

    with pytest.raises(LoadFailed):
        office.load(*TABLES)

    assert held == office.query(
        "SELECT * EXCLUDE (_dlt_load_id) FROM filters_conditions ORDER BY 1"
    )
    office.sandbox.clear_faults()
    office.load(*TABLES)
    assert [] == office.differences(*TABLES)


def _with(body):
    return lambda reply: replace(reply, body=body)


@pytest.mark.slow
def test_a_refused_record_keeps_its_row_and_a_removed_filter_loses_it_after_two_loads(office):
    office.load(*TABLES)
    office.world.delete("filters", 2)
    office.sandbox.inject(faults.refused("v1/filters/3", 403).always())
    office.advance(minutes=10)
    office.world.edit("filters", 3, name="Refused")

    report = office.load(*TABLES)["filters_conditions"]

    assert 1 == report.unread
    assert [(1,)] == office.query("SELECT count(*) FROM filters_conditions WHERE filter_id = 3")
    office.sandbox.clear_faults()
    office.load(*TABLES)
    office.load(*TABLES)
    assert [] == office.differences(*TABLES)


@pytest.mark.slow
def test_the_caps_apply(office):
    report = office.load(*TABLES, caps=Caps(per_run=4, per_day=None))["filters_conditions"]

    assert 0 < report.waiting.count
    assert 2 == len(calls(office))
