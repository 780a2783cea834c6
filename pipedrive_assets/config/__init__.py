"""Settings: their names, accepted values and sources, and the selection of tables."""

from pipedrive_assets.config.accounts import settings_of_accounts
from pipedrive_assets.config.settings import (
    FILE_DESTINATION,
    SANDBOX_WAREHOUSE,
    SECRETS,
    SETTINGS,
    Settings,
)

__all__ = [
    "FILE_DESTINATION",
    "SANDBOX_WAREHOUSE",
    "SECRETS",
    "SETTINGS",
    "Settings",
    "settings_of_accounts",
]
