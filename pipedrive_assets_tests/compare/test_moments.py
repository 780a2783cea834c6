"""Readers of a warehouse with histories: `diff --at`, the MCP server, and exports."""

import json
from datetime import timedelta

import pytest

from pipedrive_assets.cli import main
from pipedrive_assets.compare import Comparison, Side, compare
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.export import ExportRequest, export
from pipedrive_assets.mcp_server.tools import Tools
from pipedrive_assets_tests.conftest import NOON, Office

DATASET = "pipedrive_data"


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """An office whose persons have changed after a load, and the moment before that."""
    office = Office(tmp_path_factory.mktemp("past"), deals=4)
    office.history = ("persons",)
    office.load("persons", "stages")
    office.advance(minutes=5)
    before = office.sandbox.now
    office.advance(minutes=5)
    renamed, gone = office.world.ids("persons")[:2]
    office.world.edit("persons", renamed, name="Vera Secret", emails=[{"value": "v@example.com"}])
    office.world.delete("persons", gone)
    office.load("persons")
    office.reconcile("persons")
    yield office, before, renamed, gone
    office.warehouse.close()


def persons(past, *moments, **how):
    office = past[0]
    a, b = (Side(path=office.warehouse.path, dataset=DATASET, moment=at) for at in moments)
    (found,) = compare(a, b, Comparison(**how))
    return found


@pytest.mark.slow
def test_two_moments_of_a_file_are_compared_by_its_histories(past):
    office, before, renamed, gone = past

    found = persons(past, before, None, shows_personal=True)
    back = persons(past, None, before)

    assert ([(gone,)], 0) == (found.keys_in_a, found.only_in_b)
    (changed,) = [row for row in found.examples if row.key == (renamed,)]
    assert "Vera Secret" == changed.values["name"][1]
    assert "emails" in changed.values
    assert (0, [(gone,)], found.changed) == (back.only_in_a, back.keys_in_b, back.changed)
    assert {("•••", "•••")} == {row.values["name"] for row in back.examples if "name" in row.values}
    assert persons(past, office.sandbox.now + timedelta(hours=1), None).is_equal


@pytest.mark.slow
def test_a_moment_before_the_history_is_refused(past):
    with pytest.raises(ConfigurationError, match=r"persons_history .* begins"):
        persons(past, NOON.replace(year=2000), None)
    with pytest.raises(ConfigurationError, match="stages"):
        persons(past, past[1], None, tables=("stages",))


@pytest.mark.slow
def test_the_command_takes_one_or_two_moments(past, capsys):
    path, before = str(past[0].warehouse.path), past[1].isoformat()

    assert 1 == main(["diff", path, path, "--at", before, "--json"])
    assert 1 == json.loads(capsys.readouterr().out)["tables"][0]["only_in_a"]
    assert 2 == main(["diff", path, path, "--at", before, "--at", before])
    assert 2 == main(["diff", path, path, "--at", "yesterday"])
    assert "--at yesterday" in capsys.readouterr().err


@pytest.mark.slow
def test_personal_data_in_histories_is_masked(past):
    office = past[0]
    tools = Tools(Settings(found={}, api_token="0" * 40, warehouse=office.warehouse.path))

    reply = json.loads(tools.query("SELECT name, emails, _is_current FROM persons_history"))
    described = {
        each["name"]: each for each in json.loads(tools.describe("persons_history"))["columns"]
    }

    assert 4 < len(reply["rows"])
    assert {"•••"} == {name for name, _, _ in reply["rows"]}
    assert {'"•••"'} >= {emails for _, emails, _ in reply["rows"] if emails is not None}
    assert described["emails"]["masked"]
    assert "masked" not in described["label_ids"]
    assert described["_valid_from"]["description"]


@pytest.mark.slow
def test_histories_are_exported_with_their_table(past, tmp_path):
    office = past[0]
    settings = Settings(found={}, api_token="0" * 40, warehouse=office.warehouse.path)
    request = ExportRequest(url=str(tmp_path / "out"), now=NOON, tables=["persons"])

    first = {done.name: done for done in export(settings, request)}
    second = {done.name: done for done in export(settings, request)}

    ((versions,),) = office.query("SELECT count(*) FROM persons_history")
    assert versions == first["persons_history"].rows_written
    assert 0 == second["persons_history"].files_written
