"""The keys of events, which become columns of views: only events of later commits are read."""

import pytest

from pipedrive_assets.views.event_keys import event_keys
from pipedrive_assets.warehouse.statements import table

KIND, KEY = "dealChange", "invented_key"


@pytest.fixture
def sql(office):
    office.load("deals", "deals_flow")
    with office.warehouse.sql() as client:
        assert KEY not in event_keys(client)[KIND]
        yield client


def replace_event(sql, load_id=None):
    """Give an event of the deal that changed least recently another key; with a load id, as a
    commit."""
    flow, deals, loads = (table(sql, name) for name in ("deals_flow", "deals", "_dlt_loads"))
    changes = f"FROM {flow} WHERE object = '{KIND}'"
    deal = f"SELECT arg_min(id, update_time) FROM {deals} WHERE id IN (SELECT deal_id {changes})"
    one = f"_dlt_id = (SELECT min(_dlt_id) {changes} AND deal_id = ({deal}))"
    event = f'{{"object": "{KIND}", "data": {{"{KEY}": 1}}}}'
    sql.execute_sql(f"UPDATE {flow} SET event = '{event}' WHERE {one}")
    if load_id:
        sql.execute_sql(f"UPDATE {flow} SET _dlt_load_id = '{load_id}' WHERE {one}")
        sql.execute_sql(
            f"INSERT INTO {loads} SELECT '{load_id}', * EXCLUDE (load_id) FROM {loads} "
            "WHERE schema_name = 'pipedrive_deals_flow' LIMIT 1"
        )


@pytest.mark.parametrize("load_id", ["9999999999.1", "1000000000.1"], ids=["later", "earlier"])
def test_keys_of_another_commit_are_found_whatever_the_clock_says(sql, load_id):
    known = event_keys(sql)

    replace_event(sql, load_id)

    assert {*known[KIND], KEY} == {*event_keys(sql)[KIND]}
    assert KEY in event_keys(sql)[KIND]


def test_events_of_known_commits_are_not_read_again(sql):
    replace_event(sql)

    assert KEY not in event_keys(sql)[KIND]


def test_a_later_load_adds_the_columns_of_new_keys(office):
    office.load("deals", "deals_flow")
    with office.warehouse.sql() as sql:
        replace_event(sql, "9999999999.1")
    office.warehouse.release()
    ((latest,),) = office.query("SELECT arg_max(id, update_time) FROM deals_live")
    office.advance(hours=1)
    office.world.edit("deals", latest, title="Moved")

    office.load("deals", "deals_flow")

    assert KEY in {row[0] for row in office.query("DESCRIBE deals_flow_deal_change")}
