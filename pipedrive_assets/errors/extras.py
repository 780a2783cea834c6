"""Errors for modules that are not installed, with the extra that installs them."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipedrive_assets.errors.base import ConfigurationError

EXTRA_OF_MODULE = {
    "dagster": "dagster",
    "dagster_dlt": "dagster",
    "dagster_duckdb": "dagster",
    "dlt": "dlt",
    "duckdb": "dlt",
    "fsspec": "dlt",
    "mcp": "mcp",
    "psycopg2": "postgres",
    "sqlglot": "dlt",
    "vl_convert": "charts",
}
"""The extra that installs a module, for modules that the base package does not install."""


class MissingExtraError(ConfigurationError, ImportError):
    """A module is not installed; the message names the extra of this project that installs it."""


def missing_extra(error: BaseException, purpose: str) -> MissingExtraError | None:
    """Return the error for a missing module, if an extra of this project installs it.

    Args:
        error: The exception that was raised.
        purpose: What needs the module, for example `loading deals`.

    Returns:
        The error to raise; None if the exception has another cause.
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
    """Replace import errors inside the `with` block by an error that names the extra to install.

    Args:
        purpose: What needs the module, for example `loading deals`.

    Raises:
        MissingExtraError: A module is missing that an extra of this project installs.
        ModuleNotFoundError: Another module is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if explained := missing_extra(error, purpose):
            raise explained from None
        raise
