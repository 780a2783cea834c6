"""Tags that a run adds to itself, for automation to read."""

from datetime import datetime, timedelta

import dagster as dg

from pipedrive_assets.errors import BudgetExhausted, LoadFailed, PipedriveError
from pipedrive_assets.orchestration.automation.runs import FAILED_TAG, PROCESS_TAG, RESET_TAG
from pipedrive_assets.orchestration.automation.target import WAREHOUSE_TAG, warehouse_tag
from pipedrive_assets.orchestration.derived import READS
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.process_identity import ProcessIdentity
from pipedrive_assets.windows import utc_now

GUESS_HELD = timedelta(hours=6)
"""How long a guessed reset time is relied on, if Pipedrive did not report one."""

IN_PROCESS = {"in_process", "execute_in_process_executor"}
"""Dagster's executors that run all steps in the run's own process."""

Context = dg.AssetExecutionContext | dg.OpExecutionContext


def note_start(context: Context, warehouse: str) -> None:
    """Tag a run with its warehouse and its process, however it was started.

    A step in its own process does not record the process: the run continues after it.
    """
    tags = {WAREHOUSE_TAG: warehouse_tag(warehouse)}
    if context.job_def.executor_def.name in IN_PROCESS:
        tags[PROCESS_TAG] = ProcessIdentity.current().to_json()
    context.instance.add_run_tags(context.run.run_id, tags)


def note_failure(
    context: Context,
    error: PipedriveError,
    *,
    unloaded: set[str],
    names: Names = OWN_NAMES,
) -> None:
    """Tag a run with the tables that failed, and with the reset time of the token budget if known.

    If no table was loaded, the failure counts for all tables and no table is tagged.

    Args:
        context: The step.
        error: Why it failed.
        unloaded: The tables that were not loaded.
        names: The names of the assets.
    """
    tags = {}
    if isinstance(error, LoadFailed):
        tags[FAILED_TAG] = ",".join(error.failures)
    elif unloaded != names.tables(context.run.asset_selection) - set(READS):
        tags[FAILED_TAG] = ",".join(unloaded)
    if back_at := budget_back_at(error, utc_now()):
        tags[RESET_TAG] = back_at.isoformat()
    if tags:
        context.instance.add_run_tags(context.run.run_id, tags)


def budget_back_at(error: PipedriveError, now: datetime) -> datetime | None:
    """Return when the account's token budget resets; None: it is not used up.

    A reset time that Pipedrive did not report is a guess, so that runs try earlier.
    """
    causes = error.failures.values() if isinstance(error, LoadFailed) else (error,)
    spent = [cause for cause in causes if isinstance(cause, BudgetExhausted)]
    if not spent:
        return None
    reset_at = max(cause.reset_at for cause in spent)
    return (
        reset_at if any(cause.is_reported for cause in spent) else min(reset_at, now + GUESS_HELD)
    )
