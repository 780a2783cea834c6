"""`try`: the job of all tables on the invented company, each time a day later."""

import logging
import os
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import duckdb

from pipedrive_assets.cli.output import print_table
from pipedrive_assets.cli.progress import displayed
from pipedrive_assets.config import SANDBOX_WAREHOUSE, Settings
from pipedrive_assets.config.files import API_TOKEN, env_name, found_in
from pipedrive_assets.connect import SANDBOX_NOTICE
from pipedrive_assets.definitions import build
from pipedrive_assets.load.progress import OnProgress
from pipedrive_assets.orchestration.automation.target import JOB
from pipedrive_assets.orchestration.resources import PipedriveResource
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views.overview_page import SANDBOX_FILE, charts_missing
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.ledger import prepare, watermark
from pipedrive_assets.windows import utc_now

FIRST_TRY_DAYS_AGO = 7
"""The first `try` loads the company as of a week ago, so that the next ones can load later days."""

DAY = timedelta(days=1)

PIPELINE_QUERY = """
SELECT s.name AS stage, d.currency, count(*) AS deals, round(sum(d.value)) AS value
FROM {dataset}.deals d JOIN {dataset}.stages s ON s.id = d.stage_id
WHERE d.status = 'open' AND NOT d.is_archived AND d._deleted_at IS NULL
GROUP BY s.name, d.currency, s.pipeline_id, s.order_nr
ORDER BY s.pipeline_id, s.order_nr, value DESC
LIMIT 8
"""


def try_sandbox() -> None:
    """Load the invented company as of a day after the last `try`, and print what was loaded."""
    settings = Settings(found={}, sandbox_instant=utc_now())
    instant = _next_instant(settings, utc_now())
    print(_ignored_token(settings.root) or SANDBOX_NOTICE)
    print(
        f"Loading the company as of {instant:%Y-%m-%d %H:%M} UTC into {SANDBOX_WAREHOUSE} …",
        flush=True,
    )
    _print_report(_run_job(settings, instant))
    _print_pipeline(settings)
    page = Path(SANDBOX_WAREHOUSE).with_name(SANDBOX_FILE)
    charts = charts_missing() or f"Charts: {page}."
    print(f"\n{charts} Next day: make try. In the browser: .venv/bin/dagster dev")


def _ignored_token(root: Path) -> str:
    """Return a note if an API token or an OAuth app is set, which `try` does not use; else ''."""
    values = found_in(os.environ, root)
    name = next((name for name in (API_TOKEN, env_name("client_id")) if name in values), None)
    if name is None:
        return ""
    _, place = values[name]
    what = "An API token" if name == API_TOKEN else "An OAuth app"
    where = "in the environment" if place == "environment" else f"in {place}"
    return (
        f"{what} is set {where}, but `try` does not use it: it loads INVENTED data from the "
        f"sandbox into {SANDBOX_WAREHOUSE}. Your account and its warehouse are not touched. "
        "To load your account: .venv/bin/python -m pipedrive_assets load"
    )


def _next_instant(settings: Settings, now: datetime) -> datetime:
    """Return a day after the last `try`, or a week ago, but never before the first partition."""
    first = datetime.combine(settings.first_partition, datetime.min.time(), timezone.utc)
    reached = None
    if settings.warehouse.exists():
        warehouse = Warehouse(settings.warehouse, settings.dataset)
        with warehouse.sql() as sql:
            prepare(sql)
            reached = watermark(sql, BY_NAME["deals"]).complete_until
        warehouse.close()
    start = now.replace(microsecond=0) - FIRST_TRY_DAYS_AGO * DAY
    return reached.astimezone(timezone.utc) + DAY if reached else max(start, first)


def _run_job(settings: Settings, instant: datetime) -> dg.ExecuteInProcessResult:
    """Run the job in this process; Dagster's history records it, if the folder is a project."""
    day: date = min(instant.date(), utc_now().date())
    with (
        displayed("Loading", os.environ) as display,
        _instance(settings.root) as instance,
    ):

        class Watched(PipedriveResource):
            """Shows progress on the terminal instead of in the run's log."""

            def watch(self, log: logging.Logger) -> OnProgress:  # noqa: ARG002 - shown elsewhere
                return display.on_progress

        definitions = build(settings, Watched(sandbox_instant=instant.isoformat()))
        try:
            return definitions.resolve_job_def(JOB).execute_in_process(
                instance=instance,
                partition_key=day.isoformat(),
                run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
            )
        except dg.DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None


def _instance(root: Path) -> dg.DagsterInstance:
    """Return the Dagster instance of a folder; without dagster.yaml one that writes no files."""
    if (root / "dagster.yaml").exists():
        return dg.DagsterInstance.from_config(str(root))
    return dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}})


def _print_report(result: dg.ExecuteInProcessResult) -> None:
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
        key = event.asset_key
        rows.append((key.to_user_string() if key else "", *shown))
    rows.append(("total", *(f"{value:,.0f}" for value in total[:-1]), ""))
    print_table(("table", "loaded", "in table", "requests", "tokens", "seconds"), rows)


def _print_pipeline(settings: Settings) -> None:
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        deals = connection.execute(PIPELINE_QUERY.format(dataset=settings.dataset)).fetchall()
    print("\nOpen deals by stage and currency:")
    print_table(
        ("stage", "currency", "deals", "value"),
        [(row[0], row[1], str(row[2]), f"{row[3]:,.0f}") for row in deals],
    )
