"""Write the column files, each with its page in Pipedrive's reference.

    .venv/bin/python tools/columns.py [--check]

It reads `openapi.json` beside this file, which holds the facts of the official documents
(`make openapi`). `column_overrides.toml` has what the documents leave out or get wrong.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipedrive_assets.registry import ENTITIES, Endpoint, Entity

if sys.version_info >= (3, 11):
    import tomllib
else:
    try:
        import tomli as tomllib
    except ImportError:
        sys.exit("Python 3.10 reads no TOML by itself: pip install tomli.")

FACTS = Path(__file__).with_name("openapi.json")
OVERRIDES = Path(__file__).with_name("column_overrides.toml")
TARGET = Path(__file__).parents[1] / "pipedrive_assets" / "rows" / "columns"

DECLARED = {"integer": "bigint", "number": "double", "boolean": "bool"}
SAMPLED = {bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}
FORMATS = {"date": "date", "date-time": "timestamp"}
NAMED = {"_date": "date", "_time": "timestamp"}
FORMS = {
    "timestamp": re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
}

RESHAPED = {"participant", "flow", "definition", "mapping"}
"""Shapes whose rows are made here, so that no document tells their columns."""

ADDRESS_PARTS = (
    *("value", "country", "admin_area_level_1", "admin_area_level_2", "locality", "sublocality"),
    *("route", "street_number", "subpremise", "postal_code", "formatted_address"),
)
"""The last one is sent (official migration guide) but missing from the schemas."""

Json = Mapping[str, Any]
ColumnMap = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The columns of one entity: its own and those of its lists."""

    columns: ColumnMap
    lists: dict[str, ColumnMap]

    def matching(self, path: str) -> Iterator[tuple[ColumnMap, str]]:
        """Find the columns that a general `column`, `list.column` or `__leaf` describes."""
        for name, columns in {"": self.columns, **self.lists}.items():
            for column in columns:
                whole = f"{name}.{column}" if name else column
                if whole == path or (path.startswith("__") and whole.endswith(path)):
                    yield columns, column

    def table(self, path: str) -> tuple[ColumnMap, str]:
        """Where an override's `column` or `list.column` belongs."""
        if "." not in path:
            return self.columns, path
        name, column = path.split(".", 1)
        return self.lists.setdefault(name, {}), column


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The facts of the official documents, read once."""

    operations: Mapping[str, Json]

    def operation(self, endpoint: Endpoint) -> Json:
        """Find the facts of a list's GET."""
        return self.operations[endpoint.path.removeprefix("api/")]

    def page(self, entity: Entity) -> str:
        """Name the page of Pipedrive's API reference that tells of an entity's list."""
        page: str = self.operation(entity.endpoints[0])["page"]
        return page

    def example_rows(self, endpoint: Endpoint, nested: str | None) -> list[Any]:
        """Find the rows of the official example answer; none when there is no example."""
        rows = self.operation(endpoint).get("example", {}).get("data")
        if nested and isinstance(rows, dict):
            rows = rows.get(nested)
        return rows if isinstance(rows, list) else []


def read_documents(file: Path) -> Documents:
    """Read the facts; where a list is missing, the run ends with a sentence."""
    try:
        operations = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        sys.exit(f"{file} is missing: run make openapi FROM=folder-with-the-documents.")
    for entity in ENTITIES:
        for endpoint in entity.endpoints:
            if endpoint.path.removeprefix("api/") not in operations:
                sys.exit(
                    f"{file.name} does not have {endpoint.path}, the list of {entity.name}: "
                    "run make openapi FROM=folder-with-the-documents."
                )
    return Documents(operations=operations)


def resolved(schema: Json) -> dict[str, Any]:
    """Lay the `allOf` parts of a schema into one."""
    whole = {key: value for key, value in schema.items() if key != "allOf"}
    for part in map(resolved, schema.get("allOf", ())):
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        whole |= part
        if properties:
            whole["properties"] = properties
    return whole


def item_properties(operation: Json, nested: str | None) -> dict[str, Any]:
    """List what the schema says a row of the answer holds."""
    answer = resolved(operation["answer"])
    rows = resolved(answer["properties"]["data"])
    if nested:
        rows = resolved(rows["properties"][nested])
    return dict(resolved(rows["items"])["properties"])


def included(operation: Json) -> list[str]:
    """List the names `include_fields` takes."""
    names: list[str] = operation["parameters"].get("include_fields", {}).get("enum", [])
    return names


def sampled(name: str, value: object) -> Json:
    """Make a schema for a key that only an example or a parameter names."""
    if value is None:
        return {"type": "integer" if name.endswith(("_id", "_count")) else "string"}
    kind = SAMPLED.get(type(value), "string")
    if kind == "array" and isinstance(value, list):
        return {"type": kind, "items": sampled("value", value[0] if value else "")}
    return {"type": kind}


def completed(properties: Json, values: Iterable[object]) -> dict[str, Any]:
    """Add to the schema's properties what only the examples or our knowledge name."""
    whole = dict(properties)
    for value in values:
        for name, held in value.items() if isinstance(value, dict) else ():
            whole.setdefault(name, sampled(name, held))
    if whole.keys() >= {"value", "postal_code"}:
        for part in ADDRESS_PARTS:
            whole.setdefault(part, {"type": "string"})
    return whole


def scalar_type(name: str, schema: Json, values: Iterable[object]) -> str:
    """Find a plain value's type: the declared one, else what samples, format or name say."""
    if schema.get("type") in DECLARED:
        return DECLARED[schema["type"]]
    texts = [value for value in values if isinstance(value, str) and value]
    if texts:
        return next(
            (kind for kind, form in FORMS.items() if all(map(form.fullmatch, texts))), "text"
        )
    return FORMATS.get(schema.get("format", "")) or NAMED.get(name[-5:], "text")


def found_in(properties: Json, values: list[Any], *, prefix: str = "", top: bool = True) -> Found:
    """Columns of an object: inner objects flattened, lists apart, free-form content as JSON."""
    found = Found(columns={}, lists={})
    for name, raw in completed(properties, values).items():
        part = resolved(raw)
        held = [value[name] for value in values if isinstance(value, dict) and name in value]
        kind = part.get("type", "object" if "properties" in part else "string")
        if kind == "array" and top:
            found.lists[prefix + name] = list_columns(part.get("items", {}), held)
        elif kind == "object" and "properties" in part:
            inner = found_in(part["properties"], held, prefix=f"{prefix}{name}__", top=False)
            found.columns.update(inner.columns)
        elif kind in {"object", "array"}:
            found.columns[prefix + name] = {"type": "json"}
        else:
            found.columns[prefix + name] = {"type": scalar_type(name, part, held)}
    return found


def list_columns(items: Json, lists: Iterable[object]) -> ColumnMap:
    """Columns of a list's items; plain items land in `value`, as dlt names it."""
    schema = resolved(items)
    values = [item for held in lists if isinstance(held, list) for item in held]
    if "properties" in schema:
        return found_in(schema["properties"], values, top=False).columns
    if schema.get("type") in {"object", "array"}:
        return {"value": {"type": "json"}}
    return {"value": {"type": scalar_type("value", schema, values)}}


def documented(documents: Documents, entity: Entity) -> Found:
    """Gather what the documents say about an entity; nothing about one that we reshape."""
    if entity.shape in RESHAPED:
        return Found(columns={}, lists={})
    properties: dict[str, Any] = {}
    rows: list[Any] = []
    names: dict[str, None] = {}
    for endpoint in entity.endpoints:
        operation = documents.operation(endpoint)
        properties = {**item_properties(operation, entity.data_key), **properties}
        rows += documents.example_rows(endpoint, entity.data_key)
        names |= dict.fromkeys(included(operation))
    return found_in(properties, [*rows, names])


def overridden(found: Found, overrides: Mapping[str, Json], entity: Entity) -> Found:
    """Apply the general descriptions and the entity's own overrides."""
    for path, general in overrides.get("*", {}).items():
        for table, column in found.matching(path):
            table[column] |= general
    for path, own in overrides.get(entity.name, {}).items():
        table, column = found.table(path)
        if own.get("drop"):
            if table.pop(column, None) is None:
                sys.exit(f"{OVERRIDES.name}: {entity.name} has no {path} to drop.")
            continue
        table[column] = {**table.get(column, {}), **own}
        if "type" not in table[column]:
            sys.exit(f"{OVERRIDES.name}: {entity.name}.{path} is in no document and has no type.")
    return found


def file_text(content: Any, *, depth: int = 0) -> str:
    """Write the JSON out, a column a line."""
    if not isinstance(content, dict) or not any(isinstance(v, dict) for v in content.values()):
        return json.dumps(content, ensure_ascii=False)
    pad = "  " * depth
    lines = (
        f"{pad}  {json.dumps(name)}: {file_text(value, depth=depth + 1)}"
        for name, value in content.items()
    )
    return "{\n" + ",\n".join(lines) + f"\n{pad}}}"


def expected_files() -> dict[Path, str]:
    """Make every column file's text."""
    documents = read_documents(FACTS)
    overrides = tomllib.loads(OVERRIDES.read_text("utf-8"))
    files = {}
    for entity in ENTITIES:
        found = overridden(documented(documents, entity), overrides, entity)
        content = {
            "page": documents.page(entity),
            "columns": found.columns,
            "lists": found.lists,
        }
        files[TARGET / f"{entity.name}.json"] = file_text(content) + "\n"
    return files


def differing(files: Mapping[Path, str]) -> list[Path]:
    """Files that are missing, hold something else, or belong to no entity."""
    changed = [p for p, text in files.items() if not p.exists() or p.read_text("utf-8") != text]
    return sorted([*changed, *(set(TARGET.glob("*.json")) - set(files))])


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with `--check` say which ones differ."""
    parser = argparse.ArgumentParser(description="Write the column files from openapi.json.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on differences")
    options = parser.parse_args(arguments)
    files = expected_files()
    changed = differing(files)
    for path in changed:
        done = "written" if path in files else "removed"
        print(f"{path.name} {'differs' if options.check else done}")
        if options.check:
            continue
        if path in files:
            path.write_text(files[path], "utf-8")
        else:
            path.unlink()
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
