"""The accounts that a command is given as `--accounts MODULE:NAME`."""

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from pipedrive_assets.config import Settings, settings_of_accounts
from pipedrive_assets.errors import ConfigurationError


def accounts_at(place: str) -> dict[str, Settings]:
    """Return the settings of each account of a mapping, by name.

    Args:
        place: The mapping, as `module:name`.

    Raises:
        ConfigurationError: The mapping cannot be imported, or a setting is wrong.
    """
    module, _, name = place.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # a script has the folder of the script instead
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"--accounts: {place!r} cannot be imported ({error}). Use MODULE:NAME, for example "
            "my_project.definitions:accounts, and run the command in the folder of that module."
        ) from None
    if not isinstance(found, Mapping):
        raise ConfigurationError(
            f"--accounts: {place!r} is not a mapping from names to settings or token variables."
        )
    return settings_of_accounts(found)
