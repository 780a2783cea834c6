"""Memory that was freed is returned to the operating system, but not all the time."""

import sys

import pytest

from pipedrive_assets.load.freed_memory import SECONDS, FreedMemory


def test_memory_is_returned_at_intervals():
    moments, returned = iter([0, SECONDS / 2, SECONDS, SECONDS, SECONDS * 1.5, SECONDS * 2, 9]), []
    memory = FreedMemory(returned.append, lambda: next(moments))

    counts = []
    for _ in range(4):
        memory.give_back()
        counts.append(len(returned))

    assert [0, 1, 1, 2] == counts
    assert {0} == set(returned)


@pytest.mark.skipif(sys.platform != "linux", reason="GNU C library")
def test_the_function_of_the_c_library_is_found():
    moments = iter([0, SECONDS, SECONDS])
    FreedMemory(monotonic=lambda: next(moments)).give_back()

    assert next(moments, None) is None
