"""What the last materialization of each table into this warehouse reported."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

import dagster as dg

from pipedrive_assets.load import TableReport
from pipedrive_assets.orchestration.automation.partitions import DAY
from pipedrive_assets.orchestration.automation.target import WAREHOUSE_TAG, Target
from pipedrive_assets.windows import Window

RUNS_SEARCHED = 200
"""How many runs are searched for a table whose last materialization went to another warehouse. The
daily run can be a day of hourly runs back."""


REPORTED = {"complete_until", "skipped", "resumes_at"}
"""Metadata keys; a materialization with one of them reports the state of its table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The state of a table as its last materialization reported it.

    Attributes:
        complete_until: The table holds every change up to this moment.
        closed_until: Every day up to this one was read after it had ended.
        skipped: Pipedrive refused the table.
        resumes_at: Rows wait for tokens until then.
    """

    complete_until: datetime | None
    closed_until: date | None = None
    skipped: bool = False
    resumes_at: datetime | None = None


def facts_of(instance: dg.DagsterInstance, target: Target) -> dict[str, Facts]:
    """Return the state of each table that was loaded into this warehouse, by name."""
    keys = [target.names.key(entity.name) for entity in target.entities]
    last = [record.asset_entry.last_materialization for record in instance.get_asset_records(keys)]
    events = [event.asset_materialization for event in last if event]
    found = _facts(events, target)
    elsewhere = {_name(event) for event in events if event} - set(found)
    return found | _searched(instance, elsewhere, target) if elsewhere else found


def _searched(instance: dg.DagsterInstance, wanted: set[str], target: Target) -> dict[str, Facts]:
    """Search this warehouse's runs for tables whose last materialization went elsewhere."""
    mine = dg.RunsFilter(tags={WAREHOUSE_TAG: target.tag})
    found: dict[str, Facts] = {}
    for run in instance.get_runs(mine, limit=RUNS_SEARCHED):
        missing = wanted - set(found)
        loads = target.names.tables(run.asset_selection) or missing
        if loads & missing:
            logs = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
            found_here = _facts([log.asset_materialization for log in logs], target)
            found |= {name: found_here[name] for name in missing & set(found_here)}
    return found


def _facts(events: Iterable[dg.AssetMaterialization | None], target: Target) -> dict[str, Facts]:
    """Return the state by table from the events about this warehouse; later events win."""
    found = {}
    for event in filter(None, events):
        said = {name: value.value for name, value in event.metadata.items()}
        if said.get("warehouse") == target.warehouse and REPORTED & set(said):
            found[_name(event)] = _parsed(said)
    return found


def _parsed(said: Mapping[str, Any]) -> Facts:
    closed = said.get("closed_until")
    return Facts(
        complete_until=_moment(said.get("complete_until")),
        closed_until=date.fromisoformat(str(closed)) if closed else None,
        skipped="skipped" in said,
        resumes_at=_moment(said.get("resumes_at")),
    )


def _name(event: dg.AssetMaterialization) -> str:
    return event.asset_key.path[-1]


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(float(seconds), timezone.utc) if seconds is not None else None


def closed_until(
    before: Facts | None, report: TableReport, window: Window, *, whole: bool
) -> date | None:
    """Return the last day that the daily schedule need not read again after a load.

    A first load closes all earlier days. A later load closes its days if they have ended and
    follow the closed days without a gap.

    Args:
        before: What the previous materialization reported.
        report: The load.
        window: The days of the load.
        whole: Whether the load also searched for undated rows; if not, it closes no day.
    """
    if report.first_load and report.initial_load_at:
        return report.initial_load_at.astimezone(timezone.utc).date() - DAY
    known = before.closed_until if before else None
    reached = report.complete_until
    if not whole or report.skipped or reached is None or not window.end or window.end > reached:
        return known
    first, last = window.start.date(), window.end.date() - DAY
    if known is None or first <= known + DAY:
        return max(last, known or last)
    return known
