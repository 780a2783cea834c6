"""Settings: what they are called, what they accept, and where they come from."""

from pipedrive_assets.config.settings import (
    FILE_DESTINATION,
    SANDBOX_WAREHOUSE,
    SECRETS,
    Settings,
    default_freshness,
    parse,
)

__all__ = [
    "FILE_DESTINATION",
    "SANDBOX_WAREHOUSE",
    "SECRETS",
    "Settings",
    "default_freshness",
    "parse",
]
