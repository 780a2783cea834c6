"""The freshness sensor, and the policies that show in the UI what has grown too old.

The sensor reads only the Dagster instance: never the warehouse, never Pipedrive.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from pipedrive_assets.config import Settings
from pipedrive_assets.orchestration.automation import backoff, runs
from pipedrive_assets.orchestration.automation.first_load import (
    first_load_sentence,
    split_by_first_load,
)
from pipedrive_assets.orchestration.automation.last_materialization import Facts, facts_of
from pipedrive_assets.orchestration.automation.partitions import open_day
from pipedrive_assets.orchestration.automation.target import (
    DAILY_TOLERANCE,
    FRESHNESS,
    REQUESTED_BY_TAG,
    WAREHOUSE_TAG,
    Target,
)
from pipedrive_assets.orchestration.derived import with_derived
from pipedrive_assets.orchestration.failures import raise_tick_errors
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.registry import Entity
from pipedrive_assets.windows import utc_now

TICK_SECONDS = 30


def with_freshness_policies(assets: dg.AssetsDefinition, target: Target) -> dg.AssetsDefinition:
    """The assets, each with a policy that warns at twice its tolerance and fails at thrice."""
    tolerances = {
        entity.name: target.tolerance(entity) or DAILY_TOLERANCE for entity in target.entities
    }

    def policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        tolerance = tolerances[spec.key.path[-1]]
        window = dg.FreshnessPolicy.time_window(
            warn_window=2 * tolerance, fail_window=3 * tolerance
        )
        return spec.replace_attributes(freshness_policy=window)

    return assets.map_asset_specs(policy)


def build_sensor(settings: Settings, job: Any, names: Names = OWN_NAMES) -> dg.SensorDefinition:
    """Freshness: asks for today's partition of the tables that have grown stale."""
    target = Target.of(settings, names=names)
    status = dg.DefaultSensorStatus.RUNNING if settings.sensor else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=f"{names.prefix}_freshness_sensor",
        job=job,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=status,
        description="Loads tables that have grown older than they may; reads this instance only.",
    )
    def pipedrive_freshness_sensor(
        context: dg.SensorEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        with raise_tick_errors("the freshness sensor"):
            runs.fail_orphaned(context.instance, target)
            tick = freshness_tick(context.instance, target, utc_now())
        return tick if isinstance(tick, dg.SkipReason) else with_derived(tick, names)

    return pipedrive_freshness_sensor


def freshness_tick(
    instance: dg.DagsterInstance, target: Target, now: datetime
) -> dg.RunRequest | dg.SkipReason:
    """One evaluation of the sensor at `now` (aware)."""
    running = runs.under_way(instance, target, now)
    if run := runs.blocking(running, target.names):
        return dg.SkipReason(f"Run {run.id[:8]} is queued or under way.")
    past = runs.ended(instance, target)
    if reset := backoff.budget_reset(past, now):
        return dg.SkipReason(backoff.spent_sentence(reset))
    facts = facts_of(instance, target)
    unloaded = {
        entity.name for entity in target.entities if was_left(entity, facts.get(entity.name), past)
    }
    watched = [
        entity
        for entity in target.entities
        if target.tolerance(entity) or target.sandbox or entity.name in unloaded
    ]
    ready, waiting = split_by_first_load(watched, facts, target)
    due, reasons = [], []
    for entity in ready:
        stale = is_stale(entity, facts.get(entity.name), target, now)
        if stale or entity.name in unloaded:
            reason = blocking_reason(entity, running, past, target=target, now=now)
            if reason:
                reasons.append(reason)
            else:
                due.append(entity)
    if due:
        return request(due, open_day(now), target)
    if waiting:
        reasons.append(first_load_sentence(waiting, target.names))
    return dg.SkipReason(" ".join(reasons) or "Every table is as fresh as it has to be.")


def is_stale(entity: Entity, facts: Facts | None, target: Target, now: datetime) -> bool:
    """Whether what this warehouse holds of a table is older than its tolerance; never loaded
    counts as stale.

    A table that Pipedrive refused is left to the daily run, one whose rows wait for tokens until
    there are some.
    """
    if facts is None:
        return True
    if facts.skipped:
        return False
    if facts.resumes_at:
        return now >= facts.resumes_at
    if facts.complete_until is None:
        return True
    tolerance = target.tolerance(entity)
    return tolerance is not None and now - facts.complete_until > tolerance


def was_left(entity: Entity, facts: Facts | None, past: Sequence[runs.RunFacts]) -> bool:
    """Return whether the last run that was to load a table ended without having loaded it.

    Tables of the daily run are loaded again then: their checks would stay red until the next day.

    Args:
        entity: The table.
        facts: What its last materialization reported; None: it was never loaded.
        past: The runs that are over, newest first.
    """
    last = next((run for run in past if run.tables is None or entity.name in run.tables), None)
    if last is None or facts is None or facts.skipped or not last.failed_for(entity.name):
        return False
    return facts.complete_until is None or facts.complete_until < last.began


def blocking_reason(
    entity: Entity,
    running: Sequence[runs.RunFacts],
    past: Sequence[runs.RunFacts],
    *,
    target: Target,
    now: datetime,
) -> str | None:
    """Why a stale table is not asked for; None: nothing is in the way."""
    table = entity.name
    if table in runs.busy_tables(running):
        return f"{table} is being loaded by a run under way."
    paused = backoff.paused_until(past, table)
    if paused and now < paused[0]:
        return _pause_sentence(table, *paused)
    if backoff.requested_recently(past, table, now - (target.tolerance(entity) or DAILY_TOLERANCE)):
        return f"{table} was loaded a moment ago, and is no younger for it."
    return None


def _pause_sentence(table: str, until: datetime, failures: int) -> str:
    times = "once" if failures == 1 else f"{failures} times in a row"
    return f"{table} failed {times}; trying again at {until:%Y-%m-%d %H:%M} UTC. The run says why."


def request(entities: Iterable[Entity], day: str, target: Target) -> dg.RunRequest:
    """One run for the open day, of exactly these tables, without the daily run's look for undated
    rows.
    """
    return dg.RunRequest(
        partition_key=day,
        asset_selection=[target.names.key(entity.name) for entity in entities],
        run_config={"ops": {target.names.load_step: {"config": {"newest": False}}}},
        tags={REQUESTED_BY_TAG: FRESHNESS, WAREHOUSE_TAG: target.tag},
    )
