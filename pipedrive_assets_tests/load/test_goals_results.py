"""Results of goals in the warehouse: what is read, what is kept, what is gone."""

import pytest

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults

RESULTS = BY_NAME["goals_results"]


def periods(office, goal):
    return office.query(
        "SELECT period, progress FROM goals_results "
        f"WHERE goal_id = '{goal}' AND _deleted_at IS NULL ORDER BY period_start DESC"
    )


def test_earlier_intervals_are_read_once_and_kept(make_office):
    office = make_office(deals=3)
    first, *others = office.world.ids("goals")
    for other in others[1:]:
        del office.world.tables["goals"].rows[other]
    office.load("goals_results")
    held = periods(office, first)
    lines = len(office.sandbox.calls("/results"))

    office.advance(days=7)
    office.load("goals_results")

    assert [] == office.differences("goals_results")
    assert 13 == len(held)
    assert held[2:] == periods(office, first)[3:]
    assert 13 * 2 == lines
    assert 2 * 2 == len(office.sandbox.calls("/results")) - lines


@pytest.mark.slow
def test_a_full_load_reads_earlier_intervals_again(make_office):
    office = make_office(deals=3)
    office.load("goals_results")
    lines = len(office.sandbox.calls("/results"))

    office.load("goals_results", full=True)

    assert 2 * lines == len(office.sandbox.calls("/results"))


@pytest.mark.slow
def test_results_of_a_deleted_goal_are_deleted_although_another_is_refused(make_office):
    office = make_office(deals=3)
    first, second, *_ = office.world.ids("goals")
    office.load("goals_results")
    held = periods(office, second)
    del office.world.tables["goals"].rows[first]
    office.sandbox.inject(faults.refused(RESULTS.path.format(id=second), 403).always())

    report = office.load("goals_results")["goals_results"]

    assert [] == periods(office, first)
    assert held == periods(office, second)
    assert any(second in warning for warning in report.warnings)


@pytest.mark.slow
def test_a_goal_that_was_refused_for_weeks_lacks_no_interval_afterwards(make_office):
    office = make_office(deals=3)
    first = office.world.ids("goals")[0]
    office.load("goals_results")
    fault = faults.refused(RESULTS.path.format(id=first), 403).always()
    office.sandbox.inject(fault)
    office.advance(days=28)
    office.load("goals_results")
    office.sandbox.clear_faults()

    office.load("goals_results")

    assert 13 + 4 == len(periods(office, first))
    assert [] == office.differences("goals_results")


@pytest.mark.slow
def test_a_goal_that_is_created_later_is_read_from_earlier_intervals_on(make_office):
    office = make_office(deals=3)
    first = office.world.ids("goals")[0]
    rows = office.world.tables["goals"].rows
    kept = rows.pop(first)
    office.load("goals_results")
    rows[first] = kept

    office.load("goals_results")

    assert 13 == len(periods(office, first))


@pytest.mark.slow
def test_rows_of_intervals_that_a_goal_no_longer_has_are_deleted(make_office):
    office = make_office(deals=3)
    first = office.world.ids("goals")[0]
    office.load("goals_results")
    office.world.tables["goals"].rows[first]["interval"] = "monthly"

    office.load("goals_results")

    assert all(period.endswith(("31", "30", "28")) for period, _ in periods(office, first))
    assert [] == office.differences("goals_results")
