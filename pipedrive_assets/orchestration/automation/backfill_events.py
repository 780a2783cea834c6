"""Record the days that a catch-up run covered as materialized, so that the partition bar has no
gap after an outage.
"""

from collections.abc import Sequence
from datetime import date, timezone

import dagster as dg

from pipedrive_assets.load import TableReport
from pipedrive_assets.orchestration.automation.last_materialization import Facts
from pipedrive_assets.orchestration.automation.partitions import DAY, days
from pipedrive_assets.windows import Window


def covered_days(before: Facts | None, report: TableReport, window: Window) -> list[date]:
    """Return the past days that a load covered besides those it was requested for.

    A first load covers every day, but returns none: an event takes Dagster's storage 10 to 25 ms,
    and a first load would cause thousands.

    Args:
        before: What the table's previous materialization reported; None: there was none.
        report: The load.
        window: The days that the run was requested for.
    """
    if report.error or report.skipped or report.first_load or report.complete_until is None:
        return []
    if before is None or before.complete_until is None:
        return []
    reached = report.complete_until.astimezone(timezone.utc).date() - DAY
    requested = set(days(window.start.date(), _last_day(window)))
    return [day for day in days(before.complete_until.date(), reached) if day not in requested]


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
    """Record days as materialized, except those that already are.

    Args:
        instance: The Dagster instance that keeps the events.
        report: The load that covered the days.
        covered: The days, UTC.
        key: The table's asset.
        run_id: The run of the load, shown as `covered_by` in the metadata.

    Returns:
        How many days were recorded.
    """
    known = instance.get_materialized_partitions(key) if covered else set()
    missing = [day.isoformat() for day in covered if day.isoformat() not in known]
    metadata = {"covered_by": f"run {run_id}", "read": report.what, "warehouse": report.warehouse}
    for day in missing:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                key,
                partition=day,
                metadata=metadata,
                description="Loaded by the run in covered_by.",
            )
        )
    return len(missing)
