"""Empty replies that something contradicts: whether an endpoint returns any rows at all."""

from dataclasses import dataclass

from pipedrive_assets.errors import DataError
from pipedrive_assets.extract.child_calls import OF_ONE_CALL, Answered, ChildCalls
from pipedrive_assets.extract.chunk import Parent
from pipedrive_assets.registry import Entity

CONTRADICTIONS = 4
"""After this many contradicted replies in a row, the control parent is requested."""


@dataclass(slots=True, kw_only=True)
class EmptyReplies:
    """What is known of an endpoint when it returns an empty list although there are children.

    Attributes:
        calls: Sends the requests.
        control: A parent that has children. If its reply is empty as well, the endpoint returns
            nothing at all.
        returned: Whether a reply of this run has rows.
        in_a_row: Contradicted replies since the last reply with rows.
        silent: Whether the control parent's reply is empty as well; None if it was not requested.
    """

    calls: ChildCalls
    control: Parent | None
    returned: bool = False
    in_a_row: int = 0
    silent: bool | None = None

    def end_with(self, parent: Parent) -> None:
        """Record a reply with rows of this parent."""
        self.control, self.returned, self.in_a_row = parent, True, 0

    def returns_rows(self) -> bool:
        """Return whether the endpoint returns rows of any parent, the control included."""
        self.returned = self.returned or self._control_has_rows() is True
        return self.returned

    def returns_nothing(self) -> bool:
        """Return whether the endpoint returned no rows in this run, nor of the control parent."""
        if self.silent is None and not self.returned:
            self.silent = self._control_has_rows() is False
        return bool(self.silent) and not self.returned

    def count(self, contradiction: DataError) -> None:
        """Count a contradicted reply.

        Args:
            contradiction: What contradicts it.

        Raises:
            DataError: The contradiction, if there were several in a row and the endpoint returns
                no rows of the control parent either.
        """
        self.in_a_row += 1
        if self.in_a_row < CONTRADICTIONS:
            return
        if self._control_has_rows() is False:
            raise contradiction
        self.in_a_row = 0

    def _control_has_rows(self) -> bool | None:
        """Request the control parent, and return whether it has rows.

        Returns:
            False if the reply is empty although the parent has rows; None if that is not known,
            because there is no control parent, a request failed, or it does not count any.
        """
        found = self.calls.ask((self.control,)) if self.control else None
        if not (self.control and isinstance(found, Answered)):
            return None
        if found.rows:
            return True
        has_own_count = self.calls.entity.has_own_count
        try:
            has_some = not has_own_count or self.calls.counts_children(self.control)
        except OF_ONE_CALL:
            return None
        return False if has_some else None


def contradiction(entity: Entity, parent: Parent) -> DataError:
    """Return the error for a second empty reply that cannot be right.

    Args:
        entity: The child table.
        parent: A parent that has children, by its own record or by earlier replies.

    Returns:
        The error.
    """
    if not parent.lasting:
        known = f"its record has {entity.count_column} above zero"
    elif parent.rows_unknown:
        known = "it returned rows of this table before"
    else:
        known = "the table has changes of it, which Pipedrive never removes"
    what = "events with content" if entity.shape == "flow" else "rows"
    return DataError(
        f"Pipedrive returned no {what} of {entity.name} for {entity.parent_name} {parent.id} in "
        f"two runs, although {known}. Its rows are kept, and the next run requests them again. If "
        "the error remains, check the permissions of the API token's user. If the rows are really "
        f"gone, run: python -m pipedrive_assets load {entity.name} --accept-loss"
    )
