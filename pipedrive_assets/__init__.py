"""Pipedrive in your own warehouse: a Dagster project, a dlt source, a command line."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "defs", "pipedrive_definitions"]


def __getattr__(name: str) -> Any:
    """Make `defs` on first use, so that importing the package costs nothing."""
    if name == "defs":
        from pipedrive_assets.errors import extra_needed  # noqa: PLC0415

        with extra_needed("pipedrive_assets.defs"):
            from pipedrive_assets.definitions import defs  # noqa: PLC0415 - imports Dagster

            return defs
    if name == "pipedrive_definitions":
        from pipedrive_assets.errors import extra_needed  # noqa: PLC0415

        with extra_needed("pipedrive_assets.pipedrive_definitions"):
            from pipedrive_assets.orchestration.code_location import (  # noqa: PLC0415
                pipedrive_definitions,
            )

            return pipedrive_definitions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names: Dagster looks for `defs` among them."""
    return __all__
