"""How many rows may be missing from Pipedrive's lists before the lists are not believed."""

from pipedrive_assets.errors import ImplausibleLoss

FEW_ROWS = 10
"""So many rows of a table may vanish at once whatever their share: small tables do that."""

MAX_SHARE = 0.2
"""The largest share of a table that may vanish at once, unless a setting says otherwise."""


def check_loss(  # noqa: PLR0913 - the facts of a loss, and where it is accepted
    table: str,
    *,
    missing: int,
    held: int,
    max_share: float,
    command: str,
    nothing_listed: bool = False,
) -> None:
    """Raise where more rows are missing than a table plausibly loses at once.

    Args:
        table: The table's name.
        missing: How many held rows Pipedrive no longer lists.
        held: How many rows the table holds without a mark.
        max_share: The share of `held` that may be missing.
        command: The command that accepts the loss, `load` or `reconcile`.
        nothing_listed: Whether the list was empty. An empty list is no evidence by itself, however
            few rows the table holds.

    Raises:
        ImplausibleLoss: Too many rows are missing; nothing may be marked.
    """
    if missing and (nothing_listed or missing > max(FEW_ROWS, max_share * held)):
        raise ImplausibleLoss(table, missing=missing, held=held, command=command)
