"""How a run ends that failed: what, why, what to do next."""

from collections.abc import Callable
from typing import Any, TypeVar

import dagster as dg

from pipedrive_assets.errors import LoadFailed, PipedriveError

T = TypeVar("T")


def or_failure(act: Callable[[], T]) -> T:
    """What `act` gives; an error of ours ends the step."""
    try:
        return act()
    except PipedriveError as error:
        raise failure(error) from None


def failure(error: PipedriveError) -> dg.Failure:
    """The step's end. Retrying at once would only repeat what was retried already."""
    facts: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, LoadFailed):
        facts = {name: named(cause) for name, cause in error.failures.items()}
    return dg.Failure(description=named(error), metadata=facts, allow_retries=False)


def named(error: PipedriveError) -> str:
    """The sentence with the error's name before it; a line per table where several failed."""
    if isinstance(error, LoadFailed):
        return "\n".join(f"{table}: {named(cause)}" for table, cause in error.failures.items())
    return f"{type(error).__name__}: {error}"
