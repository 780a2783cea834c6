"""The burst limit is kept and used up, whoever else is on the account.

Threads are simulated: a sleep ends the attempt and comes back later, so that no time passes.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_assets.api.budget import (
    BURST_SECONDS,
    JITTER_SECONDS,
    UNKNOWN_BURST_LIMIT,
    Closing,
    RateLimiter,
    RequestStats,
)
from pipedrive_assets.api.verdict import ApiReply
from pipedrive_assets.sandbox.limits import Limits, Quota

ROUNDING = 1e-9


class Asleep(Exception):
    """A thread sleeps for so many seconds."""


class Simulation:
    """Threads that ask without end, an account that counts arrivals, and maybe another program."""

    def __init__(
        self,
        *,
        limit: int,
        latency: float = 0.0,
        threads: int = 40,
        jitter: Callable[[], float] = lambda: 0.0,
        others: float = 0.0,
    ) -> None:
        self.now = 0.0
        self.pace = RateLimiter(sleep=self._sleep, monotonic=lambda: self.now)
        self.allowance = Quota(Limits(burst=limit))
        self.latency, self.jitter = latency, jitter
        self.arrivals: list[float] = []
        self.refused: list[float] = []
        self._order = count()
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        for _ in range(threads):
            self._at(0.0, self._ask)
        if others:
            self._at(0.0, self._other, 1 / others)

    def run(self, seconds: float) -> "Simulation":
        while self._events and self._events[0][0] <= seconds:
            self.now, _, what, arguments = heappop(self._events)
            what(*arguments)
        return self

    def rate(self, since: float, until: float) -> float:
        """Accepted requests per second."""
        return sum(since <= moment < until for moment in self.arrivals) / (until - since)

    def _at(self, moment: float, what: Callable[..., None], *arguments: Any) -> None:
        heappush(self._events, (moment, next(self._order), what, arguments))

    @staticmethod
    def _sleep(seconds: float) -> None:
        raise Asleep(seconds)

    def _ask(self) -> None:
        try:
            started = self.pace.take()
        except Asleep as sleep:
            self._at(self.now + sleep.args[0], self._ask)
        else:
            self._at(self.now + self.latency / 2 + self.jitter(), self._arrive, started)

    def _arrive(self, started: float) -> None:
        admitted = self.allowance.admit(self.now + ROUNDING)
        (self.arrivals if admitted else self.refused).append(self.now)
        headers = self.allowance.headers(self.now)
        self._at(self.now + self.latency / 2, self._learn, started, admitted, headers)

    def _learn(self, started: float, admitted: bool, headers: dict[str, str]) -> None:
        self.pace.learn(
            ApiReply(status=200 if admitted else 429, headers=headers, content=b""), started
        )
        if not admitted:
            self.pace.close(2.0)
        self._at(self.now, self._ask)

    def _other(self, every: float) -> None:
        self.allowance.admit(self.now)
        self._at(self.now + every, self._other, every)


def most_in_a_window(arrivals: list[float]) -> int:
    """The most arrivals in any two seconds, a fresh arrival pushing out one of two seconds ago."""
    arrivals = sorted(arrivals)
    first, most = 0, 0
    for last, moment in enumerate(arrivals):
        while arrivals[first] <= moment - BURST_SECONDS + ROUNDING:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_there_is_room_until_the_window_is_full_and_when_it_has_passed() -> None:
    now = [100.0]
    pace = RateLimiter(sleep=pytest.fail, monotonic=lambda: now[0])
    for _ in range(UNKNOWN_BURST_LIMIT):
        assert pace.has_room()
        pace.take()
    assert not pace.has_room()
    now[0] += BURST_SECONDS + JITTER_SECONDS
    assert pace.has_room()


@pytest.mark.parametrize("latency", [0.0, 0.12, 0.4, 1.5])
@pytest.mark.parametrize("limit", [20, 80, 120])
def test_alone_the_limit_is_kept_and_used_up(limit: int, latency: float) -> None:
    random = Random(limit)
    simulation = Simulation(
        limit=limit,
        latency=latency,
        threads=int(limit * (latency + JITTER_SECONDS)) + 8,
        jitter=lambda: random.choice([0.0, JITTER_SECONDS, random.uniform(0, JITTER_SECONDS)]),
    ).run(22)
    assert [] == simulation.refused
    assert limit >= most_in_a_window(simulation.arrivals)
    assert 0.9 * limit / BURST_SECONDS <= simulation.rate(2, 22)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.floats(0, 2),
    st.integers(1, 40),
    # Exactly two seconds between two arrivals are refused or not, depending on rounding.
    st.lists(st.floats(0, JITTER_SECONDS - ROUNDING), min_size=1, max_size=20),
)
def test_alone_nobody_is_ever_refused(
    limit: int, latency: float, threads: int, delays: list[float]
) -> None:
    turn = count()
    simulation = Simulation(
        limit=limit,
        latency=latency,
        threads=threads,
        jitter=lambda: delays[next(turn) % len(delays)],
    )
    # The first window is the smallest plan's, whatever this plan's.
    simulation.pace.learn(reply(**{"x-ratelimit-limit": str(limit)}), 0.0)
    simulation.run(12)
    assert [] == simulation.refused
    assert [] != simulation.arrivals


@pytest.mark.parametrize("latency", [0.05, 0.12, 0.4])
@pytest.mark.parametrize("others", [3.0, 6.0, 9.0])
def test_other_programs_get_their_share(others: float, latency: float) -> None:
    random = Random(1)
    simulation = Simulation(
        limit=20,
        latency=latency,
        threads=8,
        others=others,
        jitter=lambda: random.uniform(0, 0.03),
    ).run(120)
    ours = simulation.rate(10, 120)
    assert 0.6 * (10 - others) <= ours <= 10 - others + 0.7
    assert len(simulation.refused) <= 30


def test_a_place_is_left_when_others_take_all() -> None:
    simulation = Simulation(limit=20, latency=0.1, threads=8)
    started = simulation.pace.take()
    simulation.pace.learn(
        reply(**{"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0"}), started
    )
    assert started == simulation.now
    simulation.now += BURST_SECONDS + JITTER_SECONDS
    assert simulation.now == simulation.pace.take()


def test_when_the_others_leave_all_places_are_used_again() -> None:
    simulation = Simulation(limit=20, latency=0.1, threads=8, others=8.0).run(30)
    simulation._events = [event for event in simulation._events if event[2] != simulation._other]
    simulation.run(62)
    assert 9.0 <= simulation.rate(35, 62)


@pytest.mark.parametrize(("told", "expected"), [("120", 120), ("40", 40), ("1", 1), ("20.0", 20)])
def test_the_limit_is_learned(told: str, expected: int) -> None:
    pace = Simulation(limit=20).pace
    pace.learn(reply(**{"x-ratelimit-limit": told}), 0.0)
    assert expected == pace.limit


@pytest.mark.parametrize("told", ["0", "-5", "0.5", "nan", "inf", "-inf", "", "many", "20, 20"])
def test_a_limit_that_cannot_be_one_is_not_learned(told: str) -> None:
    pace = Simulation(limit=20).pace
    pace.learn(reply(**{"x-ratelimit-limit": told}), 0.0)
    assert 20 == pace.limit


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            *[st.one_of(st.integers().map(str), st.floats().map(str), st.text())] * 2,
            st.sampled_from([200, 429]),
        ),
        max_size=8,
    )
)
def test_no_headers_stop_the_pace_or_overload_it(told: list[tuple[str, str, int]]) -> None:
    simulation = Simulation(limit=20, threads=0)
    for limit, left, status in told:
        simulation.pace.learn(
            ApiReply(
                status=status,
                headers={"x-ratelimit-limit": limit, "x-ratelimit-remaining": left},
                content=b"",
            ),
            simulation.now,
        )
        waited = 0.0
        while waited < 10:
            try:
                simulation.pace.take()
                break
            except Asleep as sleep:
                simulation.now += sleep.args[0]
                waited += sleep.args[0]
        assert waited <= BURST_SECONDS + JITTER_SECONDS + ROUNDING


def test_after_a_refusal_one_goes_ahead_and_the_others_follow_its_good_reply() -> None:
    simulation = Simulation(limit=20, threads=0)
    pace = simulation.pace
    assert 1 == pace.close(2.0).refusals
    with pytest.raises(Asleep, match=r"2\.0"):
        pace.take()
    simulation.now = 2.0
    started = pace.take()
    with pytest.raises(Asleep, match=r"2\.0"):
        pace.take()
    pace.learn(reply(**{"x-ratelimit-limit": "20", "x-ratelimit-remaining": "19"}), started)
    assert [2.0] * 19 == [pace.take() for _ in range(19)]


def test_refusals_are_counted_until_a_good_reply() -> None:
    simulation = Simulation(limit=20, threads=0)
    pace = simulation.pace
    assert [1, 1] == [pace.close(2.0).refusals, pace.close(2.0).refusals]
    simulation.now = 2.0
    assert 2 == pace.close(2.0).refusals
    pace.learn(reply(), 1.0)
    simulation.now = 4.0
    assert Closing(refusals=3, seconds=2.0, lasting=4.0) == pace.close(2.0)
    simulation.now = 6.0
    pace.learn(reply(), pace.take())
    assert Closing(refusals=1, seconds=2.0, lasting=0.0) == pace.close(2.0)


def test_pauses_grow_where_refusals_do_not_report_how_long_to_wait() -> None:
    simulation = Simulation(limit=20, threads=0)
    pauses = []
    for _ in range(9):
        closed = simulation.pace.close(2.0, is_full=False)
        pauses.append(closed.seconds)
        simulation.now += closed.seconds
    assert [2, 4, 8, 16, 32, 64, 120, 120, 120] == pauses
    assert 200.0 == simulation.pace.close(200.0, is_full=False).seconds


def test_after_a_long_pause_one_goes_ahead_for_as_long_until_a_reply_comes() -> None:
    """However slow the replies are, no crowd follows before one of them is good."""
    simulation = Simulation(limit=20, threads=0)
    pace = simulation.pace
    simulation.now += pace.close(60.0, is_full=False).seconds
    started = pace.take()
    simulation.now += 59.0
    with pytest.raises(Asleep, match=r"1\.0"):
        pace.take()
    pace.learn(reply(), started)
    assert [simulation.now] * 20 == [pace.take() for _ in range(20)]


def test_a_tally_counts_from_many_threads() -> None:
    stats = RequestStats()

    def work(_: int) -> None:
        for _ in range(100):
            stats.add(requests=1, tokens=10, burst_waits=2, retries=3)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert RequestStats(requests=800, tokens=8000, burst_waits=1600, retries=2400) == stats


def reply(**headers: str) -> ApiReply:
    return ApiReply(status=200, headers=headers, content=b"")
