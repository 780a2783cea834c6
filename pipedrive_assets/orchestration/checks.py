"""Asset checks, derived from the registry. They run with each load and never block anything."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import dagster as dg

from pipedrive_assets.config.freshness import DAILY_TOLERANCE
from pipedrive_assets.extract.unexpected import foreseen
from pipedrive_assets.load import TableReport
from pipedrive_assets.orchestration.automation.target import Target
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.registry import Entity
from pipedrive_assets.warehouse import CheckResult, Warehouse, references, run_checks

READABLE, KEYS, REFERENCES = "readable", "keys", "references"
INITIAL_LOAD, FRESH, WAITING = "initial_load", "fresh", "waiting"
ALL_PARENTS_READ = "all_parents_read"

MEANING = {
    READABLE: "Pipedrive refused neither the table nor a part of it.",
    KEYS: "Each row has a unique key.",
    REFERENCES: "At least 90 % of the ids in each referring column have a row in the other table.",
    INITIAL_LOAD: "The first load has finished: the table has the complete history.",
    FRESH: "The data is no older than twice the freshness tolerance (PIPEDRIVE_FRESHNESS_…).",
    WAITING: "No rows are queued behind the token cap.",
    ALL_PARENTS_READ: "The rows of every parent were read; none failed or was refused.",
}


def check_names(entity: Entity) -> list[str]:
    """Return the names of the checks that apply to a table."""
    names = [KEYS, INITIAL_LOAD, FRESH]
    names += [REFERENCES] if references(entity) else []
    names += [WAITING] if entity.capped else []
    names += [ALL_PARENTS_READ] if entity.parent else []
    return names + ([READABLE] if entity.is_refusable else [])


def check_specs(entities: Iterable[Entity], names: Names = OWN_NAMES) -> list[dg.AssetCheckSpec]:
    """Return the specs of all checks; none blocks downstream assets."""
    return [
        dg.AssetCheckSpec(name=name, asset=names.key(entity.name), description=MEANING[name])
        for entity in entities
        for name in check_names(entity)
    ]


def check_results(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    report: TableReport,
    target: Target,
    now: datetime,
) -> list[dg.AssetCheckResult]:
    """Return the results of the selected checks of a table that was just loaded.

    Args:
        context: The step; it has the selection.
        warehouse: The warehouse to query.
        report: The load of the table.
        target: The account and its tolerances.
        now: The current time, aware.
    """
    key = target.names.key(report.entity.name)
    asked = {check.name for check in context.selected_asset_check_keys if check.asset_key == key}
    return [
        dg.AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=finding.sound,
            severity=dg.AssetCheckSeverity.ERROR if name == KEYS else dg.AssetCheckSeverity.WARN,
            description=finding.sentence or None,
            metadata=dict(finding.facts),
        )
        for name, finding in _findings(warehouse, report, target, now)
        if name in asked
    ]


def _findings(
    warehouse: Warehouse, report: TableReport, target: Target, now: datetime
) -> Iterator[tuple[str, CheckResult]]:
    try:
        keys, pointing = run_checks(warehouse, report.entity)
    except Exception as error:  # noqa: BLE001 - a check that fails must not end the load
        foreseen(error, f"checking {report.entity.name}")
        keys = pointing = CheckResult(
            sound=False,
            sentence=(
                f"This check failed to run ({type(error).__name__}). The rows are loaded. The next "
                "load runs the check again."
            ),
        )
    yield KEYS, keys
    yield REFERENCES, pointing
    yield INITIAL_LOAD, _initial_load(report, target)
    yield FRESH, _freshness(report, target, now)
    yield WAITING, _waiting(report)
    yield ALL_PARENTS_READ, _unread(report)
    yield READABLE, _readable(report)


def _readable(report: TableReport) -> CheckResult:
    if report.skipped:
        refused = f"Pipedrive refuses this table: {report.skipped}. Each daily run tries again."
        return CheckResult(sound=False, sentence=refused)
    return CheckResult(sound=not report.warnings, sentence=" ".join(report.warnings))


def _initial_load(report: TableReport, target: Target) -> CheckResult:
    if report.initial_load_at or report.skipped or report.waiting:
        return CheckResult(sound=True)
    asset = target.names.selection([report.entity.name])
    command = f"dagster asset materialize --select {asset}"
    return CheckResult(sound=False, sentence=f"The first load is not finished. Run: {command}")


def _freshness(report: TableReport, target: Target, now: datetime) -> CheckResult:
    tolerance = target.tolerance(report.entity) or DAILY_TOLERANCE
    reached = report.complete_until
    if reached is None or report.waiting or now - reached <= 2 * tolerance:
        return CheckResult(sound=True)
    if report.account.is_sandbox:
        return CheckResult(sound=True)  # the sandbox can be loaded as of any moment
    parent = report.entity.parent
    tables = [parent, report.entity.name] if parent else [report.entity.name]
    return CheckResult(
        sound=False,
        sentence=(
            f"The table is complete only until {reached:%Y-%m-%d %H:%M} UTC: "
            f"{_why_behind(report)}. Turn the sensor on, or run: "
            f"dagster asset materialize --select {target.names.selection(tables)}"
        ),
    )


def _why_behind(report: TableReport) -> str:
    parent = report.entity.parent
    if report.unread:
        return f"the rows of some {parent} could not be read"
    earlier = "this run loaded an earlier day"
    return f"{earlier}, or {parent} is complete only until then" if parent else earlier


def _waiting(report: TableReport) -> CheckResult:
    waiting = report.waiting
    if waiting is None:
        return CheckResult(sound=True)
    of_run = "PIPEDRIVE_TOKENS_PER_RUN"
    setting = of_run if of_run in waiting.reason else "PIPEDRIVE_TOKENS_PER_DAY"
    return CheckResult(
        sound=False,
        sentence=f"{waiting} Raise {setting} to load them sooner.",
        facts={"waiting": waiting.count},
    )


def _unread(report: TableReport) -> CheckResult:
    if not report.unread:
        return CheckResult(sound=True, facts={"unread": 0})
    return CheckResult(
        sound=False,
        sentence=(
            f"{report.unread_sentence} Rows loaded earlier are kept, and complete_until did not "
            "advance."
        ),
        facts={"unread": report.unread},
    )
