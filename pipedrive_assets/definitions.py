"""The project's own code location: `defs` is what Dagster loads."""

import dagster as dg

from pipedrive_assets.config import Settings
from pipedrive_assets.orchestration import code_location
from pipedrive_assets.orchestration.code_location import EXECUTORS, pipedrive_definitions
from pipedrive_assets.orchestration.resources import PipedriveResource


def build(settings: Settings, pipedrive: PipedriveResource | None = None) -> dg.Definitions:
    """Return the definitions of this project; runs read the settings again when they start."""
    return code_location.build(
        settings, pipedrive or PipedriveResource(), executor=EXECUTORS[settings.executor]
    )


defs = pipedrive_definitions(executor=EXECUTORS[Settings().executor])
