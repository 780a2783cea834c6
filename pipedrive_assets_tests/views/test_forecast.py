"""Slipped close dates, the forecast and the coverage of goals: exact numbers of a few deals."""

from datetime import date

import pytest

from pipedrive_assets.views.derived import derive
from pipedrive_assets.views.sql import DERIVED_BY_NAME

TABLES = (
    "deals", "deals_flow", "stages", "pipelines", "users", "currencies", "goals", "goals_results",
)  # fmt: skip
MARCH = date(2026, 3, 1)


def add(world, **values):
    defaults = {"owner_id": 9001, "pipeline_id": 1, "stage_id": 1, "currency": "EUR"}
    return world.add("deals", **{**defaults, "add_time": "2026-01-05T08:00:00Z", **values})


def move(world, deal, *days):
    for day in days:
        world.edit("deals", deal, expected_close_date=day)


def live(office):
    """Seven deals. The stage has a probability of 20 %, for those without one of their own."""
    world = office.world
    for deal in world.ids("deals"):
        world.delete("deals", deal)
    deals = {
        "kept": add(world, value=100, probability=50, expected_close_date="2026-03-20"),
        "late": add(world, value=200, probability=10, expected_close_date="2026-01-31"),
        "removed": add(world, value=400, expected_close_date="2026-02-10"),
        "won": add(world, value=800, expected_close_date="2026-02-10"),
        "dollars": add(world, value=1600, currency="USD", expected_close_date="2026-03-20"),
        "other": add(world, value=3200, pipeline_id=2, stage_id=6, owner_id=9002),
        "undated": add(world, value=6400),
    }
    move(world, deals["late"], "2026-02-28", "2026-02-20", None, "2026-03-31")
    move(world, deals["removed"], None)
    move(world, deals["other"], "2026-03-05")
    world.edit("deals", deals["won"], status="won")
    for goal in [*world.tables["goals"].rows][:-1]:
        del world.tables["goals"].rows[goal]
    office.load(*TABLES)
    return {key: name for name, key in deals.items()}


def rows_of(office, name):
    (found,) = derive(office.warehouse, [DERIVED_BY_NAME[name]])
    return [dict(zip(found.table.columns, row, strict=True)) for row in found.content]


def shown(rows, *columns):
    return [tuple(row[name] for name in columns) for row in rows]


def goal_of(world, **values):
    (key,) = world.tables["goals"].rows
    world.tables["goals"].rows[key].update(values)
    return key


@pytest.fixture
def office(make_office):
    office = make_office(deals=1)
    office.names = live(office)
    return office


def test_moves_of_close_dates_are_counted_and_amounts_stay_in_their_currency(office):
    slips = {office.names[row["deal_id"]]: row for row in rows_of(office, "close_date_slippage")}
    columns = (
        "original_close_date", "expected_close_date", "times_moved", "times_moved_later",
        "times_removed", "days_moved_later", "days_slipped", "is_in_history",
    )  # fmt: skip
    first, last = date(2026, 1, 31), date(2026, 3, 31)
    assert {
        "kept": (date(2026, 3, 20), date(2026, 3, 20), 0, 0, 0, 0, 0, True),
        "late": (first, last, 3, 2, 1, 28 + 39, 59, True),
        "removed": (date(2026, 2, 10), None, 0, 0, 1, 0, None, True),
        "won": (date(2026, 2, 10), date(2026, 2, 10), 0, 0, 0, 0, 0, True),
        "dollars": (date(2026, 3, 20), date(2026, 3, 20), 0, 0, 0, 0, 0, True),
        "other": (date(2026, 3, 5), date(2026, 3, 5), 0, 0, 0, 0, 0, True),
    } == {name: shown([row], *columns)[0] for name, row in slips.items()}
    assert 28 == slips["won"]["days_closed_late"]

    rows = [row for row in rows_of(office, "forecast") if row["owner_id"] == 9001]
    columns = (
        "month", "currency", "won_value", "open_deals", "open_value", "open_weighted_value",
        "slipped_in_value", "slipped_out_value",
    )  # fmt: skip
    assert {
        (date(2026, 1, 1), "EUR", 0, 0, 0, None, 0, 200),
        (date(2026, 2, 1), "EUR", 0, 0, 0, None, 0, 400 + 800),
        (MARCH, "EUR", 800, 2, 300, 50 + 20, 200, 0),
        (MARCH, "USD", 0, 1, 1600, 320, 0, 0),
        (None, "EUR", 0, 2, 400 + 6400, 1360, 0, 0),
    } == set(shown(rows, *columns))


def coverage_of(office, key):
    rows = [row for row in rows_of(office, "goal_coverage") if row["goal_id"] == key]
    columns = (
        "currency", "target", "progress", "won", "open_deals", "open_amount", "weighted_amount",
        "gap", "coverage",
    )  # fmt: skip
    return shown([row for row in rows if row["period_start"] == MARCH], *columns)


EURO = {"target": 1000, "tracking_metric": "sum", "currency_id": 1}
BY = {"type": "person", "id": 9001}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("assignee", "outcome", "expected"),
    [
        (BY, EURO, ("EUR", 1000, 800, 800, 2, 300, 70, 200, 0.87)),
        ({"type": "company", "id": 1}, EURO, ("EUR", 1000, 800, 800, 2, 300, 70, 200, 0.87)),
        (BY, EURO | {"currency_id": 2}, ("USD", 1000, 0, 0, 1, 1600, 320, 1000, 0.32)),
        (
            BY,
            {"target": 2, "tracking_metric": "quantity"},
            (None, 2, 1, 1, 3, 3, pytest.approx(0.8), 1, pytest.approx(0.9)),
        ),
        ({"type": "team", "id": 5}, EURO, ("EUR", 1000, 800, *[None] * 4, 200, None)),
    ],
)
def test_the_coverage_of_a_goal_has_its_own_deals_only(office, assignee, outcome, expected):
    key = goal_of(office.world, assignee=assignee, expected_outcome=outcome)
    office.load("goals", "goals_results")

    assert [expected] == coverage_of(office, key)


@pytest.mark.slow
def test_a_sum_without_a_currency_has_no_amounts(office):
    key = goal_of(office.world)
    office.load("goals", "goals_results")
    with office.warehouse.sql() as sql:
        sql.execute_sql(
            "UPDATE pipedrive_data.goals_results SET expected_outcome__currency_id = NULL"
        )

    (row,) = coverage_of(office, key)
    assert (None, 50_000, 800, None, None, None, None, 49_200, None) == row


@pytest.mark.slow
def test_what_pipedrive_counts_as_won_is_what_the_deals_say(make_office):
    office = make_office(deals=60)
    office.load(*TABLES)

    rows = rows_of(office, "goal_coverage")

    columns = ("title", "period_start", "currency", "progress", "won")
    assert [] == [r for r in shown(rows, *columns) if r[3] != pytest.approx(r[4])]
    assert 0 < sum(row["progress"] for row in rows)


@pytest.mark.slow
def test_a_date_that_the_history_does_not_have_is_marked(office):
    deal = next(key for key, name in office.names.items() if name == "late")
    with office.warehouse.sql() as sql:
        sql.execute_sql(
            "UPDATE pipedrive_data.deals SET expected_close_date = DATE '2026-05-01' "
            f"WHERE id = {deal}"
        )

    slips = {row["deal_id"]: row for row in rows_of(office, "close_date_slippage")}
    assert (False, date(2026, 5, 1), 90) == shown(
        [slips[deal]], "is_in_history", "expected_close_date", "days_slipped"
    )[0]


@pytest.mark.slow
def test_without_goals_there_is_no_coverage(make_office):
    office = make_office(deals=3)
    office.load("deals", "deals_flow")

    assert [] == rows_of(office, "goal_coverage")
