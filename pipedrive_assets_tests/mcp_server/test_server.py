"""The MCP server as a client of the official SDK sees it."""

import json

import anyio
import pytest

from pipedrive_assets.cli import main
from pipedrive_assets.config import Settings
from pipedrive_assets.mcp_server.tools import Tools
from pipedrive_assets.registry import DEFAULT_ENTITIES

pytest.importorskip("mcp")

from mcp.client import Client

from pipedrive_assets.mcp_server.server import build


@pytest.fixture
def call(whole):
    """Calls a tool; returns whether it failed, and its text."""
    office, _ = whole
    tools = Tools(Settings(found={}, api_token="0" * 40, warehouse=office.warehouse.path))

    def ask(name, **arguments):
        async def asked():
            async with Client(build(tools)) as client:
                return await client.call_tool(name, arguments)

        result = anyio.run(asked)
        return result.is_error, result.content[0].text

    return ask


def test_the_tools_are_described_and_read_only(whole):
    office, _ = whole
    tools = Tools(Settings(found={}, api_token="0" * 40, warehouse=office.warehouse.path))

    async def listed():
        async with Client(build(tools)) as client:
            return (await client.list_tools()).tools

    found = anyio.run(listed)

    assert ["list_tables", "describe", "query", "freshness", "plan"] == [one.name for one in found]
    assert all(one.annotations.read_only_hint and one.description for one in found)


def test_tables_are_listed_described_and_queried(call):
    failed, text = call("list_tables")
    tables = {each["name"]: each for each in json.loads(text)["tables"]}
    assert not failed
    assert {entity.name for entity in DEFAULT_ENTITIES} <= {*tables}
    assert not [name for name in tables if name.startswith("_")]
    assert tables["deals"]["complete_until"]
    assert tables["deals"]["description"]

    _, text = call("describe", table="persons")
    columns = {each["name"]: each for each in json.loads(text)["columns"]}
    assert columns["name"]["masked"]
    assert columns["update_time"]["description"]
    assert "persons__emails" in json.loads(text)["lists"]

    _, text = call("query", sql="SELECT count(*) AS n FROM deals")
    assert {"columns": ["n"], "rows": [[tables["deals"]["rows"]]], "truncated": None} == json.loads(
        text
    )


def test_freshness_and_plan_need_no_request(call):
    _, text = call("freshness")
    loads = {each["table"]: each for each in json.loads(text)["tables"]}
    assert loads["deals"]["complete_until"]
    assert loads["deals"]["last_load"]

    _, text = call("plan")
    plan = json.loads(text)
    assert [entity.name for entity in DEFAULT_ENTITIES] == [one["table"] for one in plan["tables"]]
    assert plan["summary"]


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("query", {"sql": "DROP TABLE deals"}, "Only SELECT"),
        ("query", {"sql": "SELECT nope FROM deals"}, "nope"),
        ("describe", {"table": "_dlt_loads"}, "There is no table _dlt_loads"),
        ("query", {}, "sql"),
    ],
)
def test_an_error_is_a_sentence_for_the_client(call, tool, arguments, says):
    failed, text = call(tool, **arguments)

    assert failed
    assert says in text
    assert "Traceback" not in text


def test_a_column_without_a_table_is_a_usage_error(capsys):
    assert 2 == main(["mcp", "--show", "title"])
    assert "deals.title" in capsys.readouterr().err
