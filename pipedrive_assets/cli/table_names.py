"""The tables that a command is given."""

from collections.abc import Sequence

from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.registry import BY_NAME, Entity


def entities_of(names: Sequence[str], settings: Settings) -> tuple[Entity, ...]:
    """Return the named tables, optional ones as well; without names those of the settings.

    Raises:
        ConfigurationError: A table does not exist.
    """
    for name in names:
        if name not in BY_NAME:
            raise ConfigurationError(f"There is no table {name!r}. Tables: {', '.join(BY_NAME)}.")
    return settings.named(names) if names else settings.entities
