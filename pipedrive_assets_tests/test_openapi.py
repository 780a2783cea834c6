"""The facts of the official documents: what is kept of them, and that no text is."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from pipedrive_assets.registry import ENTITIES
from pipedrive_assets.sandbox.http.routes import ROUTES

TOOLS = Path(__file__).parents[1] / "tools"
SPEC = """
paths:
  /stages:
    get:
      tags: [Stages]
      operationId: getStages
      description: Returns all stages.
      x-token-cost: 10
      security: [{api_key: []}, {oauth2: ['deals:read', admin]}]
      parameters:
        - in: query
          name: sort_by
          description: The field to sort by.
          schema: {enum: [id, add_time]}
        - {in: path, name: id, required: true, schema: {type: integer}}
      responses:
        '200':
          content:
            application/json:
              schema:
                title: Stages
                type: object
                properties:
                  data:
                    type: array
                    items:
                      allOf:
                        - type: object
                          properties: {name: {type: string, description: Its name}}
"""
EXAMPLE = {
    "data": [
        {"name": "Qualified", "added": "2019-05-29 04:21:51", "due": "2019-05-29", "rot": None},
        {"name": "Proposal", "added": "2020-05-29 04:21:51", "due": "2020-05-29", "rot": None},
        {"name": "", "added": "2020-05-29 04:21:51", "rate": 2.5, "is_deleted": False},
    ]
}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    pytest.importorskip("yaml", reason="the generator needs pyyaml")
    spec = importlib.util.spec_from_file_location("openapi_tool", TOOLS / "openapi.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "stages.json").write_text(json.dumps(EXAMPLE), "utf-8")
    index = [{"version": "v2", "path": "/stages", "file": "stages.json"}]
    (tmp_path / "examples" / "INDEX.json").write_text(json.dumps(index), "utf-8")
    (tmp_path / "openapi-v1.yaml").write_text("paths: {}", "utf-8")
    (tmp_path / "openapi-v2.yaml").write_text(SPEC, "utf-8")
    return tmp_path


def test_prices_parameters_keys_types_and_forms_are_kept_and_nothing_else(
    tool: ModuleType, documents: Path
) -> None:
    time, day = "2020-01-01T00:00:00Z", "2020-01-01"
    row = {"type": "object", "properties": {"name": {"type": "string"}}}

    assert {
        "v2/stages": {
            "page": "Stages#getStages",
            "cost": 10,
            "scopes": ["deals:read", "admin"],
            "parameters": {"sort_by": {"required": False, "enum": ["id", "add_time"]}},
            "answer": {
                "type": "object",
                "properties": {"data": {"type": "array", "items": {"allOf": [row]}}},
            },
            "example": {
                "data": [
                    {"name": "x", "added": time, "due": day, "rot": None},
                    {"name": "", "added": time, "rate": 1.0, "is_deleted": False},
                ]
            },
        }
    } == tool.extract(documents, ["api/v2/stages"], {})


def test_a_missing_document_ends_the_command_with_a_sentence(
    tool: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"openapi-v1\.yaml"):
        tool.extract(tmp_path, ["api/v2/stages"], {})


def test_what_the_documents_lack_keeps_its_recorded_facts(
    tool: ModuleType, documents: Path
) -> None:
    (documents / "examples" / "INDEX.json").unlink()
    team, example = {"page": "LegacyTeams#getTeams"}, {"data": [{"name": "x"}]}
    recorded = {"v1/legacyTeams": team, "v2/stages": {"example": example}}

    found = tool.extract(documents, ["v1/legacyTeams", "api/v2/stages"], recorded)

    assert team == found["v1/legacyTeams"]
    assert example == found["v2/stages"]["example"]
    assert found["v2/stages"]["cost"] == 10


def test_an_endpoint_without_a_recorded_example_has_that_of_its_document(
    tool: ModuleType, documents: Path
) -> None:
    (documents / "examples" / "INDEX.json").unlink()
    own = {"data": [{"name": "Qualified", "added": "2019-05-29 04:21:51"}]}
    spec = SPEC + f"              example: {json.dumps(own)}\n"
    (documents / "openapi-v2.yaml").write_text(spec, "utf-8")
    expected = {"data": [{"name": "x", "added": "2020-01-01T00:00:00Z"}]}

    assert expected == tool.extract(documents, ["api/v2/stages"], {})["v2/stages"]["example"]


def test_an_endpoint_without_any_facts_ends_the_command_with_a_sentence(
    tool: ModuleType, documents: Path
) -> None:
    with pytest.raises(SystemExit, match="v1/legacyTeams"):
        tool.extract(documents, ["v1/legacyTeams"], {})


def test_the_file_has_each_list_and_route_and_no_text_of_the_documents() -> None:
    text = (TOOLS / "openapi.json").read_text("utf-8")
    paths = {endpoint.path for entity in ENTITIES for endpoint in entity.endpoints}
    paths |= {route.path for route in ROUTES}

    assert {path.removeprefix("api/") for path in paths} == json.loads(text).keys()
    assert [] == [each for each in re.findall(r'"([^"]*)"', text) if len(each.split()) > 3]
