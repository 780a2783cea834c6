"""The job of all tables, and the daily schedule that reads ended days once more."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import dagster as dg

from pipedrive_assets.config import Settings
from pipedrive_assets.orchestration.automation import backoff, runs
from pipedrive_assets.orchestration.automation.first_load import (
    first_load_sentence,
    split_by_first_load,
)
from pipedrive_assets.orchestration.automation.last_materialization import Facts, facts_of
from pipedrive_assets.orchestration.automation.partitions import DAY, newest_ended_day
from pipedrive_assets.orchestration.automation.target import (
    DAILY,
    REQUESTED_BY_TAG,
    WAREHOUSE_TAG,
    Target,
)
from pipedrive_assets.orchestration.derived import READS, with_derived
from pipedrive_assets.orchestration.failures import raise_tick_errors
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.registry import Entity
from pipedrive_assets.windows import utc_now

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""Dagster's own tags for one run over a range of partitions."""


def build_job(
    entities: Iterable[Entity],
    names: Names = OWN_NAMES,
    executor: dg.ExecutorDefinition | None = None,
) -> Any:
    """Return the job of all tables and derived tables.

    Args:
        entities: The tables.
        names: The names of the job and the assets.
        executor: The executor; None: the deployment's.
    """
    tables = [*(entity.name for entity in entities), *READS]
    return dg.define_asset_job(
        names.job,
        selection=dg.AssetSelection.assets(*map(names.key, tables)),
        executor_def=executor,
        description="Loads all tables, up to now or for the requested partitions.",
    )


def build_schedule(settings: Settings, job: Any, names: Names = OWN_NAMES) -> dg.ScheduleDefinition:
    """Return the daily schedule, which closes the last ended UTC day and all missed days before it.

    Args:
        settings: When the schedule runs, and whether it is on from the start.
        job: The job of all tables.
        names: The name of the schedule.
    """
    hour, minute = settings.daily_at.split(":")
    target = Target.of(settings, names=names)
    on = settings.schedule

    @dg.schedule(
        name=f"{names.prefix}_daily_schedule",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED,
        description="Loads the UTC days that have ended, for all tables.",
    )
    def pipedrive_daily_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        newest = newest_ended_day(context.scheduled_execution_time)
        with raise_tick_errors("the daily schedule"):
            tick = daily_tick(context.instance, target, newest, utc_now())
        return (
            tick
            if isinstance(tick, dg.SkipReason)
            else [with_derived(each, names) for each in tick]
        )

    return pipedrive_daily_schedule


def daily_tick(
    instance: dg.DagsterInstance, target: Target, newest: date, now: datetime
) -> list[dg.RunRequest] | dg.SkipReason:
    """Evaluate the schedule once.

    Tables that miss the same days share a run. After an outage there is one run, and a table that
    keeps failing does not make other tables read its days again.

    Args:
        instance: The Dagster instance.
        target: The account.
        newest: The last UTC day that has ended.
        now: The current time, aware.

    Returns:
        The requests, or the reason for skipping.
    """
    if newest < target.first_partition:
        return dg.SkipReason(f"{newest} is before the first partition, {target.first_partition}.")
    if run := _closing(instance, target, now):
        return dg.SkipReason(f"Run {run.id[:8]} is loading days. The next tick loads the others.")
    if reset := backoff.budget_reset(runs.ended(instance, target), now):
        return dg.SkipReason(f"{backoff.spent_sentence(reset)} The next tick loads the days.")
    facts = facts_of(instance, target)
    ready, waiting = split_by_first_load(target.entities, facts, target)
    groups: dict[date, list[Entity]] = defaultdict(list)
    for entity in ready:
        first = first_missed(facts.get(entity.name), target, newest)
        if first <= newest:
            groups[first].append(entity)
    if groups:
        return [request(first, newest, groups[first], target) for first in sorted(groups)]
    if ready:
        return dg.SkipReason(f"All tables are complete up to {newest}.")
    return dg.SkipReason(first_load_sentence(waiting, target.names))


def _closing(instance: dg.DagsterInstance, target: Target, now: datetime) -> runs.RunFacts | None:
    """Return the run of an earlier tick; after an outage several ticks follow each other."""
    tags = {REQUESTED_BY_TAG: DAILY, WAREHOUSE_TAG: target.tag}
    running = runs.under_way(instance, target, now, tags)
    return next(iter(running), None)


def first_missed(facts: Facts | None, target: Target, newest: date) -> date:
    """Return the first day to close for a table.

    In a new Dagster instance, which does not know the closed days, this is the newest day.

    Args:
        facts: What the last materialization reported.
        target: It has the first partition.
        newest: The last UTC day that has ended.
    """
    closed = facts.closed_until if facts else None
    return max(closed + DAY if closed else newest, target.first_partition)


def request(first: date, last: date, entities: Iterable[Entity], target: Target) -> dg.RunRequest:
    """Return a request for one run that closes the days from `first` to `last`.

    Args:
        first: The first day, UTC.
        last: The last day, UTC.
        entities: The tables.
        target: The account.
    """
    tags = {REQUESTED_BY_TAG: DAILY, WAREHOUSE_TAG: target.tag}
    if first < last:
        tags |= {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}
    return dg.RunRequest(
        run_key=f"{first}...{last}",
        partition_key=last.isoformat() if first == last else None,
        asset_selection=[target.names.key(entity.name) for entity in entities],
        tags=tags,
    )
