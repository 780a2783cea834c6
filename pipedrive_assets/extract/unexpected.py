"""Turn unexpected exceptions into errors of this project, with a traceback without row content."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pipedrive_assets.errors import InternalError, PipedriveError, missing_extra, raise_alone
from pipedrive_assets.fault_text import causes, described, interrupt_of

log = logging.getLogger(__name__)


def as_pipedrive_error(error: Exception, subject: str) -> PipedriveError:
    """Turn any exception during the load of a table or stream into an error of this project.

    Args:
        error: The exception.
        subject: The name of the table or stream.

    Returns:
        `error` if it is an error of this project, else an InternalError.
    """
    return foreseen(error, f"loading {subject}")


def foreseen(error: Exception, doing: str) -> PipedriveError:
    """Turn any exception into an error of this project; the traceback of a bug is logged.

    Args:
        error: The exception.
        doing: The activity, for example `loading deals`.

    Returns:
        `error` if it is an error of this project, else an InternalError. Its cause and context are
        removed, because their messages can quote rows.

    Raises:
        BaseException: A request to stop, such as a Ctrl-C, that the exception wraps.
    """
    if interrupt := interrupt_of(error):
        raise_alone(interrupt)
    if isinstance(error, PipedriveError):
        error.__cause__ = error.__context__ = None
        return error
    if needed := missing_extra(error, doing):
        return needed
    trace = trace_of(error)
    log.error("Unexpected error while %s:\n%s", doing, trace)
    return InternalError(doing, described(error), trace=trace)


@contextmanager
def only_foreseen(doing: str) -> Iterator[None]:
    """Turn exceptions inside the `with` block into errors of this project.

    Args:
        doing: The activity, for example `loading deals`.

    Raises:
        PipedriveError: Any exception was raised inside the block.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - any bug becomes an InternalError
        raise_alone(foreseen(error, doing))


def trace_of(error: BaseException) -> str:
    """Return the traceback of an exception and its causes, without messages that can quote rows."""
    parts = [
        "".join(["Traceback (most recent call last):\n", *traceback.format_tb(each.__traceback__)])
        + described(each)
        for each in reversed(causes(error))
        if each.__traceback__ or each is error
    ]
    return "\n\nwhich caused:\n\n".join(parts)
