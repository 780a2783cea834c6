"""The base class of all errors, and the errors of settings and of the warehouse."""

from collections.abc import Mapping
from typing import NoReturn


class PipedriveError(Exception):
    """Base class of all errors of this project.

    Attributes:
        exit_code: Exit code of the command line.
    """

    exit_code = 1


class ConfigurationError(PipedriveError):
    """A setting is not valid; nothing was requested and nothing was written.

    Attributes:
        reasons: For each invalid field of the settings, what is wrong and how to correct it.
        exit_code: Exit code of the command line.
    """

    reasons: Mapping[str, str]
    exit_code = 2

    def __init__(self, message: str = "", *, reasons: Mapping[str, str] | None = None) -> None:
        """Build the error.

        Args:
            message: The whole message.
            reasons: Messages by field of the settings.
        """
        super().__init__(message)
        self.reasons = dict(reasons or {})


class MissingTokenError(ConfigurationError):
    """The settings refer to an account, but there is no API token."""


class WrongAccountError(ConfigurationError):
    """The API token and the warehouse belong to different companies."""


class WarehouseError(PipedriveError):
    """The warehouse cannot be opened or written."""

    exit_code = 2


class QueryRefused(PipedriveError):
    """A query of a client is not allowed, or failed; nothing was changed."""

    exit_code = 2


def raise_alone(error: BaseException) -> NoReturn:
    """Raise an error without a reference to the exception that is being handled.

    Messages of libraries can quote rows. `from None` only hides such a message from tracebacks: it
    remains in `__context__`, where loggers and error trackers can read it.

    Args:
        error: The error to raise.

    Raises:
        BaseException: `error`, without cause and context.
    """
    try:
        raise error
    finally:
        error.__cause__ = error.__context__ = None
