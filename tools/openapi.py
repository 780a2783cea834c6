"""Write `openapi.json`: facts from Pipedrive's official documents that tests and tools need.

    .venv/bin/python tools/openapi.py FOLDER

The folder has `openapi-v1.yaml` and `openapi-v2.yaml`, which Pipedrive publishes as `openapi.yaml`
and `openapi-v2.yaml` under https://developers.pipedrive.com/docs/api/v1/, and, if available,
`examples/` with its INDEX.json. The file has paths, token costs, OAuth scopes, parameters, keys and
types of the lists and records that this project reads. It has no texts or values of examples: they
are replaced by placeholders of the same format. Endpoints that the documents lack are kept, and
recorded examples too, unless `examples/` has them.
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
"""Placeholder of a text: for a time, a date, or any other text."""


def address(path: str) -> tuple[str, str]:
    """Split a path into the API version and the path in the documents."""
    version, rest = path.removeprefix("api/").split("/", 1)
    return version, f"/{rest}"


def wanted() -> set[str]:
    """List the paths that this project reads and those that its sandbox answers."""
    paths = {endpoint.path for entity in ENTITIES for endpoint in entity.endpoints}
    return paths | {route.path for route in ROUTES}


def schema_facts(schema: Json) -> dict[str, Any]:
    """Keep types, keys and enums of a schema."""
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


def scope_facts(operation: Json) -> list[str]:
    """Keep the OAuth scopes of which one is enough, in the order of the document."""
    found = (each.get("oauth2", ()) for each in operation.get("security", ()))
    return [scope for scopes in found for scope in scopes]


def operation_facts(path: Json) -> dict[str, Any]:
    """Keep token cost, scopes, parameters, reply schema and reference page of a GET operation."""
    operation = path["get"]
    parameters = [*path.get("parameters", ()), *operation.get("parameters", ())]
    return {
        "page": f"{operation['tags'][0]}#{operation['operationId']}",
        "cost": operation["x-token-cost"],
        "scopes": scope_facts(operation),
        "parameters": {
            each["name"]: {
                "required": each.get("required", False),
                "enum": each["schema"].get("enum", []),
            }
            for each in parameters
            if each["in"] == "query"
        },
        "answer": schema_facts(_content(path)["schema"]),
    }


def _content(path: Json) -> Json:
    """Return the schema, and the example if there is one, of the reply to a GET operation."""
    content: Json = path["get"]["responses"]["200"]["content"]["application/json"]
    return content


def example_facts(value: Any) -> Any:
    """Replace the values of an example by placeholders of the same format."""
    if isinstance(value, dict):
        return {name: example_facts(held) for name, held in value.items()}
    if isinstance(value, list):
        return list({json.dumps(each): each for each in map(example_facts, value)}.values())
    if isinstance(value, bool) or value is None:
        return value and True
    if isinstance(value, str):
        return next((plain for form, plain in FORMS if form.fullmatch(value)), "")
    return type(value)(1)


def extract(folder: Path, paths: Iterable[str], recorded: Json) -> dict[str, Any]:
    """Collect the facts from the documents in a folder; exit with an error if one is missing.

    Args:
        folder: The folder with the documents.
        paths: Paths of the endpoints.
        recorded: The facts so far. They are kept for what the documents lack.

    Returns:
        The facts by path.
    """
    try:
        specs = {
            version: _yaml((folder / f"openapi-{version}.yaml").read_text("utf-8"))
            for version in ("v1", "v2")
        }
    except FileNotFoundError as missing:
        sys.exit(f"{missing.filename} is missing: name the folder that holds the documents.")
    examples = _examples(folder / "examples")
    found: dict[str, Any] = {}
    for version, path in sorted(map(address, paths)):
        name = f"{version}{path}"
        known, documented = recorded.get(name), specs[version].get("paths", {}).get(path)
        if documented:
            example = (
                examples.get((version, path))
                or (known or {}).get("example")
                or example_facts(_content(documented).get("example"))
            )
            facts = operation_facts(documented)
            found[name] = {**facts, "example": example} if example else facts
        elif known:
            found[name] = known
        else:
            sys.exit(
                f"The documents do not have {name}. Correct the path, or write its line into "
                f"{TARGET.name} by hand (see CONTRIBUTING.md, Adding a table)."
            )
    return found


def _examples(folder: Path) -> dict[tuple[str, str], Any]:
    """Read the example replies by version and path; none without an index."""
    if not (index := folder / "INDEX.json").exists():
        return {}
    return {
        (each["version"], each["path"]): example_facts(
            json.loads((folder / each["file"]).read_text("utf-8"))
        )
        for each in json.loads(index.read_text("utf-8"))
    }


def _yaml(text: str) -> Json:
    """Parse YAML with libyaml if it is installed, which takes one second instead of ten."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(text, loader))  # noqa: S506 - both are safe loaders


def text_of(found: Json) -> str:
    """Format as JSON with one operation per line."""
    lines: Iterable[str] = (
        f"{json.dumps(name)}: {json.dumps(each, separators=(',', ':'))}"
        for name, each in found.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Write openapi.json from the documents.")
    parser.add_argument("documents", type=Path, help="folder with the official documents")
    recorded = json.loads(TARGET.read_text("utf-8")) if TARGET.exists() else {}
    found = extract(parser.parse_args().documents, wanted(), recorded)
    TARGET.write_text(text_of(found), "utf-8")


if __name__ == "__main__":
    main()
