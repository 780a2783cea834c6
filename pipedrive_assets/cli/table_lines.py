"""A run of the core from the command line: one printed line per table."""

import os
from collections.abc import Callable, Iterator

from pipedrive_assets.cli.progress import displayed
from pipedrive_assets.config import Settings
from pipedrive_assets.connect import Connection, connect
from pipedrive_assets.load import TableReport
from pipedrive_assets.load.progress import OnProgress
from pipedrive_assets.load.schema_alert import post_schema_changes
from pipedrive_assets.warehouse import Warehouse, warehouse_of

Run = Callable[[Connection, Warehouse, OnProgress], Iterator[TableReport]]


def print_lines(
    settings: Settings, title: str, run: Run, line: Callable[[TableReport], str]
) -> list[TableReport]:
    """Run, and print a line for each table as soon as it is finished.

    Args:
        settings: The account and the warehouse.
        title: What the run does, such as `Loading`.
        run: Yields a report per table.
        line: Returns the line of a report. Reports with an error have none.

    Returns:
        All reports, those with an error as well.
    """
    connection = connect(settings)
    warehouse = warehouse_of(settings)
    reports: list[TableReport] = []
    try:
        with displayed(title, os.environ) as display:
            for report in run(connection, warehouse, display.on_progress):
                reports.append(report)
                if not report.error:
                    display.print_line(line(report))
    finally:
        warehouse.close()
        post_schema_changes(settings, reports)
    return reports
