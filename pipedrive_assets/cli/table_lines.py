"""A run of the core as typed: the account and the warehouse of the settings, a line per table."""

import os
from collections.abc import Callable, Iterator

from pipedrive_assets.cli.progress import watched
from pipedrive_assets.config import Settings
from pipedrive_assets.connect import Connection, connect
from pipedrive_assets.load import TableReport
from pipedrive_assets.load.progress import Watch
from pipedrive_assets.warehouse import Warehouse, warehouse_of

Run = Callable[[Connection, Warehouse, Watch], Iterator[TableReport]]


def print_lines(
    settings: Settings, doing: str, run: Run, line: Callable[[TableReport], str]
) -> list[TableReport]:
    """Run, and print a line for each table as it is finished; failures are left to the caller.

    Raises whatever the run raises before its first table.
    """
    connection = connect(settings)
    warehouse = warehouse_of(settings)
    reports = []
    try:
        with watched(doing, os.environ) as watch:
            for report in run(connection, warehouse, watch):
                reports.append(report)
                if not report.error:
                    print(line(report), flush=True)
    finally:
        warehouse.close()
    return reports
