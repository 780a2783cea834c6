"""Errors that this project did not foresee: a sentence, and a traceback without row content."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pipedrive_assets.errors import InternalError, PipedriveError, missing_extra, raise_alone
from pipedrive_assets.fault_text import causes, described

log = logging.getLogger(__name__)


def as_pipedrive_error(error: Exception, subject: str) -> PipedriveError:
    """Turn any exception that was raised while a table or stream was loaded into one of ours.

    Args:
        error: What was raised.
        subject: The name of that table or stream.

    Returns:
        `error` itself where it belongs to this project, else an InternalError.
    """
    return foreseen(error, f"loading {subject}")


def foreseen(error: Exception, doing: str) -> PipedriveError:
    """Turn any exception into an error of this project; the traceback of a bug is logged.

    Args:
        error: What was raised.
        doing: What was going on, such as `loading deals`.

    Returns:
        `error` itself where it belongs to this project, else an InternalError. Neither refers to
        the exception that caused it: its text may quote rows.
    """
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
    """Raise nothing but errors of this project; `doing` as in `foreseen`."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a bug is one sentence
        raise_alone(foreseen(error, doing))


def trace_of(error: BaseException) -> str:
    """The frames of an exception and of what caused it, as Python prints them.

    Their texts are left out where they may hold row content.
    """
    parts = [
        "".join(["Traceback (most recent call last):\n", *traceback.format_tb(each.__traceback__)])
        + described(each)
        for each in reversed(causes(error))
        if each.__traceback__ or each is error
    ]
    return "\n\nwhich caused:\n\n".join(parts)
