"""`try`: the project's main job on the invented company, each time a day further."""

import argparse
import logging
import os
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from pipedrive_assets.cli.command import Command
from pipedrive_assets.cli.text_table import print_table
from pipedrive_assets.config import SANDBOX_WAREHOUSE, Settings
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.windows import utc_now

FIRST_TRY_DAYS_AGO = 7
"""How far back the first `try` sees the sandbox's company, so that the next ones can advance
it."""

DAY = timedelta(days=1)


def try_sandbox(_arguments: argparse.Namespace) -> None:
    """Run the project's main job on the sandbox, seen a day later than the last time."""
    from pipedrive_assets.connect import SANDBOX_NOTICE
    from pipedrive_assets.views.overview_page import SANDBOX_FILE

    settings = Settings(root=Path.cwd(), warehouse=Path.cwd() / SANDBOX_WAREHOUSE)
    instant = _next_instant(settings, utc_now())
    print(_ignored_account(settings.root) or SANDBOX_NOTICE)
    print(
        f"Loading the company as of {instant:%Y-%m-%d %H:%M} UTC into {SANDBOX_WAREHOUSE} …",
        flush=True,
    )
    _print_report(_run_job(settings, instant))
    _print_pipeline(settings)
    print(
        f"\nCharts: {Path(SANDBOX_WAREHOUSE).with_name(SANDBOX_FILE)}. "
        "Again: make try (a day later). In the browser: .venv/bin/dagster dev"
    )


def _ignored_account(root: Path) -> str:
    """What is said where an api token is set: `try` does not use it; empty: none is set."""
    from pipedrive_assets.config.files import API_TOKEN, found

    values = found(os.environ, root)
    if API_TOKEN not in values:
        return ""
    _, place = values[API_TOKEN]
    where = "in the environment" if place == "environment" else f"in {place}"
    return (
        f"An api token is set {where}, but `try` does not use it: it loads INVENTED data from the "
        f"sandbox into {SANDBOX_WAREHOUSE}, and leaves your account and its warehouse alone. "
        "To load your account: .venv/bin/python -m pipedrive_assets load"
    )


def _next_instant(settings: Settings, now: datetime) -> datetime:
    """A day after what the sandbox's warehouse holds, else a week ago; never before the first
    partition.
    """
    from pipedrive_assets.warehouse import Warehouse
    from pipedrive_assets.warehouse.ledger import coverage, prepare

    first = datetime.combine(settings.first_partition, datetime.min.time(), timezone.utc)
    reached = None
    if settings.warehouse.exists():
        warehouse = Warehouse(settings.warehouse, settings.dataset)
        with warehouse.sql() as sql:
            prepare(sql)
            reached = coverage(sql, BY_NAME["deals"]).complete_until
        warehouse.close()
    start = now.replace(microsecond=0) - FIRST_TRY_DAYS_AGO * DAY
    return reached.astimezone(timezone.utc) + DAY if reached else max(start, first)


def _run_job(settings: Settings, instant: datetime) -> Any:
    """The job of all tables, in this process, recorded in this project's Dagster history."""
    import dagster as dg

    from pipedrive_assets.cli.progress import watched
    from pipedrive_assets.definitions import build
    from pipedrive_assets.load.progress import Watch
    from pipedrive_assets.orchestration.automation.target import JOB
    from pipedrive_assets.orchestration.resources import PipedriveResource

    day: date = min(instant.date(), utc_now().date())
    with (
        watched("Loading", os.environ) as bar,
        dg.DagsterInstance.from_config(str(settings.root)) as instance,
    ):

        class Watched(PipedriveResource):
            """Tells the terminal how far it is, and not the run's log."""

            def watch(self, log: logging.Logger) -> Watch:  # noqa: ARG002 - the bar in its place
                return bar

        definitions = build(settings, Watched(sandbox_instant=instant.isoformat()))
        return definitions.resolve_job_def(JOB).execute_in_process(
            instance=instance,
            partition_key=day.isoformat(),
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )


def _print_report(result: Any) -> None:
    columns = ("rows_loaded", "rows_in_table", "requests", "tokens", "seconds")
    rows, total = [], [0.0] * len(columns)
    for event in result.get_asset_materialization_events():
        facts = event.materialization.metadata
        if "requests" not in facts:
            continue
        values = [facts[name].value for name in columns]
        known = [value if isinstance(value, int | float) else 0 for value in values]
        total = [one + other for one, other in zip(total, known, strict=True)]
        shown = (value if isinstance(value, str) else f"{value:,}" for value in values)
        rows.append((event.asset_key.to_user_string(), *shown))
    rows.append(("total", *(f"{value:,.0f}" for value in total[:-1]), ""))
    print_table(("table", "loaded", "in table", "requests", "tokens", "seconds"), rows)


PIPELINE_QUERY = """
SELECT s.name AS stage, d.currency, count(*) AS deals, round(sum(d.value)) AS value
FROM {dataset}.deals d JOIN {dataset}.stages s ON s.id = d.stage_id
WHERE d.status = 'open' AND NOT d.is_archived AND d._deleted_at IS NULL
GROUP BY s.name, d.currency, s.pipeline_id, s.order_nr
ORDER BY s.pipeline_id, s.order_nr, value DESC
LIMIT 8
"""


def _print_pipeline(settings: Settings) -> None:
    import duckdb

    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        found = connection.execute(PIPELINE_QUERY.format(dataset=settings.dataset)).fetchall()
    print("\nOpen deals by stage and currency:")
    print_table(
        ("stage", "currency", "deals", "value"),
        [(row[0], row[1], str(row[2]), f"{row[3]:,.0f}") for row in found],
    )


COMMAND = Command(
    name="try",
    help="load an invented company, no account needed; each time a day further",
    run=try_sandbox,
)
