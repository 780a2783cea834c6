"""The tables that a command is given."""

from collections.abc import Sequence

from pipedrive_assets.config import Settings
from pipedrive_assets.config.selection import not_a_table
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.registry import BY_NAME, Entity


def entities_of(names: Sequence[str], settings: Settings) -> tuple[Entity, ...]:
    """Return the named tables, optional ones as well; without names those of the settings.

    Raises:
        ConfigurationError: A table does not exist.
    """
    for name in names:
        if name not in BY_NAME:
            raise ConfigurationError(
                f"{not_a_table(name)} The command `entities` lists all tables."
            )
    return settings.named(names) if names else settings.entities
