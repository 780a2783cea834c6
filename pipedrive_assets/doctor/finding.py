"""The findings of the doctor."""

from dataclasses import dataclass
from enum import Enum

from pipedrive_assets.errors import PipedriveError


class Level(Enum):
    """The severity of a finding: a load works, works with limitations, or fails."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    Attributes:
        level: The severity.
        topic: What was checked, for example `warehouse`.
        text: What was found.
        remedy: What to do; empty if there is nothing to do or `text` includes it.
        exit_code: The exit code that a load would end with; 0 unless the level is FAIL.
    """

    level: Level
    topic: str
    text: str
    remedy: str = ""
    exit_code: int = 0


def ok(topic: str, text: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(level=Level.OK, topic=topic, text=text)


def warn(topic: str, text: str, remedy: str) -> Finding:
    """Return a finding that limits loads but does not make them fail.

    Args:
        topic: What was checked.
        text: What was found.
        remedy: What to do.

    Returns:
        The finding.
    """
    return Finding(level=Level.WARN, topic=topic, text=text, remedy=remedy)


def fail(topic: str, text: str, remedy: str, exit_code: int = 2) -> Finding:
    """Return a finding that makes loads fail.

    Args:
        topic: What was checked.
        text: What was found.
        remedy: What to do.
        exit_code: The exit code that a load would end with.

    Returns:
        The finding.
    """
    return Finding(
        level=Level.FAIL, topic=topic, text=text, remedy=remedy, exit_code=exit_code or 1
    )


def of_error(topic: str, error: PipedriveError) -> Finding:
    """Return an error as a finding. Its message includes the remedy."""
    return fail(topic, f"{type(error).__name__}: {error}", "", error.exit_code)
