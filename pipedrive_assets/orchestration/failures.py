"""Dagster failures with one clear sentence: what happened, and what to do next."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import dagster as dg

from pipedrive_assets.errors import InternalError, LoadFailed, PipedriveError, raise_alone
from pipedrive_assets.errors.data import by_cause
from pipedrive_assets.extract.unexpected import foreseen

T = TypeVar("T")
DAGSTERS = (dg.DagsterError, dg.Failure, dg.RetryRequested)
"""What Dagster itself handles."""


def raise_as_failure(act: Callable[[], T]) -> T:
    """Return the result of `act`; an error fails the step with one sentence.

    Raises:
        dagster.Failure: `act` raised an error.
    """
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - a bug is one sentence
        raise_alone(failure(of_ours(error, "preparing the run")))


@contextmanager
def log_stop(log: logging.Logger) -> Iterator[None]:
    """Log what is safe if the run is terminated in Dagster, or its process gets Ctrl-C or SIGTERM.

    Args:
        log: The log of the run.

    Yields:
        Once.
    """
    try:
        yield
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        log.warning(
            "The run was stopped. Rows committed before are kept, and the next run of these tables "
            "continues from there."
        )
        raise


def of_ours(error: Exception, doing: str) -> PipedriveError:
    """Convert an exception into an error of this project; Dagster's own are raised again.

    Args:
        error: What was raised.
        doing: What was being done, for example `loading tables`.

    Returns:
        The error; an InternalError for a bug.

    Raises:
        DagsterError: `error` is an exception that Dagster handles itself.
    """
    if isinstance(error, DAGSTERS):
        raise error
    return foreseen(error, doing)


@contextmanager
def raise_tick_errors(what: str) -> Iterator[None]:
    """Evaluate a sensor or schedule in this context: an error becomes one sentence in its tick."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a bug is one sentence
        raise_alone(of_ours(error, f"evaluating {what}"))


def failure(error: PipedriveError) -> dg.Failure:
    """Return the failure of a step, with the tracebacks of bugs in its metadata.

    Dagster does not retry it, because each request was retried already.
    """
    facts: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, LoadFailed):
        facts = {name: named(cause) for name, cause in error.failures.items()}
        for name, cause in error.failures.items():
            facts |= _trace(f"{name}_traceback", cause)
    facts |= _trace("traceback", error)
    return dg.Failure(description=named(error), metadata=facts, allow_retries=False)


def _trace(name: str, error: PipedriveError) -> dict[str, Any]:
    if not isinstance(error, InternalError):
        return {}
    return {name: dg.MetadataValue.md(f"```\n{error.trace}\n```")}


def named(error: PipedriveError) -> str:
    """Return the error's class and message, one line per cause if several tables failed."""
    if isinstance(error, LoadFailed):
        return by_cause({table: named(cause) for table, cause in error.failures.items()})
    return f"{type(error).__name__}: {error}"
