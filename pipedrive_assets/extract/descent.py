"""Progress of the second walk of a list that is read from both ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """Progress of the second walk through a list, and how far the first walk has come.

    Attributes:
        top: The highest id when the second walk began.
        low: The lowest id of the second walk so far.
        marker: Marker of its next page; None if it goes no further.
        front: The highest id of the first walk so far.
    """

    top: int
    low: int
    marker: str | None
    front: int

    @classmethod
    def stored(cls, facts: Mapping[str, Any] | None) -> "Descent | None":
        """Return the progress from its JSON object; None without one."""
        return cls(**facts) if facts else None
