"""Rebuilds a warehouse from a raw zone: repeats every run and erasure in order."""

import contextlib
from collections.abc import Iterator

from pipedrive_assets.errors import ConfigurationError, RebuildError
from pipedrive_assets.load.erase.purge_person import forgive_person, purge_person
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.load.recording.recorded import Erasure, RecordedRun, recorded_runs
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
    for number, run in enumerate(runs):
        if isinstance(run, Erasure):
            _erase(warehouse, run)
        else:
            later = (each for each in runs[number + 1 :] if isinstance(each, RecordedRun))
            following = next(later, None)
            try:
                replay(run, warehouse, following.facts["states"] if following else None)
            except RebuildError as error:
                raise RebuildError(
                    f"{error} The new warehouse is not complete: delete it."
                ) from None
        yield run
    warehouse.renew_copy()


def _erase(warehouse: Warehouse, erasure: Erasure) -> None:
    if erasure.undo:
        forgive_person(warehouse, erasure.person)
    else:
        # An erasure is recorded before it is tried: the warehouse may not have had the person.
        with contextlib.suppress(ConfigurationError):
            purge_person(warehouse, erasure.person, erasure.recorded_at)
