"""The assets: every entity of the registry, in one step, so that their walks run side by side.

A step per entity would read one list after the other; in one step the account's burst limit is
used in full, the reference tables are read once however many days a run covers, and what one
table learns (limits, refusals, an exhausted budget) holds for all. Each entity is still an
asset of its own: selected, materialized and reported singly.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from pipedrive_assets.api import Caps
from pipedrive_assets.entities import DEFAULT_ENTITIES, ENTITIES, Entity
from pipedrive_assets.errors import BudgetExhausted, LoadFailed, PipedriveError
from pipedrive_assets.orchestration.partitions import beta_accepted, window_of
from pipedrive_assets.orchestration.resources import PipedriveResource, WarehouseResource
from pipedrive_assets.orchestration.translator import specs
from pipedrive_assets.source import LoadRequest, TableReport, Waiting, load_tables, raise_failures
from pipedrive_assets.windows import utc_now


class LoadConfig(dg.Config):
    """Run config of the step, as in the Launchpad."""

    full: bool = False
    """Walk everything again; the rows held stay readable meanwhile."""

    newest: bool = True
    """Also look for what no window shows: new rows without a change date (one more call per table
    that has such), and children that changed without their deal (a share of the deals a day)."""


BUDGET_RESET_TAG = "pipedrive/budget_reset_at"
"""On a run that the account's spent tokens ended: when they come back (ISO, UTC)."""

GUESS_HELD = timedelta(hours=6)
"""How long a reset time is relied on that Pipedrive did not tell."""

READABLE = "readable"
"""The check of every table that an account may lack."""


def build_assets(
    partitions: dg.PartitionsDefinition, entities: Sequence[Entity] = DEFAULT_ENTITIES
) -> dg.AssetsDefinition:
    """One multi-asset with an asset per entity."""
    with beta_accepted():
        return dg.multi_asset(
            name="pipedrive",
            specs=specs(entities),
            check_specs=[_readable(entity) for entity in entities if entity.gated],
            can_subset=True,
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )(_materialize)


def _readable(entity: Entity) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=READABLE,
        asset=entity.name,
        description="Warns while Pipedrive refuses the table, as it does without the feature.",
    )


def _materialize(
    context: dg.AssetExecutionContext,
    config: LoadConfig,
    pipedrive: PipedriveResource,
    duckdb: WarehouseResource,
) -> Iterator[dg.MaterializeResult[Any]]:
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    settings = _or_failure(pipedrive.settings)
    request = LoadRequest(
        entities=tuple(entity for entity in ENTITIES if entity.name in selected),
        window=window_of(context.partition_time_window),
        overlap=settings.overlap,
        since=settings.since,
        full=config.full,
        newest=config.newest,
        recheck_days=settings.recheck_days if config.newest else None,
        caps=Caps(per_run=settings.tokens_per_run, per_day=settings.tokens_per_day),
        run_id=context.run_id,
    )
    warehouse = duckdb.warehouse()
    reports: list[TableReport] = []
    try:
        for report in load_tables(_or_failure(pipedrive.connect), warehouse, request):
            reports.append(report)
            context.log.info(sentence(report))
            if not report.error:
                yield dg.MaterializeResult(
                    asset_key=report.entity.name,
                    metadata={**pipedrive.dlt_metadata(context, report), **metadata(report)},
                    check_results=_check_results(context, report),
                )
        raise_failures(reports)
    except PipedriveError as error:
        if asks_again_at := budget_back_at(error, utc_now()):
            tags = {BUDGET_RESET_TAG: asks_again_at.isoformat()}
            context.instance.add_run_tags(context.run_id, tags)
        raise failure(error) from None
    finally:
        warehouse.close()


def _check_results(
    context: dg.AssetExecutionContext, report: TableReport
) -> list[dg.AssetCheckResult]:
    key = dg.AssetCheckKey(asset_key=dg.AssetKey(report.entity.name), name=READABLE)
    if key not in context.selected_asset_check_keys:
        return []
    return [
        dg.AssetCheckResult(
            asset_key=report.entity.name,
            check_name=READABLE,
            passed=report.skipped is None,
            severity=dg.AssetCheckSeverity.WARN,
            description=report.skipped,
        )
    ]


def _or_failure(act: Any) -> Any:
    try:
        return act()
    except PipedriveError as error:
        raise failure(error) from None


def budget_back_at(error: PipedriveError, now: datetime) -> datetime | None:
    """Before when no run should ask again, because the account's tokens are gone; None: they are
    not. A reset that Pipedrive did not tell is a guess, and tried in between.
    """
    causes = error.failures.values() if isinstance(error, LoadFailed) else (error,)
    spent = [cause for cause in causes if isinstance(cause, BudgetExhausted)]
    if not spent:
        return None
    reset_at = max(cause.reset_at for cause in spent)
    return reset_at if any(cause.is_told for cause in spent) else min(reset_at, now + GUESS_HELD)


def failure(error: PipedriveError) -> dg.Failure:
    """The run's end: what failed, why, what to do next.

    Retrying at once would only repeat what was retried already.
    """
    facts: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, LoadFailed):
        facts = {name: named(cause) for name, cause in error.failures.items()}
    return dg.Failure(description=named(error), metadata=facts, allow_retries=False)


def named(error: PipedriveError) -> str:
    """The sentence with the error's name before it; a line per table where several failed."""
    if isinstance(error, LoadFailed):
        return "\n".join(f"{table}: {named(cause)}" for table, cause in error.failures.items())
    return f"{type(error).__name__}: {error}"


def sentence(report: TableReport) -> str:
    """One log line per table."""
    if report.error:
        return f"{report.entity.name}: FAILED. {report.error}"
    if report.waiting:
        return f"{report.entity.name}: {waiting_sentence(report.waiting)}"
    if report.skipped:
        return f"{report.entity.name}: skipped, Pipedrive refuses it: «{report.skipped}»"
    return (
        f"{report.entity.name}: {report.written.loaded} rows loaded, "
        f"{report.rows_total} in the table ({report.tally.requests} requests, "
        f"{report.tally.tokens} tokens, {report.seconds:.1f} s)"
    )


def waiting_sentence(waiting: Waiting) -> str:
    """How much waits, why, and until when."""
    done = waiting.done_at
    until = f"done about {done:%Y-%m-%d} at this pace" if done else "never at this cap: raise it"
    return (
        f"{waiting.count} still to be read, most recent changes first: {waiting.reason}. "
        f"The next run after {waiting.resumes_at:%Y-%m-%d %H:%M} UTC goes on; {until}."
    )


def token_facts(report: TableReport) -> dict[str, Any]:
    """Tokens of the run, the day and the account; `waiting` and `resumes_at` of a capped table.

    A table with `resumes_at` counts as served until then: the sensor leaves it alone.
    """
    tokens, waiting = report.tokens, report.waiting
    facts: dict[str, Any] = {}
    if tokens:
        facts["tokens_run"], facts["tokens_today"] = tokens.by_run, tokens.today
        facts["tokens_reset_at"] = dg.MetadataValue.timestamp(tokens.ends_at)
        if tokens.left is not None:
            facts["tokens_left"] = tokens.left
    if report.entity.capped:
        facts["waiting"] = waiting.count if waiting else 0
    if waiting:
        facts["waiting_for"] = waiting.reason
        facts["resumes_at"] = dg.MetadataValue.timestamp(waiting.resumes_at)
        if waiting.done_at:
            facts["done_at"] = dg.MetadataValue.timestamp(waiting.done_at)
    return facts


def metadata(report: TableReport) -> dict[str, Any]:
    """What each materialization says of itself; automation reads account, warehouse and
    complete_until.
    """
    reached = report.complete_until
    return {
        "rows_loaded": report.written.loaded,
        "rows_read": report.written.read,
        "rows_in_table": report.rows_total,
        "dagster/row_count": report.rows_total,
        "dagster/table_name": f"{report.warehouse.rpartition(':')[2]}.{report.entity.name}",
        "marked_deleted": report.written.marked_deleted,
        "misfit_values": report.written.misfits,
        "window": report.what,
        "requests": report.tally.requests,
        "tokens": report.tally.tokens,
        "retries": report.tally.retries,
        "burst_waits": report.tally.burst_waits,
        "seconds": round(report.seconds, 2),
        "account": str(report.account),
        "account_id": report.account.company_id,
        "sandbox": report.account.is_sandbox,
        "warehouse": report.warehouse,
        **({"skipped": report.skipped} if report.skipped else {}),
        **token_facts(report),
        **({"complete_until": dg.MetadataValue.timestamp(reached)} if reached else {}),
    }
