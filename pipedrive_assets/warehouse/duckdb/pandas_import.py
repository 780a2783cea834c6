"""The import of pandas, which DuckDB needs for the parameters of a statement."""

import contextlib
import functools
import importlib


@functools.cache
def import_pandas() -> None:
    """Import pandas, if it is installed.

    Otherwise, DuckDB imports it within the first statement that has parameters, and discards all
    exceptions: a Ctrl-C within this half second would be lost.
    """
    with contextlib.suppress(Exception):
        importlib.import_module("pandas")
