"""What the doctor finds."""

from dataclasses import dataclass
from enum import Enum

from pipedrive_assets.errors import PipedriveError


class Level(Enum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: what was looked at, what was found, and what to do about it.

    `exit_code` is that of the error that a run would end with.
    """

    level: Level
    topic: str
    text: str
    remedy: str = ""
    exit_code: int = 0


def ok(topic: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(level=Level.OK, topic=topic, text=text)


def warn(topic: str, text: str, remedy: str) -> Finding:
    """A run would go on, but less well than it could."""
    return Finding(level=Level.WARN, topic=topic, text=text, remedy=remedy)


def fail(topic: str, text: str, remedy: str, exit_code: int = 2) -> Finding:
    """A run would fail."""
    return Finding(
        level=Level.FAIL, topic=topic, text=text, remedy=remedy, exit_code=exit_code or 1
    )


def of_error(topic: str, error: PipedriveError) -> Finding:
    """What a run would say; the remedy is the last sentence of every message."""
    return fail(topic, f"{type(error).__name__}: {error}", "", error.exit_code)
