"""Processes that read a warehouse: the MCP server as a client starts it, and exports."""

import json
import os
import signal
import sys
import time

import anyio
import duckdb
import pytest


def test_a_client_starts_the_server_and_queries_what_a_load_wrote(project):
    pytest.importorskip("mcp")
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters

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


def test_an_export_that_is_killed_is_completed_by_the_next_one(project, tmp_path):
    loaded = project.run("python -m pipedrive_assets load deals persons stages")
    assert 0 == loaded.returncode, loaded.stdout
    target = project.folder / "exported"
    command = f"python -m pipedrive_assets export --to {target}"

    killed = project.start(command, tmp_path / "log")
    while killed.poll() is None and not list(target.glob("*/*.parquet")):
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    assert -signal.SIGKILL == killed.wait()
    seen = rows(target)
    completed = project.run(command)
    again = project.run(command)

    assert 0 == completed.returncode, completed.stdout
    assert "\n0 files written" in again.stdout
    everything = rows(target)
    assert {name: everything[name] for name in seen} == seen
    for name in ("deals", "persons__emails", "stages"):
        assert [(everything[name],)] == project.query(f"SELECT count(*) FROM {name}")


def rows(target):
    """The number of rows of each table that a reader of the manifest finds."""
    path = target / "manifest.json"
    if not path.exists():
        return {}
    tables = json.loads(path.read_text("utf-8"))["tables"]
    with duckdb.connect() as connection:
        return {
            name: connection.execute(
                "SELECT count(*) FROM read_parquet($1)",
                [[str(target / file["path"]) for file in table["files"]]],
            ).fetchall()[0][0]
            for name, table in tables.items()
        }
