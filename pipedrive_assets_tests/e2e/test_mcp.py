"""The MCP server as a client starts it: a process on standard input and output."""

import json
import sys

import anyio
import pytest

pytest.importorskip("mcp")

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters


def test_a_client_starts_the_server_and_queries_what_a_load_wrote(project):
    loaded = project.run("python -m pipedrive_assets load deals persons")
    assert 0 == loaded.returncode, loaded.stderr
    ((deals,),) = project.query("SELECT count(*) FROM deals")
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "pipedrive_assets", "mcp", "--project", str(project.folder)],
        env=dict(project.environment),
    )

    async def asked():
        async with Client(server) as client:
            count = await client.call_tool("query", {"sql": "SELECT count(*) FROM deals"})
            names = await client.call_tool("query", {"sql": "SELECT DISTINCT name FROM persons"})
            refused = await client.call_tool("query", {"sql": "DELETE FROM deals"})
            return [result.content[0].text for result in (count, names, refused)]

    count, names, refused = anyio.run(asked)

    assert [[deals]] == json.loads(count)["rows"]
    assert [["•••"]] == json.loads(names)["rows"]
    assert "Only SELECT" in refused
    assert [(deals,)] == project.query("SELECT count(*) FROM deals")
