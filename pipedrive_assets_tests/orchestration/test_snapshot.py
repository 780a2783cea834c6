"""The definitions are the recorded ones. After an intended change: `make snapshot`."""

import json
import runpy
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "snapshot.py"
CHANGED = "The definitions differ from definitions.json: run make snapshot, and read its diff."


@pytest.fixture(scope="module")
def tool():
    return runpy.run_path(str(TOOL))


def test_the_definitions_are_the_recorded_ones(tool):
    recorded = json.loads(tool["TARGET"].read_text("utf-8"))

    assert recorded == json.loads(tool["snapshot"]()), CHANGED


def test_the_record_has_every_table_and_names_every_kind_of_definition(tool):
    recorded = json.loads(tool["TARGET"].read_text("utf-8"))

    assert ["by default", "assets", "checks", "jobs", "schedules", "sensors"] == list(recorded)
    assert {entity.name for entity in tool["ENTITIES"]} <= set(recorded["assets"])
    assert all(recorded.values())


def test_a_difference_is_reported_and_the_command_removes_it(tool, tmp_path, monkeypatch, capsys):
    file = tmp_path / "definitions.json"
    monkeypatch.setitem(tool["main"].__globals__, "TARGET", file)
    monkeypatch.setitem(tool["main"].__globals__, "snapshot", lambda: '{"assets": {}}\n')

    assert 1 == tool["main"](["--check"])
    assert "make snapshot" in capsys.readouterr().out
    assert not file.exists()
    assert 0 == tool["main"]([])
    assert 0 == tool["main"](["--check"])
