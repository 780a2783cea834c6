"""Repeats the last step of a killed run as far as the run came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipedrive_assets.load.recording.position import Position
from pipedrive_assets.load.recording.recorded import RecordedRun
from pipedrive_assets.load.step import Step
from pipedrive_assets.warehouse.statements import Sql


class Interrupted(Exception):
    """The step is repeated as far as the killed run came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Where a run was killed.

    Attributes:
        position: Its last transaction.
        commits: The number of dlt's loads by table when the next run began, if the warehouse was on
            a server. A server commits rows before the transaction that notes the position.
    """

    position: Position
    commits: Mapping[str, int] = field(default_factory=dict)


def killed_at(run: RecordedRun, later: Sequence[RecordedRun]) -> Kill | None:
    """Return where a run was killed.

    Args:
        run: A run that is not complete.
        later: The runs that began after it, in order.

    Returns:
        None if all its transactions were committed, or if no later run shows where it ended.
    """
    known = [each.facts["steps"] for each in later if run.folder in each.facts["steps"]]
    if not known:
        return None
    following = next((each for each in later if each.recorded_at > run.ended_at), later[-1])
    position = max(Position(*steps[run.folder]) for steps in known)
    return Kill(position=position, commits=following.facts["commits"])


class RepeatedStep(Step):
    """The current step of a run that is repeated."""

    def __init__(self) -> None:
        """Begin with no step."""
        super().__init__()
        self._parts_left: int | None = None
        self._loads: dict[str, int] = {}

    @property
    def has_parts_left(self) -> bool:
        """Whether the killed run committed more transactions of the step."""
        return bool(self._parts_left)

    def stop_after(self, parts: int, loads: Mapping[str, int]) -> None:
        """Interrupt the next step where the run was killed.

        Args:
            parts: How many transactions of the step were committed.
            loads: How many loads of rows were committed, by table, that have no position.
        """
        self._parts_left, self._loads = parts, dict(loads)

    def check(self, name: str = "") -> None:
        """Interrupt the step if the killed run did not come here.

        Args:
            name: The table whose rows are written next; empty: none are.

        Raises:
            Interrupted: The killed run did not come here.
        """
        if self._parts_left == 0 and self._loads.get(name, 0) <= 0:
            raise Interrupted

    def goes_on(self, name: str) -> bool:
        """Whether the killed run did more than to commit rows of this table."""
        if self._parts_left == 0:
            self._loads[name] -= 1
            return False
        return True

    def count(self, sql: Sql) -> None:  # noqa: ARG002 - only a recorded run writes its position
        """Count a transaction."""
        if self._parts_left:
            self._parts_left -= 1
