"""Write `openapi.json`: the facts of Pipedrive's official documents that tests and tools check.

    .venv/bin/python tools/openapi.py FOLDER

The folder holds `openapi-v1.yaml`, `openapi-v2.yaml` and `examples/` with its INDEX.json. Kept are
paths, token costs, parameters, keys and types of the lists and records that this project reads. No
text and no value of an example is kept: each is replaced by a plain value of the same form.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipedrive_assets.registry import ENTITIES
from pipedrive_assets.sandbox.http.routes import ROUTES

TARGET = Path(__file__).with_name("openapi.json")
Json = Mapping[str, Any]

FORMS = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*"), "2020-01-01T00:00:00Z"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "2020-01-01"),
    (re.compile(r".+", re.DOTALL), "x"),
)
"""What stands for a text: a time, a date, or any other text."""


def address(path: str) -> tuple[str, str]:
    """Split a path of ours into the version and the path of the documents."""
    version, rest = path.removeprefix("api/").split("/", 1)
    return version, f"/{rest}"


def wanted() -> set[str]:
    """List what this project reads, and what its sandbox answers."""
    paths = {endpoint.path for entity in ENTITIES for endpoint in entity.endpoints}
    return paths | {route.path for route in ROUTES}


def schema_facts(schema: Json) -> dict[str, Any]:
    """Keep the types, keys and choices of a schema."""
    kept: dict[str, Any] = {key: schema[key] for key in ("type", "format", "enum") if key in schema}
    if "properties" in schema:
        kept["properties"] = {
            name: schema_facts(part) for name, part in schema["properties"].items()
        }
    if isinstance(schema.get("items"), dict):
        kept["items"] = schema_facts(schema["items"])
    if "allOf" in schema:
        kept["allOf"] = [schema_facts(part) for part in schema["allOf"]]
    for key in ("oneOf", "anyOf"):
        if key in schema:
            kept[key] = []
    return kept


def operation_facts(path: Json) -> dict[str, Any]:
    """Keep the price, the parameters, the rows and the page in the reference of a GET."""
    operation = path["get"]
    parameters = [*path.get("parameters", ()), *operation.get("parameters", ())]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return {
        "page": f"{operation['tags'][0]}#{operation['operationId']}",
        "cost": operation["x-token-cost"],
        "parameters": {
            each["name"]: {
                "required": each.get("required", False),
                "enum": each["schema"].get("enum", []),
            }
            for each in parameters
            if each["in"] == "query"
        },
        "answer": schema_facts(answer),
    }


def example_facts(value: Any) -> Any:
    """Replace the values of an example by plain ones of the same form."""
    if isinstance(value, dict):
        return {name: example_facts(held) for name, held in value.items()}
    if isinstance(value, list):
        return list({json.dumps(each): each for each in map(example_facts, value)}.values())
    if isinstance(value, bool) or value is None:
        return value and True
    if isinstance(value, str):
        return next((plain for form, plain in FORMS if form.fullmatch(value)), "")
    return type(value)(1)


def extract(folder: Path, paths: Iterable[str]) -> dict[str, Any]:
    """Gather the facts from the documents in a folder; a missing one ends the run."""
    try:
        index = json.loads((folder / "examples" / "INDEX.json").read_text("utf-8"))
        specs = {
            version: _yaml((folder / f"openapi-{version}.yaml").read_text("utf-8"))
            for version in ("v1", "v2")
        }
        files = {(each["version"], each["path"]): each["file"] for each in index}
        found = {}
        for version, path in sorted(map(address, paths)):
            facts = operation_facts(specs[version]["paths"][path])
            if file := files.get((version, path)):
                text = (folder / "examples" / file).read_text("utf-8")
                facts["example"] = example_facts(json.loads(text))
            found[f"{version}{path}"] = facts
    except FileNotFoundError as missing:
        sys.exit(f"{missing.filename} is missing: name the folder that holds the documents.")
    return found


def _yaml(text: str) -> Json:
    """Read YAML with libyaml where there is one: a second instead of ten."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(text, loader))  # noqa: S506 - both are safe loaders


def text_of(found: Json) -> str:
    """Write the JSON out, an operation a line."""
    lines: Iterable[str] = (
        f"{json.dumps(name)}: {json.dumps(each, separators=(',', ':'))}"
        for name, each in found.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Write openapi.json from the documents.")
    parser.add_argument("documents", type=Path, help="folder with the official documents")
    TARGET.write_text(text_of(extract(parser.parse_args().documents, wanted())), "utf-8")


if __name__ == "__main__":
    main()
