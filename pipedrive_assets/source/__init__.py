"""Deprecated: import `pipedrive_source` from `pipedrive_assets.dlt_source`."""

import warnings
from typing import Any

__all__ = ["ENTITY_MAPPINGS", "RECENTS_ENTITIES", "pipedrive_source", "unfinished"]


def __getattr__(name: str) -> Any:
    """Return a name of `pipedrive_assets.dlt_source`, with a DeprecationWarning."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipedrive_assets import dlt_source  # noqa: PLC0415 - imports dlt

    warnings.warn(
        f"pipedrive_assets.source.{name} is deprecated: import it from pipedrive_assets.dlt_source",
        DeprecationWarning,
        stacklevel=2,
    )
    return getattr(dlt_source, name)
