"""The configuration that dlt uses while it writes the warehouse.

dlt reads its settings from the environment and from files, so `DEV_MODE=true` or
`LOADER_FILE_FORMAT=csv` on a machine would change where and how rows are loaded. Within
`dlt_settings` dlt uses this project's values. Of the user's configuration it uses only the
credentials of the warehouse's server.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.pipeline import PipelineContext, SupportsPipeline
from dlt.pipeline.pipeline import Pipeline

from pipedrive_assets.config.files import destination_lines

TELEMETRY = ("runtime", "dlthub_telemetry")

OWN: Mapping[str, Any] = {
    # Uncompressed JSON lines load 9 times faster than dlt's default.
    "disable_compression": True,
    # The schema is the only state, and `Warehouse.pipeline` restores it.
    "restore_from_destination": False,
    # Do not keep loaded rows in the working folder.
    "delete_completed_jobs": True,
}


class WarehouseSettings(ConfigProvider):
    """A dlt configuration provider with this project's values.

    Args:
        theirs: The user's own providers, used for the credentials of servers and for telemetry.
        servers: The destinations whose credentials the user may give.
        dotenv: The lines of `.env` in dlt's names, used where no provider has a value.
    """

    def __init__(
        self, theirs: Sequence[ConfigProvider], servers: set[str], dotenv: Mapping[str, str]
    ) -> None:
        self._theirs, self._servers, self._dotenv = theirs, servers, dotenv

    def get_value(
        self, key: str, hint: type[Any], pipeline_name: str | None, *sections: str
    ) -> tuple[Any, str]:
        """Look up a setting for dlt.

        Args:
            key: The setting, for example `disable_compression`.
            hint: The type that dlt expects.
            pipeline_name: The pipeline; None for settings of any pipeline.
            *sections: The sections of the setting, for example `destination`, `postgres`.

        Returns:
            The value (None: use dlt's default) and the full name of the setting.
        """
        name = ".".join((*sections, key))
        if pipeline_name:
            return None, name
        if key == "enable_runtime_trace":
            # dlt uses traces only for telemetry.
            return self._ask(TELEMETRY[1], bool, TELEMETRY[0]) in {True, "true", "True", "1"}, name
        if key in OWN:
            return OWN[key], name
        is_server = sections[:1] == ("destination",) and self._servers.intersection(sections[1:2])
        if is_server and "credentials" in (key, *sections[2:3]):
            return self._ask(key, hint, *sections), name
        return None, name

    def _ask(self, key: str, hint: type[Any], *sections: str) -> Any:
        for provider in self._theirs:
            value, _ = provider.get_value(key, hint, None, *sections)
            if value is not None:
                return value
        return self._dotenv.get("__".join((*sections, key)).upper())

    @property
    def supports_secrets(self) -> bool:
        """Whether the provider has secrets: passwords of servers."""
        return True

    @property
    def supports_sections(self) -> bool:
        """Whether settings have sections."""
        return True

    @property
    def name(self) -> str:
        """The name in dlt's error messages."""
        return "pipedrive_assets"


class WithoutRows(logging.Filter):
    """Keeps rows out of dlt's log, whose warnings and errors quote what a database refused."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the text of a warning or error by its place in dlt's source code."""
        if record.levelno >= logging.WARNING or record.exc_info:
            record.msg = (
                "dlt logged a problem in %s, line %d. Its text is omitted because it may contain "
                "rows; the error of the load names the cause."
            )
            record.args = (record.filename, record.lineno)
            record.exc_info = record.exc_text = record.stack_info = None
        return True


class _Switch:
    """Replaces the user's providers and active pipeline while a thread writes a warehouse."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._servers: set[str] = set()
        self._theirs: ConfigProvidersContainer | None = None
        self._pipeline: SupportsPipeline | None = None
        self._log, self._filter = logging.getLogger(), WithoutRows()

    def on(self, server: str | None) -> None:
        with self._lock:
            if server:
                self._servers.add(server)
            if not self._depth:
                context, self._pipeline = Container()[PluggableRunContext], _active_pipeline()
                self._theirs = context.providers
                ours = WarehouseSettings(
                    self._theirs.providers, self._servers, destination_lines(Path.cwd())
                )
                context.providers = ConfigProvidersContainer([ours])
                # dlt's logger is named after its run context.
                self._log = logging.getLogger(context.context.name)
                self._log.addFilter(self._filter)
            self._depth += 1

    def off(self) -> None:
        with self._lock:
            self._depth -= 1
            if not self._depth and self._theirs is not None:
                self._log.removeFilter(self._filter)
                Container()[PluggableRunContext].providers = self._theirs
                self._theirs = None
                self._servers.clear()
                _activate(self._pipeline)


def _active_pipeline() -> SupportsPipeline | None:
    context = Container()[PipelineContext]
    return context.pipeline() if context.is_active() else None


def _activate(pipeline: SupportsPipeline | None) -> None:
    """Activate a pipeline, so that `dlt.pipeline()` returns it; None: deactivate the active one."""
    if pipeline is _active_pipeline():
        return
    if isinstance(pipeline, Pipeline):
        pipeline.activate()
    else:
        Container()[PipelineContext].deactivate()


_switch = _Switch()


@contextlib.contextmanager
def dlt_settings(server: str | None = None) -> Iterator[None]:
    """Make dlt use this project's settings, and restore the user's afterwards.

    dlt has one configuration per process, so a pipeline of the user's that runs in another thread
    at the same time uses these settings too.

    Args:
        server: The destination whose credentials the user configures; None for a DuckDB file.

    Yields:
        Once.
    """
    _switch.on(server)
    try:
        yield
    finally:
        _switch.off()
