"""Which refusals skip a table, and which fail it."""

from pipedrive_assets.errors import Forbidden, PermissionDenied, PipedriveError, Refused
from pipedrive_assets.registry import Entity


def skips(entity: Entity, error: PipedriveError | None) -> bool:
    """Whether a refusal skips a table: the account may lack its feature, or the user the right."""
    if entity.feature_gated:
        return isinstance(error, Refused)
    return entity.rights_vary and isinstance(error, PermissionDenied)


def is_about_the_user(entity: Entity, error: PipedriveError | None) -> bool:
    """Whether a refusal can only mean that this user may not read the table.

    Other refusals, where no table is answered, are about the address, the API token or the account.
    """
    return entity.rights_vary and isinstance(error, Forbidden)
