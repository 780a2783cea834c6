"""The command line: try | load | entities | sandbox.

Heavy imports wait until a command needs them.
"""

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from pipedrive_assets.entities import BY_NAME, ENTITIES, Entity
from pipedrive_assets.errors import ConfigurationError, PipedriveError
from pipedrive_assets.settings import SANDBOX_WAREHOUSE, Settings
from pipedrive_assets.windows import Window, utc_now

SANDBOX_PORT = 8123
FIRST_TRY_DAYS_AGO = 7
"""How far back the first `try` sees the sandbox's company, so that the next ones can advance
it."""

DAY = timedelta(days=1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    Errors of ours are one message on standard error.
    """
    arguments = _parser().parse_args(argv)
    # A level of its own: Dagster sets those of the loggers.
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    logging.basicConfig(format="%(message)s", handlers=[handler])
    try:
        arguments.run(arguments)
    except PipedriveError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipedrive_assets", description="Pipedrive in your own warehouse."
    )
    commands = parser.add_subparsers(title="commands", required=True)
    command = commands.add_parser(
        "try", help="load an invented company, no account needed; each time a day further"
    )
    command.set_defaults(run=try_sandbox)
    command = commands.add_parser("load", help="bring tables up to now, without Dagster")
    command.add_argument("tables", nargs="*", metavar="table", help="default: all")
    command.add_argument(
        "--full", action="store_true", help="walk everything again; rows held stay readable"
    )
    command.set_defaults(run=load_tables)
    command = commands.add_parser("entities", help="list what can be loaded and what a page costs")
    command.set_defaults(run=list_entities)
    command = commands.add_parser("sandbox", help="serve the invented company on this machine")
    command.add_argument("--port", type=int, default=SANDBOX_PORT)
    command.set_defaults(run=serve_sandbox)
    return parser


def list_entities(_arguments: argparse.Namespace) -> None:
    """Name, endpoint, tokens a page."""
    rows = [
        (
            entity.name,
            f"{entity.kind.value}{', optional' if entity.optional else ''}",
            f"/{entity.path}",
            str(entity.cost),
        )
        for entity in ENTITIES
    ]
    _print_table(("table", "kind", "endpoint", "tokens a page"), rows)


def serve_sandbox(arguments: argparse.Namespace) -> None:
    """Serve until interrupted."""
    from pipedrive_assets.connect import SANDBOX_DEALS, SANDBOX_TOKEN
    from pipedrive_assets.sandbox import Sandbox, World, serve

    world = World(deals=SANDBOX_DEALS, instant=utc_now())
    sandbox = Sandbox(world, api_token=SANDBOX_TOKEN, clock=utc_now)
    print(
        f"An invented company at http://127.0.0.1:{arguments.port}, api token {SANDBOX_TOKEN}. "
        "Ctrl-C stops it."
    )
    print(
        f"PIPEDRIVE_BASE_URL=http://127.0.0.1:{arguments.port} PIPEDRIVE_API_TOKEN={SANDBOX_TOKEN}",
        flush=True,
    )
    serve(sandbox, arguments.port)


def load_tables(arguments: argparse.Namespace) -> None:
    """Load with the settings found; today's window."""
    from pipedrive_assets.connect import connect
    from pipedrive_assets.source import LoadRequest, Warehouse, load_tables, raise_failures

    settings = Settings.from_env()
    connection = connect(settings)
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    warehouse = Warehouse(settings.warehouse, settings.dataset)
    reports = []
    try:
        request = LoadRequest(
            entities=_chosen(arguments.tables, settings),
            window=Window(start=midnight),
            overlap=settings.overlap,
            since=settings.since,
            full=arguments.full,
        )
        for report in load_tables(connection, warehouse, request):
            reports.append(report)
            if report.skipped:
                print(f"{report.entity.name}: skipped, Pipedrive refuses it: «{report.skipped}»")
            elif not report.error:
                print(
                    f"{report.entity.name}: {report.written.loaded} rows loaded, "
                    f"{report.rows_total} in the table",
                    flush=True,
                )
    finally:
        warehouse.close()
    raise_failures(reports)


def _chosen(names: Sequence[str], settings: Settings) -> tuple[Entity, ...]:
    """The tables typed, optional ones too; none typed: those of the settings."""
    for name in names:
        if name not in BY_NAME:
            raise ConfigurationError(f"There is no table {name!r}. Known: {', '.join(BY_NAME)}.")
    if not names:
        return settings.entities
    return tuple(entity for entity in ENTITIES if entity.name in names)


def try_sandbox(_arguments: argparse.Namespace) -> None:
    """Run the project's main job on the sandbox, seen a day later than the last time."""
    from pipedrive_assets.connect import SANDBOX_NOTICE

    settings = Settings(root=Path.cwd(), warehouse=Path.cwd() / SANDBOX_WAREHOUSE)
    instant = _next_instant(settings, utc_now())
    print(SANDBOX_NOTICE)
    print(
        f"Loading the company as of {instant:%Y-%m-%d %H:%M} UTC into {SANDBOX_WAREHOUSE} …",
        flush=True,
    )
    _print_report(_run_job(settings, instant))
    _print_pipeline(settings)
    print("\nAgain: make try (a day later). In the browser: .venv/bin/dagster dev")


def _next_instant(settings: Settings, now: datetime) -> datetime:
    """A day after what the sandbox's warehouse holds, else a week ago; never before the first
    partition.
    """
    from pipedrive_assets.source import Warehouse
    from pipedrive_assets.source.ledger import coverage, prepare

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

    from pipedrive_assets.definitions import build
    from pipedrive_assets.orchestration.automation import JOB
    from pipedrive_assets.orchestration.resources import PipedriveResource

    definitions = build(settings, PipedriveResource(sandbox_instant=instant.isoformat()))
    day: date = min(instant.date(), utc_now().date())
    with dg.DagsterInstance.from_config(str(settings.root)) as instance:
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
        values = [facts[name].value for name in columns]
        total = [one + other for one, other in zip(total, values, strict=True)]
        rows.append((event.asset_key.to_user_string(), *(f"{value:,}" for value in values)))
    rows.append(("total", *(f"{value:,.0f}" for value in total[:-1]), ""))
    _print_table(("table", "loaded", "in table", "requests", "tokens", "seconds"), rows)


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
    _print_table(
        ("stage", "currency", "deals", "value"),
        [(row[0], row[1], str(row[2]), f"{row[3]:,.0f}") for row in found],
    )


def _print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as they need; all but the first two aligned right when they are numbers."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = [_cell(text, width) for text, width in zip(line, widths, strict=True)]
        print("  ".join(cells).rstrip())


def _cell(text: str, width: int) -> str:
    return text.rjust(width) if text[:1].isdigit() else text.ljust(width)
