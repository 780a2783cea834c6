"""Caps on tokens: taken from before a call is sent, new with each of the account's days."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from pipedrive_assets.api import Caps, QuotaWindow, TokenBudget
from pipedrive_assets.api.daily import DailyTokens, has_reset
from pipedrive_assets.api.verdict import ApiReply
from pipedrive_assets.errors import CapReached

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
MIDNIGHT = datetime(2026, 3, 11, tzinfo=timezone.utc)


class Clock:
    def __init__(self):
        self.now = NOON


@pytest.fixture
def clock():
    return Clock()


def told(limit=None, left=None, status=200):
    headers = {
        "x-daily-ratelimit-token-limit": limit,
        "x-daily-ratelimit-token-remaining": left,
    }
    kept = {name: str(value) for name, value in headers.items() if value is not None}
    return ApiReply(status=status, headers=kept, content=b"")


def learn(daily, reply, cost=0, now=NOON):
    daily.learn(reply, cost=cost, now=now)


def allowance(clock, daily=None, others=0, **caps):
    return TokenBudget(
        Caps(**caps),
        daily or DailyTokens(),
        day=QuotaWindow.utc(NOON),
        now=lambda: clock.now,
        others=others,
    )


def taken(some, tokens=40):
    """How many calls are allowed, and why no more."""
    for count in range(10_000):
        try:
            some.take(tokens)
        except CapReached as reached:
            return count, reached
    return None, None


def test_a_cap_is_met_exactly_by_calls_of_different_cost(clock):
    some = allowance(clock, per_day=100)

    assert 2 == taken(some, 40)[0]
    assert 2 == taken(some, 10)[0]
    assert 0 == taken(some, 1)[0]


def test_from_many_threads_no_more_is_taken_than_the_cap(clock):
    some = allowance(clock, per_day=4_000)

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: taken(some)[0], range(8)))

    assert 100 == sum(counts)


@pytest.mark.parametrize(
    ("caps", "limit", "expected"),
    [
        ({}, None, 375),
        ({}, 3_000, 37),
        ({"per_day": 0}, 3_000, None),
        ({"per_day": 0, "per_run": 0}, None, None),
        ({"per_day": 400}, None, 10),
        ({"per_run": 200}, None, 5),
        ({"per_day": 400, "per_run": 200}, None, 5),
        ({"per_day": 39}, None, 0),
    ],
)
def test_the_smaller_cap_counts_and_0_is_none(clock, caps, limit, expected):
    daily = DailyTokens()
    learn(daily, told(limit=limit))

    assert expected == taken(allowance(clock, daily, **caps))[0]


def test_a_day_begins_with_nothing_taken_and_a_run_goes_on(clock):
    some = allowance(clock, per_day=120, per_run=120, others=80)
    count, reached = taken(some)
    assert (1, MIDNIGHT) == (count, reached.resumes_at)

    clock.now = MIDNIGHT

    count, reached = taken(some)
    assert (2, MIDNIGHT + timedelta(hours=1)) == (count, reached.resumes_at)
    assert "PIPEDRIVE_TOKENS_PER_RUN" in str(reached)


def test_a_reset_that_is_observed_begins_a_day(clock):
    daily = DailyTokens()
    learn(daily, told(limit=30_000, left=12_000))
    some = allowance(clock, daily, per_day=80)
    assert 2 == taken(some)[0]

    learn(daily, told(limit=30_000, left=29_990))

    count, reached = taken(some)
    assert (2, NOON + timedelta(days=1)) == (count, reached.resumes_at)


@pytest.mark.parametrize(
    ("before", "now", "limit", "expected"),
    [
        (None, 30_000, 30_000, False),
        (12_000, None, 30_000, False),
        (12_000, 11_960, 30_000, False),
        (11_960, 12_000, 30_000, False),
        (12_000, 30_000, 30_000, True),
        (0, 3_000, 3_000, True),
        (1_000_000, 1_080_000, 1_800_000, False),
    ],
)
def test_replies_that_overtake_each_other_are_no_reset(before, now, limit, expected):
    assert expected == has_reset(before, now, limit)


def test_of_replies_that_overtook_each_other_the_lowest_counts():
    daily = DailyTokens()
    for left in (900, 820, 860):
        learn(daily, told(limit=1_000, left=left))
    learn(daily, told(left=0, status=429))

    assert (1_000, 820, 0) == (daily.limit, daily.left, daily.resets)


def test_what_is_left_is_what_the_reply_reports_less_the_cost_of_its_call():
    daily = DailyTokens()
    learn(daily, told(limit=1_000, left=100), cost=40)
    assert 60 == daily.left

    # The call that was charged later is answered earlier.
    learn(daily, told(limit=1_000, left=20), cost=10)
    learn(daily, told(limit=1_000, left=60), cost=40)
    assert 10 == daily.left


def test_a_day_is_spent_for_calls_that_cost_more_than_is_left_until_it_ends():
    daily = DailyTokens()
    assert not daily.is_spent(40, NOON)
    learn(daily, told(limit=1_000, left=70), cost=40)

    assert not daily.is_spent(30, NOON)
    assert daily.is_spent(31, NOON)
    assert not daily.is_spent(31, MIDNIGHT)


@pytest.mark.parametrize("left", ["-1", "nan", "inf", "1e300", "9999999999999999999", "", "many"])
def test_a_number_of_tokens_left_that_is_not_plausible_is_ignored_with_one_warning(left, caplog):
    daily = DailyTokens()
    for _ in range(3):
        learn(daily, told(limit=30_000, left=left), cost=10)

    assert (30_000, None) == (daily.limit, daily.left)
    assert not daily.is_spent(10**9, NOON)
    assert 1 == len(caplog.messages)
    assert "x-daily-ratelimit-token-remaining" in caplog.messages[0]


@pytest.mark.parametrize("limit", ["0", "-30000", "nan", "inf", "1e300", "0.5", "", "none"])
def test_beside_a_limit_that_is_not_plausible_nothing_is_learned(limit, caplog):
    daily = DailyTokens()
    for _ in range(3):
        learn(daily, told(limit=limit, left=0))

    assert (None, None) == (daily.limit, daily.left)
    assert 2 == len(caplog.messages)


def test_more_left_than_the_limit_is_not_plausible():
    daily = DailyTokens()
    learn(daily, told(limit=30_000, left=30_001))

    assert (30_000, None) == (daily.limit, daily.left)


def test_the_last_tenth_is_left_alone_unless_a_setting_caps(clock):
    daily = DailyTokens()
    learn(daily, told(limit=3_000, left=330))

    count, reached = taken(allowance(clock, daily), 40)
    assert (0, MIDNIGHT) == (count, reached.resumes_at)
    assert "300" in reached.reason
    assert 75 == taken(allowance(clock, daily, per_day=3_000), 40)[0]


@pytest.mark.parametrize(
    ("limit", "left", "wanted", "expected"),
    [
        (1_800_000, 1_799_000, 50_000, True),
        (30_000, 29_000, 100_000, False),
        (30_000, 29_000, 10_000, True),
        (None, None, 10, False),
        (30_000, None, 10, False),
        (1_000_000, 140_000, 60_000, False),
    ],
)
def test_plenty_is_what_leaves_enough_for_all_other_tables(clock, limit, left, wanted, expected):
    daily = DailyTokens()
    learn(daily, told(limit=limit, left=left))

    assert expected == allowance(clock, daily).has_headroom(wanted)


def test_days_are_counted_on_from_the_last_that_is_known():
    day = QuotaWindow(start=NOON)

    assert day == day.at(NOON + timedelta(hours=23))
    assert QuotaWindow(start=NOON + timedelta(days=3)) == day.at(NOON + timedelta(days=3, hours=1))
    assert day == day.at(NOON - timedelta(minutes=1))
