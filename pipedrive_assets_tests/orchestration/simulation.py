"""Dagster without processes: ticks at given moments, and runs that do as they are told."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

import dagster as dg
from dagster._core.events import StepMaterializationData

from pipedrive_assets.api import RequestStats
from pipedrive_assets.connect import Account
from pipedrive_assets.load import TableReport
from pipedrive_assets.load.merge import Written
from pipedrive_assets.orchestration.automation.freshness import freshness_tick
from pipedrive_assets.orchestration.automation.last_materialization import closed_until, facts_of
from pipedrive_assets.orchestration.automation.partitions import DAY
from pipedrive_assets.orchestration.automation.runs import FAILED_TAG, RESET_TAG
from pipedrive_assets.orchestration.automation.schedule import RANGE_END, RANGE_START, daily_tick
from pipedrive_assets.orchestration.automation.target import (
    DAILY,
    JOB,
    REQUESTED_BY_TAG,
    WAREHOUSE_TAG,
)
from pipedrive_assets.orchestration.metadata import metadata
from pipedrive_assets.registry import BY_NAME, Kind
from pipedrive_assets.windows import Window

ACCOUNT = Account(company_id=1, company_name="Acme", is_sandbox=False)
STARTED, SUCCESS, FAILURE = "PIPELINE_START", "PIPELINE_SUCCESS", "PIPELINE_FAILURE"


@dataclass
class Request:
    """A run that a tick asked for, and how it ended."""

    moment: datetime
    by: str
    tables: frozenset
    first: date
    last: date
    run: dg.DagsterRun
    loaded: frozenset = frozenset()
    """The tables it had loaded when it was over."""


@dataclass
class Plant:
    """A Dagster instance, an account behind it, and a clock."""

    target: object
    now: datetime
    instance: object = field(default_factory=dg.DagsterInstance.ephemeral)
    duration: timedelta = timedelta(minutes=1)
    failing: frozenset = frozenset()
    """Tables that fail; {"*"}: the account as a whole."""

    reset_at: datetime | None = None
    held: dict = field(default_factory=dict)
    """By table: up to when the warehouse holds it."""

    requests: list = field(default_factory=list)
    skips: Counter = field(default_factory=Counter)
    running: list = field(default_factory=list)

    def until(self, end, step=timedelta(minutes=5), *, on=True, daily_at=2):
        """Let time pass; `on`: with the daemon running, so that sensor and schedule tick."""
        while self.now < end:
            before, self.now = self.now, self.now + step
            self._finish_what_is_over()
            ticked = (before - timedelta(hours=daily_at)).date() < (
                self.now - timedelta(hours=daily_at)
            ).date()
            if on and ticked:
                self.schedule_tick()
            if on:
                self.sensor_tick()

    def schedule_tick(self):
        newest = self.now.date() - DAY
        tick = daily_tick(self.instance, self.target, newest, self.now)
        for request in [] if isinstance(tick, dg.SkipReason) else tick:
            self.launch(request)

    def sensor_tick(self):
        tick = freshness_tick(self.instance, self.target, self.now)
        if isinstance(tick, dg.RunRequest):
            self.launch(tick)
        else:
            self.skips[tick.skip_message] += 1
        return tick

    def launch(self, request, job=JOB):
        """Start what was requested; it is over after `duration`."""
        tags = dict(request.tags)
        day = request.partition_key
        first, last = tags.get(RANGE_START, day), tags.get(RANGE_END, day)
        run = self.instance.add_run(
            dg.DagsterRun(
                job_name=job,
                status=dg.DagsterRunStatus.NOT_STARTED,
                tags=tags,
                asset_selection=frozenset(request.asset_selection),
            )
        )
        self._event(run, STARTED)
        made = Request(
            moment=self.now,
            by=tags.get(REQUESTED_BY_TAG, "a person"),
            tables=frozenset(key.to_user_string() for key in request.asset_selection),
            first=date.fromisoformat(first),
            last=date.fromisoformat(last),
            run=run,
        )
        self.requests.append(made)
        self.running.append(made)
        return made

    def by_hand(self, *names, day=None):
        """A person's run over these tables, from the UI."""
        key = (day or self.now.date()).isoformat()
        keys = [dg.AssetKey(name) for name in names]
        tags = {WAREHOUSE_TAG: self.target.tag}
        return self.launch(
            dg.RunRequest(partition_key=key, asset_selection=keys, tags=tags), job="__ASSET_JOB"
        )

    def _finish_what_is_over(self):
        for request in [one for one in self.running if one.moment + self.duration <= self.now]:
            self.running.remove(request)
            self.finish(request)

    def settle(self):
        """Let what runs come to its end."""
        for request in self.running:
            self.finish(request)
        self.running.clear()

    def finish(self, request):
        account_fails = "*" in self.failing
        failed = request.tables if account_fails else request.tables & self.failing
        for name in request.tables - failed:
            self._load(name, request)
        request.loaded = request.tables - failed
        tags = {} if account_fails else {FAILED_TAG: ",".join(failed)}
        if self.reset_at:
            tags[RESET_TAG] = self.reset_at.isoformat()
        if failed:
            self.instance.add_run_tags(request.run.run_id, tags)
        self._event(request.run, FAILURE if failed else SUCCESS)

    def _load(self, name, request):
        """What the source does: a first load brings everything, an open window what is new."""
        began = request.moment
        end = datetime.combine(request.last, datetime.min.time(), timezone.utc) + DAY
        first_load = name not in self.held
        held = self.held.get(name)
        if first_load or end > began or BY_NAME[name].kind is Kind.SNAPSHOT:
            self.held[name] = began
        elif end > held:
            self.held[name] = end
        report = TableReport(
            entity=BY_NAME[name],
            account=ACCOUNT,
            warehouse=self.target.warehouse,
            what="",
            written=Written(),
            rows_total=0,
            stats=RequestStats(),
            seconds=0,
            complete_until=self.held[name],
            initial_load_at=began,
            first_load=first_load,
        )
        window = Window(
            start=datetime.combine(request.first, datetime.min.time(), timezone.utc), end=end
        )
        closed = closed_until(
            facts_of(self.instance, self.target).get(name),
            report,
            window,
            whole=request.by in {DAILY, "a person"},
        )
        said = metadata(report, closed_until=closed)
        made = dg.AssetMaterialization(name, metadata=said, partition=request.last.isoformat())
        event = dg.DagsterEvent(
            event_type_value="ASSET_MATERIALIZATION",
            job_name=JOB,
            step_key="pipedrive",
            event_specific_data=StepMaterializationData(made),
        )
        self.instance.report_dagster_event(event, run_id=request.run.run_id)

    def _event(self, run, kind):
        event = dg.DagsterEvent(event_type_value=kind, job_name=JOB)
        self.instance.run_storage.handle_run_event(run.run_id, event, self.now)

    def asked_by(self, who):
        return [request for request in self.requests if request.by == who]
