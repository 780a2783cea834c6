"""Seconds by phase."""

from pipedrive_assets.load.timer import COMMITTING, SHAPING, Stopwatch


def test_a_phase_within_another_takes_its_time_out_of_the_outer_one():
    clock = [0.0]
    watch = Stopwatch(lambda: clock[0])

    for _ in range(2):
        with watch.lap(COMMITTING):
            clock[0] += 1
            with watch.lap(SHAPING):
                clock[0] += 3
            clock[0] += 5

    assert {COMMITTING: 12.0, SHAPING: 6.0} == watch.seconds
