"""What to read next, from what is held: a table."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies

from pipedrive_assets.extract.plan import Coverage, Held, Walk, plan
from pipedrive_assets.windows import Window

OVERLAP = timedelta(minutes=5)


def at(day, hour=0, minute=0):
    return datetime(2026, 3, day, hour, minute, tzinfo=timezone.utc)


KNOWN = Coverage(baseline_at=at(1), complete_until=at(8, 10), ids_until=100)
HELD = Held(newest=at(8, 9, 59), highest_id=100)
BASELINE = Walk(baseline=True, moves=True)


@pytest.mark.parametrize(
    ("case", "coverage", "window", "held", "expected"),
    [
        ("nothing held yet", Coverage(), Window(start=at(10)), Held(), BASELINE),
        ("a past day comes first", Coverage(), Window(start=at(2), end=at(3)), Held(), BASELINE),
        ("a table without any change", KNOWN, Window(start=at(10)), Held(), BASELINE),
        (
            "the open day starts where coverage ends, and looks at the ids above",
            KNOWN,
            Window(start=at(8)),
            HELD,
            Walk(baseline=False, moves=True, since=at(8, 9, 54), above_id=100),
        ),
        (
            "after a week of sleep nothing is left out",
            KNOWN,
            Window(start=at(15)),
            HELD,
            Walk(baseline=False, moves=True, since=at(8, 9, 54), above_id=100),
        ),
        (
            "a closed day beyond coverage closes the gap before it",
            KNOWN,
            Window(start=at(9), end=at(10)),
            HELD,
            Walk(baseline=False, moves=True, since=at(8, 9, 54), until=at(10), above_id=100),
        ),
        (
            "a closed day in which a load ended is read as a whole",
            KNOWN,
            Window(start=at(8), end=at(9)),
            HELD,
            Walk(baseline=False, moves=True, since=at(8), until=at(9), above_id=100),
        ),
        (
            "so is a range of days",
            KNOWN,
            Window(start=at(5), end=at(9)),
            HELD,
            Walk(baseline=False, moves=True, since=at(5), until=at(9), above_id=100),
        ),
        (
            "a past day reads itself alone",
            KNOWN,
            Window(start=at(2), end=at(3)),
            HELD,
            Walk(baseline=False, moves=False, since=at(2), until=at(3)),
        ),
        (
            "a clock ahead of the newest change loses nothing",
            KNOWN,
            Window(start=at(10)),
            replace(HELD, newest=at(4)),
            Walk(baseline=False, moves=True, since=at(4) - OVERLAP, above_id=100),
        ),
        (
            "ids that are no numbers tell nothing of newer ones",
            replace(KNOWN, ids_until=None),
            Window(start=at(8)),
            HELD,
            Walk(baseline=False, moves=True, since=at(8, 9, 54)),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_plan(case, coverage, window, held, expected):
    assert expected == plan(coverage, window, held=held, overlap=OVERLAP)


def test_an_unfinished_first_load_goes_on_where_it_stood():
    begun = replace(BASELINE, started_at=at(2), listing=1, marker="abc", pages=20)

    assert begun == plan(Coverage(walk=begun), Window(start=at(3)), held=Held(), overlap=OVERLAP)


def test_an_unfinished_window_that_began_earlier_is_finished_first():
    begun = Walk(baseline=False, moves=True, since=at(7), started_at=at(8), marker="abc")

    assert begun == plan(
        replace(KNOWN, walk=begun), Window(start=at(9)), held=HELD, overlap=OVERLAP
    )


def test_an_unfinished_walk_of_other_bounds_is_dropped():
    begun = Walk(
        baseline=False, moves=False, since=at(2), until=at(3), started_at=at(8), marker="abc"
    )

    planned = plan(replace(KNOWN, walk=begun), Window(start=at(9)), held=HELD, overlap=OVERLAP)

    assert planned.marker is None


def test_full_reads_everything_again_whatever_is_held():
    assert BASELINE == plan(KNOWN, Window(start=at(9)), held=HELD, overlap=OVERLAP, full=True)


@pytest.mark.parametrize(
    ("walk", "expected"),
    [
        (replace(BASELINE, started_at=at(8)), at(8)),
        (Walk(baseline=False, moves=True, since=at(2), until=at(5), started_at=at(8)), at(5)),
        (Walk(baseline=False, moves=True, since=at(2), until=at(9), started_at=at(8)), at(8)),
        (Walk(baseline=False, moves=False, since=at(2), until=at(5), started_at=at(8)), None),
    ],
)
def test_what_a_finished_walk_makes_complete(walk, expected):
    assert expected == walk.complete_until()


def test_a_walk_survives_the_ledger():
    walk = Walk(
        baseline=False,
        moves=True,
        since=at(2),
        until=at(5),
        started_at=at(8),
        listing=1,
        marker="m",
    )

    assert walk == Walk.from_json(walk.to_json())


MOMENTS = strategies.integers(0, 20_000).map(lambda minutes: at(1) + timedelta(minutes=minutes))


@given(
    known=MOMENTS,
    newest=MOMENTS,
    archive=strategies.none() | MOMENTS,
    first=MOMENTS,
    days=strategies.integers(1, 5),
)
def test_a_window_with_an_end_is_read_as_a_whole(known, newest, archive, first, days):
    """However far the loads before it have come, and whatever each list has returned so far."""
    coverage = replace(KNOWN, complete_until=known, lists={"deals": newest, "archived": archive})
    window = Window(start=first, end=first + timedelta(days=days))

    walk = plan(coverage, window, held=replace(HELD, newest=newest), overlap=OVERLAP)

    for path in ("deals", "archived"):
        start = walk.start_of(path)
        assert start is None or start <= window.start
        assert walk.moves is False or start is None or start <= known - OVERLAP
    assert walk.until == window.end
    resumed = replace(walk, started_at=at(28), marker="abc")
    again = plan(replace(coverage, walk=resumed), window, held=HELD, overlap=OVERLAP)
    assert again.start_of("deals") <= window.start
