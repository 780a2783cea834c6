"""The queries of docs/dashboards.md, on a warehouse loaded from the sandbox."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "dashboards.md").read_text("utf-8")
QUERIES = {
    title: query for query, title in re.findall(r"```sql\n(-- (.+?):.+?)```", PAGE, re.DOTALL)
}
OPEN_PIPELINE, WON_BY_MONTH, UP_TO_DATE, WITHOUT_ACTIVITY = QUERIES


@pytest.mark.parametrize("title", QUERIES)
def test_a_query_of_the_page_returns_rows(whole, title):
    office, _ = whole

    assert office.query(QUERIES[title])


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati"])
def test_months_of_won_deals_are_those_of_deal_velocity_in_every_time_zone(office, zone):
    world = office.world
    deals = [row["id"] for row in world.tables["deals"].rows.values() if row["status"] == "open"]
    world.edit("deals", deals[0], status="won", won_time="2026-01-31T20:00:00Z",
               close_time="2026-01-31T20:00:00Z")  # fmt: skip
    office.load("deals", "stages", "pipelines")
    by_velocity = """
        SELECT closed_month, currency, sum(deals_won), sum(won_value) FROM deal_velocity
        WHERE deals_won > 0 GROUP BY 1, 2 ORDER BY 1, 2
    """

    months = office.query(f"SET TimeZone = '{zone}'; {QUERIES[WON_BY_MONTH]}")

    assert [
        (month, currency, deals, pytest.approx(value))
        for month, currency, deals, value in office.query(by_velocity)
    ] == months


def test_open_deals_without_a_next_activity_are_those_of_the_hygiene_rule(office):
    world = office.world
    deals = [row["id"] for row in world.tables["deals"].rows.values() if row["status"] == "open"]
    world.archive("deals", deals[0])
    office.load("deals", "activities", "stages", "pipelines", "users")
    by_rule = "SELECT found FROM hygiene_rules WHERE rule = 'deal_without_next_activity'"

    assert office.query(by_rule) == [(len(office.query(QUERIES[WITHOUT_ACTIVITY])),)]


def test_no_query_of_the_page_has_group_by_all_which_postgresql_15_refuses():
    assert not [title for title, query in QUERIES.items() if "GROUP BY ALL" in query]
