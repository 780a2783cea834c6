"""Days that a first load or a catch-up covered are recorded as materialized, so that the partition
bars tell what the warehouse holds.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import date, timezone
from typing import Any

import dagster as dg
from dagster._core.events import StepMaterializationData
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from pipedrive_assets.load import TableReport
from pipedrive_assets.orchestration.automation.last_materialization import Facts
from pipedrive_assets.orchestration.automation.partitions import DAY, days
from pipedrive_assets.windows import Window

ROWS_PER_STATEMENT = 1000
"""Seven values a row: below what SQLite takes in a statement."""

RUNLESS = ""
"""The run of events that belong to none: thousands of them would bury the run's own log."""


def covered_days(
    before: Facts | None, report: TableReport, window: Window, first: date
) -> list[date]:
    """The days that are over and held since this load, other than those it was asked for.

    Everything up to `complete_until` is held; what was held before needs no second record.
    """
    if report.error or report.skipped or report.complete_until is None:
        return []
    known = before.complete_until.date() if before and before.complete_until else first
    reached = report.complete_until.astimezone(timezone.utc).date() - DAY
    asked = set(days(window.start.date(), _last_day(window)))
    return [day for day in days(max(known, first), reached) if day not in asked]


def _last_day(window: Window) -> date:
    return window.end.date() - DAY if window.end else window.start.date()


def record_covered(
    instance: dg.DagsterInstance,
    report: TableReport,
    covered: Sequence[date],
    *,
    key: dg.AssetKey,
    run_id: str,
) -> int:
    """Record days as materialized that are not yet, and tell how many.

    After a first load all are: what the instance shows may be another warehouse's. The storage
    takes a thousand in one statement; one by one each would take 15 ms.
    """
    shown = set() if report.first_load or not covered else instance.get_materialized_partitions(key)
    missing = [day.isoformat() for day in covered if day.isoformat() not in shown]
    said = {"covered_by": f"run {run_id}", "read": report.what, "warehouse": report.warehouse}
    made = [
        dg.AssetMaterialization(key, partition=day, metadata=said, description="Covered.")
        for day in missing
    ]
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        for batch in _batches(made):
            with storage.index_connection() as connection:
                connection.execute(storage.prepare_insert_event_batch(batch))
    else:
        for one in made:
            instance.report_runless_asset_event(one)
    return len(made)


def _batches(made: Sequence[dg.AssetMaterialization]) -> Iterator[list[Any]]:
    now = time.time()
    for start in range(0, len(made), ROWS_PER_STATEMENT):
        yield [_entry(one, now) for one in made[start : start + ROWS_PER_STATEMENT]]


def _entry(made: dg.AssetMaterialization, now: float) -> dg.EventLogEntry:
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name=RUNLESS,
        event_specific_data=StepMaterializationData(made),
    )
    return dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level="debug",
        user_message="",
        run_id=RUNLESS,
        timestamp=now,
        step_key=None,
        job_name=RUNLESS,
        dagster_event=event,
    )
