"""What a front end remembers of a table between runs, and the decisions that depend on it.

The load keeps it in the ledger, the dlt source in dlt's state, the Singer tap in Singer's state.
Each implements `Memory`. The decisions are the same for all of them and are made here.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from pipedrive_assets.extract.plan import Scan, TableStats, Watermark, plan
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.windows import Window


class Memory(Protocol):
    """What a front end remembers of one table."""

    def watermark(self) -> Watermark:
        """Return what is complete, with the unfinished scan if there is one."""

    def table_stats(self) -> TableStats:
        """Return the newest change and the highest id among the rows loaded so far."""

    def record(self, watermark: Watermark) -> None:
        """Keep a watermark in place of the previous one."""


def next_scan(  # noqa: PLR0913 - the facts that a plan depends on
    memory: Memory,
    window: Window,
    *,
    overlap: timedelta,
    since: datetime | None = None,
    full: bool = False,
    omitted: Iterable[str] = (),
) -> Scan:
    """Return the scan to read next: the unfinished one, or the one that makes `window` complete.

    Args:
        memory: What is known of the table.
        window: What is to be complete afterwards, UTC.
        overlap: How far a scan reaches back before the newest change known.
        since: Where the initial load starts, UTC; None for the complete history.
        full: Whether to read everything again.
        omitted: Names that this run leaves out of `include_fields`.

    Returns:
        The scan, at the position where an earlier run stopped or at its first page.
    """
    return plan(
        memory.watermark(),
        window,
        table_stats=memory.table_stats(),
        overlap=overlap,
        since=since,
        full=full,
        omitted=tuple(omitted),
    )


def finish_scan(memory: Memory, scan: Scan, paths: Iterable[str], now: datetime) -> Watermark:
    """Record that a scan was read to its end.

    Args:
        memory: What is known of the table; the scan's rows are written already.
        scan: The scan, at its end.
        paths: The lists that it read.
        now: When this run began, UTC.

    Returns:
        The new watermark.
    """
    reached = memory.watermark().after(scan, paths, memory.table_stats(), now)
    memory.record(reached)
    return reached


def read_from_start(memory: Memory, paths: Iterable[str]) -> None:
    """Have the next scan read each list from its start. An unfinished scan is given up."""
    memory.record(replace(memory.watermark(), lists=dict.fromkeys(paths), scan=None))


def read_named_again(
    memory: Memory, unknown: set[str], custom: FieldSet | None, paths: Iterable[str]
) -> set[str]:
    """Read the lists again if rows were loaded before the names of their custom fields were known.

    Args:
        memory: What is known of the table.
        unknown: Keys of custom fields that rows had without a definition.
        custom: The custom fields as of now; None if the table has none.
        paths: The lists of the table.

    Returns:
        The keys that are still unknown.
    """
    found = unknown & custom.plan.values.keys() if custom else set()
    if found:
        read_from_start(memory, paths)
    return unknown - found
