"""The warehouse that the settings choose."""

import contextlib

from pipedrive_assets.config import FILE_DESTINATION, Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.warehouse.server.database import DatabaseServer
from pipedrive_assets.warehouse.warehouse import Warehouse


def warehouse_of(settings: Settings) -> Warehouse:
    """The warehouse that the settings name.

    Raises ConfigurationError where they, or dlt's for the destination, lack something.
    """
    if settings.destination == FILE_DESTINATION:
        return Warehouse(
            settings.warehouse,
            settings.dataset,
            read_copy=settings.read_copy,
            file_mode=settings.file_mode,
        )
    return Warehouse(DatabaseServer(settings.destination), settings.dataset)


def name_of(settings: Settings) -> str:
    """What `str` of the warehouse is, as far as the settings tell it; connects to nothing."""
    if settings.destination == FILE_DESTINATION:
        return f"{settings.warehouse}:{settings.dataset}"
    with contextlib.suppress(ConfigurationError):
        return f"{DatabaseServer(settings.destination)}:{settings.dataset}"
    return f"{settings.destination}:{settings.dataset}"
