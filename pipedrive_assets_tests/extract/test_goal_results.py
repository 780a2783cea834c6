"""Which intervals of a goal are read, and what a refusal of one goal leaves."""

from datetime import date, datetime, timezone

import pytest

from pipedrive_assets.api import RequestStats
from pipedrive_assets.errors import BadRequest, DataError, Forbidden, TransientApiError
from pipedrive_assets.extract.goal_results import intervals_of, requested
from pipedrive_assets.extract.snapshot_scans import read_snapshot
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults

RESULTS = BY_NAME["goals_results"]
MONDAY = date(2026, 3, 9)


def goal(interval="monthly", start="2025-01-01", end=None):
    return {"id": "g", "interval": interval, "duration": {"start": start, "end": end}}


def shown(intervals):
    return [str(each) for each in intervals]


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("weekly", ["2026-03-09/2026-03-15", "2026-03-02/2026-03-08"]),
        ("monthly", ["2026-03-01/2026-03-31", "2026-02-01/2026-02-28"]),
        ("quarterly", ["2026-01-01/2026-03-31", "2025-10-01/2025-12-31"]),
        ("yearly", ["2026-01-01/2026-12-31", "2025-01-01/2025-12-31"]),
        (None, ["2026-01-01/2026-12-31", "2025-01-01/2025-12-31"]),
    ],
)
def test_a_load_reads_the_current_interval_and_the_one_before(interval, expected):
    assert expected == shown(requested(goal(interval), MONDAY, MONDAY))


def test_intervals_are_cut_at_the_first_and_the_last_day_of_the_goal():
    cut = goal(start="2026-01-20", end="2026-03-12")

    expected = ["2026-03-01/2026-03-12", "2026-02-01/2026-02-28", "2026-01-20/2026-01-31"]
    assert expected == shown(intervals_of(cut, MONDAY))


@pytest.mark.parametrize(
    ("start", "end"), [("2026-03-10", None), ("2025-01-01", "2024-12-31"), ("2027-01-01", None)]
)
def test_a_goal_that_has_not_begun_has_no_interval(start, end):
    assert [] == intervals_of(goal(start=start, end=end), MONDAY)


def test_intervals_that_ended_since_the_last_reading_are_read_too():
    known = requested(goal("weekly"), MONDAY, date(2026, 2, 10))

    assert ["2026-03-09", "2026-03-02", "2026-02-23", "2026-02-16", "2026-02-09"] == [
        str(each.start) for each in known
    ]


def test_a_first_load_reads_twelve_earlier_intervals():
    found = requested(goal("weekly"), MONDAY, None)

    assert 13 == len(found)
    assert date(2025, 12, 15) == found[-1].start


@pytest.mark.parametrize("duration", [None, [], {"start": None}, {"start": "soon", "end": "later"}])
def test_a_goal_without_a_readable_duration_is_read_without_limits(duration):
    found = requested(goal() | {"duration": duration}, MONDAY, MONDAY)

    assert ["2026-03-01/2026-03-31", "2026-02-01/2026-02-28"] == shown(found)


def chunk_of(office, known=None):
    (chunk,) = read_snapshot(office.connection.client, RESULTS, RequestStats(), known=known)
    return chunk


def path_of(office, place=0):
    return RESULTS.path.format(id=office.world.ids("goals")[place])


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refused_goal_keeps_its_rows_and_its_place(make_office, status):
    office = make_office(deals=3)
    path, other = path_of(office), path_of(office, 1)
    office.sandbox.inject(faults.refused(path, status).always())
    before = datetime(2026, 2, 1, tzinfo=timezone.utc)

    chunk = chunk_of(office, {path: before})

    assert [path] == list(chunk.refused)
    assert before == chunk.reached[path] < chunk.reached[other]
    refused = office.world.ids("goals")[0]
    assert refused not in {row["goal_id"] for _, row in chunk.rows}
    assert (refused, "2026-03-09/2026-03-15") in chunk.not_requested


def test_a_goal_refused_at_first_is_read_as_new_later(make_office):
    office = make_office(deals=3)
    path = path_of(office)
    office.sandbox.inject(faults.refused(path, 403).always())

    assert path not in chunk_of(office).reached


@pytest.mark.parametrize(("status", "error"), [(400, BadRequest), (403, Forbidden)])
def test_refusals_of_all_goals_are_the_error_of_the_table(make_office, status, error):
    office = make_office(deals=3)
    office.sandbox.inject(faults.refused("v1/goals/*/results", status).always())

    with pytest.raises(error):
        chunk_of(office)


def with_data(change):
    def edit(reply):
        body = reply.json()
        body["data"] = change(body["data"])
        return faults.json_reply(200, body)

    return edit


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda _: None, TransientApiError),
        (lambda _: [], TransientApiError),
        (lambda _: {}, DataError),
        (lambda data: data | {"progress": None}, DataError),
        (lambda data: data | {"progress": "much"}, DataError),
        (lambda data: data | {"goal": data["goal"] | {"id": "another"}}, DataError),
    ],
)
def test_a_reply_without_a_result_is_an_error(make_office, change, error):
    office = make_office(deals=3)
    office.sandbox.inject(faults.changed("v1/goals/*/results", with_data(change)).always())

    with pytest.raises(error):
        chunk_of(office)
