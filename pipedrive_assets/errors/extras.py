"""The extra of this package that installs a missing module."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipedrive_assets.errors.base import ConfigurationError

EXTRA_OF_MODULE = {
    "dagster": "dagster",
    "dagster_dlt": "dagster",
    "dagster_duckdb": "dagster",
    "dlt": "dlt",
    "duckdb": "dlt",
    "filelock": "dlt",
    "psycopg2": "postgres",
    "sqlglot": "dlt",
    "vl_convert": "charts",
}
"""Modules that the dependencies without an extra do not install."""


class MissingExtraError(ConfigurationError, ImportError):
    """A package is not installed, and an extra of this project has it."""


def missing_extra(error: BaseException, purpose: str) -> MissingExtraError | None:
    """Explain an import error.

    Args:
        error: What was raised.
        purpose: What needs the module, such as `loading deals`.

    Returns:
        None if no extra has the module.
    """
    if isinstance(error, MissingExtraError):
        return error
    if not isinstance(error, ModuleNotFoundError) or error.name not in EXTRA_OF_MODULE:
        return None
    return MissingExtraError(
        f"The module {error.name} is not installed: {purpose} needs "
        f"pip install 'pipedrive-assets[{EXTRA_OF_MODULE[error.name]}]'"
    )


@contextmanager
def extra_needed(purpose: str) -> Iterator[None]:
    """Raise a MissingExtraError in place of the import error of a module that an extra has.

    Args:
        purpose: What needs the module.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if explained := missing_extra(error, purpose):
            raise explained from None
        raise
