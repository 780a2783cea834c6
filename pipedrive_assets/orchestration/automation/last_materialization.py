"""What the Dagster instance knows of each table: what its last materialization into this warehouse
said of itself.
"""

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
"""Runs into this warehouse among which a table's last one is looked for, where another warehouse's
came later: the daily run lies a day of hourly runs back."""


TOLD = {"complete_until", "skipped", "resumes_at"}
"""A materialization tells of watermark if it has one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A table's watermark.

    `closed_until`: up to that day, every day since the initial load was read when it was over.
    `skipped`: Pipedrive refused the table. `resumes_at`: rows wait for tokens until then.
    """

    complete_until: datetime | None
    closed_until: date | None = None
    skipped: bool = False
    resumes_at: datetime | None = None


def facts_of(instance: dg.DagsterInstance, target: Target) -> dict[str, Facts]:
    """By table; one that was never loaded into this warehouse is absent."""
    keys = [target.names.key(entity.name) for entity in target.entities]
    last = [record.asset_entry.last_materialization for record in instance.get_asset_records(keys)]
    events = [event.asset_materialization for event in last if event]
    found = _facts(events, target)
    elsewhere = {_name(event) for event in events if event} - set(found)
    return found | _searched(instance, elsewhere, target) if elsewhere else found


def _searched(instance: dg.DagsterInstance, wanted: set[str], target: Target) -> dict[str, Facts]:
    """The same for tables whose last materialization went elsewhere, from this warehouse's runs."""
    mine = dg.RunsFilter(tags={WAREHOUSE_TAG: target.tag})
    found: dict[str, Facts] = {}
    for run in instance.get_runs(mine, limit=RUNS_SEARCHED):
        missing = wanted - set(found)
        loads = target.names.tables(run.asset_selection) or missing
        if loads & missing:
            logs = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
            told = _facts([log.asset_materialization for log in logs], target)
            found |= {name: told[name] for name in missing & set(told)}
    return found


def _facts(events: Iterable[dg.AssetMaterialization | None], target: Target) -> dict[str, Facts]:
    """What those of the events say that tell of this warehouse's watermark; later ones win."""
    found = {}
    for event in filter(None, events):
        said = {name: value.value for name, value in event.metadata.items()}
        if said.get("warehouse") == target.warehouse and TOLD & set(said):
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
    """Up to which day a table needs no closing any more, after a load of `window`.

    A first load covers the days before its own. A later one closes its days if they are over and
    no day is left out between; one that leaves undated rows out (`whole` false) closes none.
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
