"""`mcp`: the read-only MCP server on standard input and output."""

from collections.abc import Sequence
from pathlib import Path

from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.mcp_server.query import QueryLimits
from pipedrive_assets.mcp_server.server import build
from pipedrive_assets.mcp_server.tools import EVERYTHING, Tools


def mcp(
    project: Path | None,
    show: Sequence[str],
    *,
    show_personal: bool,
    rows: int,
    seconds: float,
) -> None:
    """Serve until the client closes the connection.

    Args:
        project: The folder with .env and the warehouse; None: the current one.
        show: Columns with personal data that are not masked, as `table.column`.
        show_personal: Whether no column is masked.
        rows: Rows of a reply.
        seconds: Seconds that a query may run.

    Raises:
        ConfigurationError: A setting or an option is invalid.
    """
    for name in show:
        table, _, column = name.partition(".")
        if not (table and column):
            raise ConfigurationError(
                f"--show {name}: name a table and a column, for example deals.title."
            )
    tools = Tools(
        Settings.from_env(root=project),
        shown=[EVERYTHING] if show_personal else show,
        limits=QueryLimits(rows=rows, seconds=seconds),
    )
    build(tools).run("stdio")
