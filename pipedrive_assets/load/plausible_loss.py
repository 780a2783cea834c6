"""Limits how many rows may disappear from Pipedrive's lists before a load refuses to mark them."""

from pipedrive_assets.errors import ImplausibleLoss

FEW_ROWS = 10
"""This many rows may disappear at once whatever their share: small tables lose large shares."""

MAX_SHARE = 0.2
"""Default for the largest share of a table that may disappear at once."""


def check_loss(  # noqa: PLR0913 - the facts of a loss, and where it is accepted
    table: str,
    *,
    missing: int,
    held: int,
    max_share: float,
    command: str,
    nothing_listed: bool = False,
) -> None:
    """Raise an error if more rows are missing than a table plausibly loses at once.

    Args:
        table: The table's name.
        missing: Number of rows that Pipedrive no longer lists.
        held: Number of rows in the table that are not marked as deleted.
        max_share: The share of `held` that may be missing, from 0 to 1.
        command: The command that accepts the loss, `load` or `reconcile`.
        nothing_listed: Whether the list was empty. An empty list proves nothing by itself, however
            few rows the table has.

    Raises:
        ImplausibleLoss: Too many rows are missing; the caller must not mark any.
    """
    if missing and (nothing_listed or missing > max(FEW_ROWS, max_share * held)):
        raise ImplausibleLoss(table, missing=missing, held=held, command=command)
