"""The root of all errors, and errors of settings and of the warehouse."""

from collections.abc import Mapping
from typing import NoReturn


class PipedriveError(Exception):
    """Root of all errors of this project."""

    exit_code = 1


class ConfigurationError(PipedriveError):
    """A setting is wrong; nothing was requested and nothing was written.

    `reasons` are what is wrong and what to do, by field of the settings, if values are refused.
    """

    exit_code = 2

    def __init__(self, message: str = "", *, reasons: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reasons = dict(reasons or {})


class MissingTokenError(ConfigurationError):
    """Something points to an account, but no api token was found."""


class WrongAccountError(ConfigurationError):
    """The api token belongs to another company than the warehouse."""


class WarehouseError(PipedriveError):
    """The warehouse cannot be opened or written."""

    exit_code = 2


def raise_alone(error: BaseException) -> NoReturn:
    """Raise an error without a reference to the one that is being handled.

    Texts of libraries may quote rows. `from None` only hides such a text from tracebacks: it stays
    in `__context__`, where loggers and error trackers find it.
    """
    try:
        raise error
    finally:
        error.__cause__ = error.__context__ = None
