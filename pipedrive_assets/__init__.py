"""Load a Pipedrive account into your warehouse: Dagster project, dlt source, Singer tap, CLI.

`defs` are the Dagster definitions of this project. `pipedrive_definitions` builds definitions for a
code location of your own, and `PipedriveComponent` for a dg project.
"""

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["PipedriveComponent", "__version__", "defs", "pipedrive_definitions"]

_MODULES = {
    "PipedriveComponent": "pipedrive_assets.orchestration.component",
    "defs": "pipedrive_assets.definitions",
    "pipedrive_definitions": "pipedrive_assets.orchestration.code_location",
}
"""The modules of the names that need Dagster."""


def __getattr__(name: str) -> Any:
    """Import a name on first use, so that importing the package does not import Dagster."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipedrive_assets.errors import extra_needed  # noqa: PLC0415

    with extra_needed(f"pipedrive_assets.{name}"):
        return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """Return the public names; Dagster looks for `defs` among them, dg for components."""
    return __all__
