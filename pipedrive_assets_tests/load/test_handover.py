"""Chunks reach the writer in order, those first that others wait for, and never too many."""

from concurrent.futures import ThreadPoolExecutor

from pipedrive_assets.load.chunk_queue import CHUNKS_AHEAD, ChunkQueue, Event


def test_chunks_that_others_wait_for_are_taken_first():
    line = ChunkQueue[str]()
    line.put(Event("a"), priority=False)
    line.put(Event("b"), priority=True)

    assert ["b", "a"] == [line.take().table for _ in range(2)]
    assert line.take(0) is None


def test_a_full_line_makes_its_own_readers_wait_and_nobody_else():
    line = ChunkQueue[int]()
    for number in range(CHUNKS_AHEAD):
        line.put(Event(number), priority=False)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(line.put, Event(99), priority=False)
        assert line.put(Event(100), priority=True)
        assert not waiting.done()
        assert [100, 0] == [line.take().table for _ in range(2)]
        assert waiting.result(timeout=5)


def test_who_waits_for_room_is_sent_home_when_it_stops():
    line = ChunkQueue[int]()
    for number in range(CHUNKS_AHEAD):
        line.put(Event(number), priority=False)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(line.put, Event(99), priority=False)
        line.stop()
        assert waiting.result(timeout=5) is False
    assert line.put(Event(100), priority=True) is False
