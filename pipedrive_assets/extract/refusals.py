"""Decide whether a refusal skips a table or fails it."""

from pipedrive_assets.errors import Forbidden, PermissionDenied, PipedriveError, Refused
from pipedrive_assets.registry import Entity


def skips(entity: Entity, error: PipedriveError | None) -> bool:
    """Decide whether a refusal skips the table instead of failing it.

    Args:
        entity: The table.
        error: The error; None if there was none.

    Returns:
        True if the account may lack the feature, or the user the permission.
    """
    if entity.feature_gated:
        return isinstance(error, Refused)
    return entity.rights_vary and isinstance(error, PermissionDenied)


def is_about_the_user(entity: Entity, error: PipedriveError | None) -> bool:
    """Decide whether a refusal means that this user has no permission for the table.

    If all tables are refused, other refusals concern the address, the API token or the account.

    Args:
        entity: The table.
        error: The error; None if there was none.

    Returns:
        True if a missing permission of the user is the only possible cause.
    """
    return entity.rights_vary and isinstance(error, Forbidden)
