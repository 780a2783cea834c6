"""The freshness sensor, and the freshness policies that the UI shows.

The sensor reads the Dagster instance only. It does not open the warehouse or call Pipedrive.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from pipedrive_assets.config import Settings
from pipedrive_assets.config.freshness import DAILY_TOLERANCE
from pipedrive_assets.orchestration.automation import backoff, runs
from pipedrive_assets.orchestration.automation.first_load import (
    first_load_sentence,
    split_by_first_load,
)
from pipedrive_assets.orchestration.automation.last_materialization import Facts, facts_of
from pipedrive_assets.orchestration.automation.partitions import open_day
from pipedrive_assets.orchestration.automation.target import (
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
    """Return the assets with policies that warn at 2 and fail at 3 times their tolerance."""
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
    """Return the sensor that requests today's partition of stale tables.

    Args:
        settings: The tolerances, and whether the sensor is on from the start.
        job: The job of all tables.
        names: The names of the sensor and the assets.
    """
    target = Target.of(settings, names=names)
    status = dg.DefaultSensorStatus.RUNNING if settings.sensor else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=f"{names.prefix}_freshness_sensor",
        job=job,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=status,
        description="Loads tables older than their freshness tolerance. Checking costs no tokens.",
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
    """Evaluate the sensor once.

    Args:
        instance: The Dagster instance.
        target: The account and its tolerances.
        now: The current time, aware.

    Returns:
        A request for the stale tables, or the reason for skipping.
    """
    running = runs.under_way(instance, target, now)
    if run := runs.blocking(running, target.names):
        return dg.SkipReason(f"Run {run.id[:8]} is queued or in progress.")
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
    reasons += _capped_sentences(ready, facts, now)
    if waiting:
        reasons.append(first_load_sentence(waiting, target.names))
    return dg.SkipReason(" ".join(reasons) or "All tables are within their freshness tolerance.")


def _capped_sentences(
    entities: Iterable[Entity], facts: Mapping[str, Facts], now: datetime
) -> list[str]:
    """Return a sentence for each table that a token cap has stopped for now."""
    stopped = {
        entity.name: facts[entity.name].resumes_at for entity in entities if entity.name in facts
    }
    return [
        f"{table} is not complete: a token cap stopped it. It continues after "
        f"{until:%Y-%m-%d %H:%M} UTC."
        for table, until in stopped.items()
        if until and now < until
    ]


def is_stale(entity: Entity, facts: Facts | None, target: Target, now: datetime) -> bool:
    """Return whether a table is older than its tolerance; a table never loaded is stale.

    The daily run loads tables that Pipedrive refused. Tables whose rows wait for tokens become
    stale when tokens are available again.

    Args:
        entity: The table.
        facts: What its last materialization reported; None: it was never loaded.
        target: The tolerances.
        now: The current time, aware.
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
    """Return why a stale table is not requested; None: it can be.

    Args:
        entity: The table.
        running: Runs in progress.
        past: Ended runs, newest first.
        target: The tolerances.
        now: The current time, aware.
    """
    table = entity.name
    if table in runs.busy_tables(running):
        return f"A run in progress is loading {table}."
    paused = backoff.paused_until(past, table)
    if paused and now < paused[0]:
        return _pause_sentence(table, *paused)
    if backoff.requested_recently(past, table, now - (target.tolerance(entity) or DAILY_TOLERANCE)):
        return (
            f"{table} was just loaded and is still stale. It is not loaded again before its "
            "tolerance has passed."
        )
    return None


def _pause_sentence(table: str, until: datetime, failures: int) -> str:
    times = "once" if failures == 1 else f"{failures} times in a row"
    return f"{table} failed {times}. Next try at {until:%Y-%m-%d %H:%M} UTC. See the failed run."


def request(entities: Iterable[Entity], day: str, target: Target) -> dg.RunRequest:
    """Return a request for one run of these tables for a day, without a search for undated rows.

    Args:
        entities: The tables.
        day: The partition.
        target: The account.
    """
    return dg.RunRequest(
        partition_key=day,
        asset_selection=[target.names.key(entity.name) for entity in entities],
        run_config={"ops": {target.names.load_step: {"config": {"newest": False}}}},
        tags={REQUESTED_BY_TAG: FRESHNESS, WAREHOUSE_TAG: target.tag},
    )
