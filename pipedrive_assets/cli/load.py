"""`load`: bring tables up to now, without Dagster."""

import argparse
from collections.abc import Sequence

from pipedrive_assets.cli.command import Command
from pipedrive_assets.entities import BY_NAME, Entity
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.settings import Settings
from pipedrive_assets.windows import Window, utc_now


def load_tables(arguments: argparse.Namespace) -> None:
    """Load with the settings found; today's window."""
    from pipedrive_assets.connect import caps_of, connect
    from pipedrive_assets.source import LoadRequest, Warehouse, load_tables, raise_failures

    settings = Settings.from_env()
    connection = connect(settings)
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    warehouse = Warehouse(settings.warehouse, settings.dataset, read_copy=settings.read_copy)
    reports = []
    try:
        request = LoadRequest(
            entities=chosen(arguments.tables, settings),
            window=Window(start=midnight),
            overlap=settings.overlap,
            since=settings.since,
            full=arguments.full,
            recheck_days=settings.recheck_days,
            caps=caps_of(settings),
            purge_deleted=settings.purge_deleted,
        )
        for report in load_tables(connection, warehouse, request):
            reports.append(report)
            if report.skipped:
                print(f"{report.entity.name}: skipped, Pipedrive refuses it: «{report.skipped}»")
            elif report.waiting:
                print(f"{report.entity.name}: {report.waiting}", flush=True)
            elif not report.error:
                print(
                    f"{report.entity.name}: {report.written.loaded} rows loaded, "
                    f"{report.rows_total} in the table",
                    flush=True,
                )
    finally:
        warehouse.close()
    if reports and (tokens := reports[-1].tokens):
        print(tokens)
    raise_failures(reports)


def chosen(names: Sequence[str], settings: Settings) -> tuple[Entity, ...]:
    """The tables typed, optional ones too; none typed: those of the settings."""
    for name in names:
        if name not in BY_NAME:
            raise ConfigurationError(f"There is no table {name!r}. Known: {', '.join(BY_NAME)}.")
    if not names:
        return settings.entities
    return settings.named(names)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tables", nargs="*", metavar="table", help="default: all")
    parser.add_argument(
        "--full", action="store_true", help="walk everything again; rows held stay readable"
    )


COMMAND = Command(
    name="load",
    help="bring tables up to now, without Dagster",
    run=load_tables,
    options=_options,
    alerts=True,
)
