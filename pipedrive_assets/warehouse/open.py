"""Opens the warehouse that the settings define."""

import contextlib
from pathlib import Path

from pipedrive_assets.config import FILE_DESTINATION, Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.warehouse.backend import Backend
from pipedrive_assets.warehouse.duckdb.file import DuckDbFile
from pipedrive_assets.warehouse.server.database import DatabaseServer
from pipedrive_assets.warehouse.warehouse import Warehouse


def warehouse_of(settings: Settings) -> Warehouse:
    """Return the warehouse that the settings define. It is not opened yet.

    Args:
        settings: The settings.

    Returns:
        The warehouse; the caller has to close it.

    Raises:
        ConfigurationError: A setting or a credential of the destination is missing or invalid.
    """
    backend = backend_of(
        settings.destination,
        settings.warehouse,
        read_copy=settings.read_copy,
        file_mode=settings.file_mode,
        memory=settings.duckdb_memory,
    )
    return Warehouse(backend, settings.dataset)


def backend_of(
    destination: str, path: Path, *, read_copy: Path | None, file_mode: int, memory: str
) -> Backend:
    """Return the backend of a destination.

    Args:
        destination: The value of PIPEDRIVE_DESTINATION.
        path: The DuckDB file; ignored for a server, like all that follows.
        read_copy: The path of the read copy; None: no copy.
        file_mode: The permissions of new files.
        memory: The memory that DuckDB may use, for example `1GB`.

    Returns:
        The backend.

    Raises:
        ConfigurationError: A credential of the destination is missing or invalid.
    """
    if destination == FILE_DESTINATION:
        return DuckDbFile(path, read_copy=read_copy, file_mode=file_mode, memory=memory)
    return DatabaseServer(destination)


def name_of(settings: Settings) -> str:
    """Return the warehouse's name without connecting to it.

    Args:
        settings: The settings.

    Returns:
        The same text as `str(warehouse_of(settings))`; without host and database if the
        credentials are missing.
    """
    if settings.destination == FILE_DESTINATION:
        return f"{settings.warehouse}:{settings.dataset}"
    with contextlib.suppress(ConfigurationError):
        return f"{DatabaseServer(settings.destination)}:{settings.dataset}"
    return f"{settings.destination}:{settings.dataset}"
