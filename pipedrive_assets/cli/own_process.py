"""Settings of a process that runs one command and nothing else."""

import gc

YOUNG_OBJECTS, YOUNG_ROUNDS, MIDDLE_ROUNDS = 50_000, 20, 100
"""Thresholds of Python's garbage collector; the defaults are 700 (2,000 since 3.13), 10 and 10."""


def collect_garbage_rarely() -> None:
    """Let Python's garbage collector run less often in this process.

    It looks for reference cycles. Rows have none and are freed without it, but with the default
    thresholds it visits every object of the process, also those of imported modules, about every
    5,000 rows. In a process that others share (Dagster, an import) the thresholds stay as they are.
    """
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_ROUNDS, MIDDLE_ROUNDS)
