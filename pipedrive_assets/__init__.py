"""Load a Pipedrive account into your warehouse: Dagster project, dlt source, Singer tap, CLI.

`defs` are the Dagster definitions of this project. `pipedrive_definitions` builds definitions for a
code location of your own.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "defs", "pipedrive_definitions"]


def __getattr__(name: str) -> Any:
    """Build `defs` on first use, so that importing the package does not import Dagster."""
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
    """Return the public names; Dagster looks for `defs` among them."""
    return __all__
