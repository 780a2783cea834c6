"""Rebuilds a warehouse from a raw zone: repeats the steps of all runs, and erasures, in order."""

import contextlib
import heapq
from collections.abc import Generator, Iterator, Sequence
from datetime import datetime

from pipedrive_assets.errors import ConfigurationError, RebuildError
from pipedrive_assets.load.erase.purge_person import forgive_person, purge_person
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.load.recording.recorded import Erasure, RecordedRun, recorded_runs
from pipedrive_assets.load.recording.repeated_step import killed_at
from pipedrive_assets.load.recording.replay import replay
from pipedrive_assets.warehouse.warehouse import Warehouse


def rebuild(zone: RawZone, warehouse: Warehouse) -> Iterator[RecordedRun | Erasure]:
    """Rebuild a warehouse from the runs of a raw zone, without a request.

    Args:
        zone: The raw zone.
        warehouse: Where to write; it must not exist.

    Yields:
        Each run and erasure, after it was repeated.

    Raises:
        ConfigurationError: The warehouse exists. Nothing was written.
        RebuildError: The recording is not complete, or this version does not lead to its result.
        WarehouseError: The warehouse or the raw zone cannot be used.
    """
    runs = recorded_runs(zone)
    if warehouse.exists():
        raise ConfigurationError(
            f"{warehouse.backend} exists already. A rebuild writes a new warehouse only. Nothing "
            "was written. Choose another file."
        )
    timelines = [_timeline(warehouse, runs, run) for run in runs]
    due = [(next(timeline), number) for number, timeline in enumerate(timelines)]
    try:
        while due:
            _, number = heapq.heappop(due)
            try:
                heapq.heappush(due, (next(timelines[number]), number))
            except StopIteration:
                yield runs[number]
            except RebuildError as error:
                if not warehouse.exists():
                    raise
                left = "The new warehouse is not complete: delete it."
                raise RebuildError(f"{error} {left}") from None
    finally:
        for timeline in timelines:
            timeline.close()
    warehouse.renew_copy()


Event = RecordedRun | Erasure


def _timeline(
    warehouse: Warehouse, events: Sequence[Event], event: Event
) -> Generator[datetime, None, None]:
    """Repeat a run or an erasure; yield the time of each step (UTC) before it is repeated."""
    if isinstance(event, Erasure):
        yield event.recorded_at
        if _was_carried_out(event, events):
            _erase(warehouse, event)
        return
    later = [
        each
        for each in events
        if isinstance(each, RecordedRun) and each.recorded_at > event.recorded_at
    ]
    yield from replay(event, warehouse, None if event.is_complete else killed_at(event, later))


def _was_carried_out(erasure: Erasure, events: Sequence[Event]) -> bool:
    """Return False if the erasure was killed before it did anything: it is recorded before that."""
    for each in (each for each in events if each.recorded_at > erasure.recorded_at):
        if isinstance(each, RecordedRun):
            erased_at = each.facts["erased"].get(str(erasure.person), "")
            is_new = erased_at and datetime.fromisoformat(erased_at) >= erasure.recorded_at
            return not erased_at if erasure.undo else bool(is_new)
        if each.person == erasure.person:
            return True  # The next erasure of the person decides.
    return True


def _erase(warehouse: Warehouse, erasure: Erasure) -> None:
    warehouse.release()
    if erasure.undo:
        forgive_person(warehouse, erasure.person)
    else:
        # An erasure is recorded before it is tried: the warehouse may not have had the person.
        with contextlib.suppress(ConfigurationError):
            purge_person(warehouse, erasure.person, erasure.recorded_at)
