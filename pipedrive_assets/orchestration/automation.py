"""Automation: the job of all tables, the daily schedule, the freshness sensor.

Both read only the Dagster instance: what each asset's last materialization into this warehouse
said of itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from math import ceil
from typing import Any

import dagster as dg

from pipedrive_assets.entities import BULK_PARENTS, DEFAULT_ENTITIES, Entity, Kind
from pipedrive_assets.orchestration.assets import BUDGET_RESET_TAG
from pipedrive_assets.orchestration.partitions import newest_ended_day, open_day
from pipedrive_assets.settings import Settings

JOB = "pipedrive_daily"
TOLERANCE = timedelta(hours=1)
"""How old a windowed table or its children may be before the sensor asks for them."""

TICK_SECONDS = 60
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=6)
EVENTS_LOOKED_AT = 20
"""Materializations searched for one into this warehouse; those of another account may lie in
front."""

UNDER_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which account's materializations count, and whether a first load may start by itself."""

    warehouse: str
    sandbox: bool
    entities: tuple[Entity, ...] = DEFAULT_ENTITIES

    @classmethod
    def of(cls, settings: Settings) -> "Target":
        """From the settings; a token that is missing is the run's to complain about."""
        sandbox = not settings.api_token and not settings.points_to_account
        return cls(
            warehouse=f"{settings.warehouse}:{settings.dataset}",
            sandbox=sandbox,
            entities=settings.entities,
        )


def build_job(entities: Iterable[Entity]) -> Any:
    """The job of all tables."""
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(*[entity.name for entity in entities]),
        description="Every table, up to now or for the partitions asked for.",
    )


def build_schedule(settings: Settings, job: Any) -> dg.ScheduleDefinition:
    """Daily: closes the newest UTC day that has ended at tick time."""
    hour, minute = settings.daily_at.split(":")
    target = Target.of(settings)

    @dg.schedule(
        name="pipedrive_daily_schedule",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Closes the newest UTC day that has ended, reference tables included.",
    )
    def pipedrive_daily_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        day = newest_ended_day(context.scheduled_execution_time)
        if day < settings.first_partition.isoformat():
            return dg.SkipReason(
                f"{day} lies before the first partition, {settings.first_partition}."
            )
        ready, waiting = split_by_first_load(context.instance, target.entities, target)
        if not ready:
            return dg.SkipReason(first_load_sentence(waiting))
        return dg.RunRequest(
            run_key=day,
            partition_key=day,
            asset_selection=[dg.AssetKey(entity.name) for entity in ready],
        )

    return pipedrive_daily_schedule


def build_sensor(settings: Settings, job: Any) -> dg.SensorDefinition:
    """Freshness: asks for today's partition of the tables that have grown stale."""
    target = Target.of(settings)

    @dg.sensor(
        name="pipedrive_freshness_sensor",
        job=job,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Loads tables that are over {TOLERANCE} behind; reads this instance only.",
    )
    def pipedrive_freshness_sensor(
        context: dg.SensorEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        return freshness_tick(context.instance, target, datetime.now(timezone.utc))

    return pipedrive_freshness_sensor


def freshness_tick(
    instance: dg.DagsterInstance, target: Target, now: datetime
) -> dg.RunRequest | dg.SkipReason:
    """One evaluation of the sensor at `now` (aware)."""
    if run := next(
        iter(instance.get_runs(dg.RunsFilter(job_name=JOB, statuses=list(UNDER_WAY)), limit=1)),
        None,
    ):
        return dg.SkipReason(f"Run {run.run_id[:8]} is under way.")
    if pause := pause_after_failures(instance, now):
        return dg.SkipReason(pause)
    watched = [entity for entity in target.entities if is_watched(entity) or target.sandbox]
    ready, waiting = split_by_first_load(instance, watched, target)
    stale = [entity for entity in ready if is_stale(instance, entity, target, now)]
    if stale:
        return request(stale, open_day(now))
    if waiting:
        return dg.SkipReason(first_load_sentence(waiting))
    return dg.SkipReason(f"Every table is less than {TOLERANCE} behind.")


def is_watched(entity: Entity) -> bool:
    """Whether the sensor asks for it; the others are the daily run's: small lists that are read
    whole, and lists that cannot be asked for what is new.
    """
    return entity.kind is not Kind.SNAPSHOT and entity.since


def request(entities: Iterable[Entity], day: str) -> dg.RunRequest:
    """One run for the open day, of exactly these tables, without the daily run's look for undated
    rows.
    """
    return dg.RunRequest(
        partition_key=day,
        asset_selection=[dg.AssetKey(entity.name) for entity in entities],
        run_config={"ops": {"pipedrive": {"config": {"newest": False}}}},
        tags={"pipedrive/requested_by": "freshness"},
    )


def is_stale(instance: dg.DagsterInstance, entity: Entity, target: Target, now: datetime) -> bool:
    """Whether what this warehouse holds of a table is older than the tolerance; never loaded
    counts as stale. A table that Pipedrive refused is left to the daily run.
    """
    facts = last_facts(instance, entity, target)
    if "skipped" in facts:
        return False
    if resumes_at := _value(facts, "resumes_at"):
        # What waits for a cap is served until the cap allows more.
        return now >= datetime.fromtimestamp(float(resumes_at), timezone.utc)
    reached = _moment(facts)
    if reached is None:
        return True
    return is_watched(entity) and now - reached > TOLERANCE


def last_facts(instance: dg.DagsterInstance, entity: Entity, target: Target) -> Mapping[str, Any]:
    """What a table's last materialization into this warehouse said of itself; empty: none did."""
    found = instance.fetch_materializations(dg.AssetKey(entity.name), limit=EVENTS_LOOKED_AT)
    for record in found.records:
        materialization = record.asset_materialization
        facts = materialization.metadata if materialization else {}
        told = {"complete_until", "skipped", "resumes_at"} & set(facts)
        if told and _value(facts, "warehouse") == target.warehouse:
            return facts
    return {}


def _moment(facts: Mapping[str, Any]) -> datetime | None:
    """Up to when the table is complete."""
    reached = _value(facts, "complete_until")
    return datetime.fromtimestamp(float(reached), timezone.utc) if reached is not None else None


def _value(facts: Any, name: str) -> Any:
    return facts[name].value if name in facts else None


def split_by_first_load(
    instance: dg.DagsterInstance, entities: Sequence[Entity], target: Target
) -> tuple[list[Entity], list[Entity]]:
    """Tables that automation may load, and those whose first load a person has to start.

    On the sandbox every table may be loaded: its tokens cost nothing.
    """
    if target.sandbox:
        return list(entities), []
    ready: list[Entity] = []
    waiting: list[Entity] = []
    for entity in entities:
        (ready if last_facts(instance, entity, target) else waiting).append(entity)
    return ready, waiting


def first_load_sentence(waiting: Sequence[Entity]) -> str:
    """What a first load would cost, and the command that starts it."""
    pages = sum(
        listing.cost for entity in waiting if not entity.parent for listing in entity.listings
    )
    per_deal = ceil(
        sum(
            entity.cost / (BULK_PARENTS if entity.bulk else 1)
            for entity in waiting
            if entity.parent
        )
    )
    more = f", and up to {per_deal} per deal" if per_deal else ""
    names = ",".join(entity.name for entity in waiting)
    return (
        f"Never loaded: {names}. A first load takes at least {pages} API tokens (one page of up to "
        f"500 rows per list; each further page costs the same){more}. "
        f"Start it with: dagster asset materialize --select {names}"
    )


def pause_after_failures(instance: dg.DagsterInstance, now: datetime) -> str | None:
    """Why to wait after failed runs: 5 minutes after the first, doubling up to 6 hours; None: go
    ahead.
    """
    records = instance.get_run_records(dg.RunsFilter(job_name=JOB), limit=10)
    failed = []
    for record in records:
        if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            break
        failed.append(record)
    if not failed or failed[0].end_time is None:
        return None
    pause = min(FIRST_PAUSE * 2 ** (len(failed) - 1), LONGEST_PAUSE)
    until = datetime.fromtimestamp(failed[0].end_time, timezone.utc) + pause
    if reset_at := failed[0].dagster_run.tags.get(BUDGET_RESET_TAG):
        until = max(until, datetime.fromisoformat(reset_at))
    if now >= until:
        return None
    return (
        f"The last {len(failed)} run(s) failed; trying again at {until:%Y-%m-%d %H:%M} UTC. "
        "The run says why."
    )
