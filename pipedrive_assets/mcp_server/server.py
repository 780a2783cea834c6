"""The MCP server: registers the tools with the official SDK."""

import functools
from collections.abc import Callable

from pipedrive_assets import __version__
from pipedrive_assets.errors import PipedriveError, extra_needed
from pipedrive_assets.extract.unexpected import foreseen
from pipedrive_assets.mcp_server.tools import Tools

with extra_needed("the MCP server"):
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.types import ToolAnnotations

INSTRUCTIONS = (
    "A copy of a Pipedrive account, for reading only. Start with list_tables, then describe the "
    "tables that you need, then query. Prefer the views whose names end in _readable, which have "
    "names instead of ids, and derived tables such as open_pipeline and pipeline_conversion. Leave "
    "out deleted rows with _deleted_at IS NULL. Amounts are in the currency of the row: never add "
    "different currencies. Values shown as ••• are masked personal data: do not group by them or "
    "compare them; use ids."
)


def build(tools: Tools) -> MCPServer:
    """Return the server of these tools. It is not started yet."""
    server: MCPServer = MCPServer(
        "pipedrive-assets", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )
    for tool in (tools.list_tables, tools.describe, tools.query, tools.freshness, tools.plan):
        server.add_tool(
            _explained(tool),
            description=_summary(tool),
            annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
            structured_output=False,
        )
    return server


def _explained(tool: Callable[..., str]) -> Callable[..., str]:
    """Wrap a tool: a failure is one sentence for the client."""

    @functools.wraps(tool)
    def _call(*args: object, **options: object) -> str:
        try:
            return tool(*args, **options)
        except PipedriveError as error:
            raise ToolError(str(error)) from None
        except Exception as error:  # noqa: BLE001 - a bug is one sentence as well
            raise ToolError(str(foreseen(error, f"running {tool.__name__}"))) from None

    return _call


def _summary(tool: Callable[..., str]) -> str:
    """Return the documentation of a tool for the client, on one line per paragraph."""
    text = (tool.__doc__ or "").partition("Returns:")[0].replace("Args:\n", "\n")
    return "\n".join(" ".join(part.split()) for part in text.split("\n\n") if part.strip())
