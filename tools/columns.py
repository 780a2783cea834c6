"""Write the column files, which hold each table's columns and its page in Pipedrive's reference.

    .venv/bin/python tools/columns.py [--check]

Sources are `openapi.json` in this folder, which has facts from the official documents
(`make openapi`), and `column_overrides.toml`, which has what the documents omit or get wrong.
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
from pipedrive_assets.rows.child import record_in

if sys.version_info >= (3, 11):
    import tomllib
else:
    try:
        import tomli as tomllib
    except ImportError:
        sys.exit("Python 3.10 needs tomli to read TOML. Run `pip install tomli`.")

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
"""Shapes of rows that this project builds, so that no document lists their columns."""

ADDRESS_PARTS = (
    *("value", "country", "admin_area_level_1", "admin_area_level_2", "locality", "sublocality"),
    *("route", "street_number", "subpremise", "postal_code", "formatted_address"),
)
"""Keys of an address. The schemas omit the last one, which the migration guide has."""

Json = Mapping[str, Any]
ColumnMap = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Columns of one table and of the lists in its rows."""

    columns: ColumnMap
    lists: dict[str, ColumnMap]

    def matching(self, path: str) -> Iterator[tuple[ColumnMap, str]]:
        """Yield the columns that match `column`, `list.column` or the ending `__leaf`."""
        for name, columns in {"": self.columns, **self.lists}.items():
            for column in columns:
                whole = f"{name}.{column}" if name else column
                if whole == path or (path.startswith("__") and whole.endswith(path)):
                    yield columns, column

    def table(self, path: str) -> tuple[ColumnMap, str]:
        """Find the table to which an override's `column` or `list.column` belongs."""
        if "." not in path:
            return self.columns, path
        name, column = path.split(".", 1)
        return self.lists.setdefault(name, {}), column


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Facts from the official documents."""

    operations: Mapping[str, Json]

    def operation(self, endpoint: Endpoint) -> Json:
        """Return the facts of an endpoint."""
        return self.operations[endpoint.path.removeprefix("api/")]

    def page(self, entity: Entity) -> str:
        """Return the page of an endpoint in Pipedrive's API reference."""
        page: str = self.operation(entity.endpoints[0])["page"]
        return page

    def example_rows(self, endpoint: Endpoint, entity: Entity) -> list[Any]:
        """Return the rows of the official example reply; empty without an example."""
        rows = self.operation(endpoint).get("example", {}).get("data")
        if entity.data_key and isinstance(rows, dict):
            rows = rows.get(entity.data_key)
        if entity.paging == "record":
            return rows if isinstance(rows, list) else [rows]
        rows = rows if isinstance(rows, list) else []
        return [record_in(row, entity.record_key) for row in rows] if entity.record_key else rows


def read_documents(file: Path) -> Documents:
    """Read the facts; exit with an error if an endpoint is missing."""
    try:
        operations = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        sys.exit(f"{file} is missing. Run `make openapi FROM=<folder with the documents>`.")
    for entity in ENTITIES:
        for endpoint in entity.endpoints:
            if endpoint.path.removeprefix("api/") not in operations:
                sys.exit(
                    f"{file.name} does not have {endpoint.path}, the list of {entity.name}. "
                    "Run `make openapi FROM=<folder with the documents>`, or write its line by "
                    "hand (see CONTRIBUTING.md, Adding a table)."
                )
    return Documents(operations=operations)


def resolved(schema: Json) -> dict[str, Any]:
    """Merge the `allOf` parts of a schema."""
    whole = {key: value for key, value in schema.items() if key != "allOf"}
    for part in map(resolved, schema.get("allOf", ())):
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        whole |= part
        if properties:
            whole["properties"] = properties
    return whole


def item_properties(operation: Json, entity: Entity) -> dict[str, Any]:
    """Return the properties that the schema of a reply has for a row."""
    nested = entity.data_key
    answer = resolved(operation["answer"])
    rows = resolved(answer["properties"].get("data", answer))  # permission sets lack the envelope
    if nested:
        rows = resolved(rows["properties"][nested])
    if entity.paging == "record":
        return dict(rows["properties"])
    properties = dict(resolved(rows["items"])["properties"])
    if entity.record_key:
        properties |= resolved(properties.pop(entity.record_key))["properties"]
    return properties


def included(operation: Json) -> list[str]:
    """List the names that `include_fields` accepts."""
    names: list[str] = operation["parameters"].get("include_fields", {}).get("enum", [])
    return names


def sampled(name: str, value: object) -> Json:
    """Build a schema for a key that only an example or a parameter has."""
    if value is None:
        return {"type": "integer" if name.endswith(("_id", "_count")) else "string"}
    kind = SAMPLED.get(type(value), "string")
    if kind == "array" and isinstance(value, list):
        return {"type": kind, "items": sampled("value", value[0] if value else "")}
    return {"type": kind}


def completed(properties: Json, values: Iterable[object]) -> dict[str, Any]:
    """Add keys that only examples have, and missing parts of addresses, to the properties."""
    whole = dict(properties)
    for value in values:
        for name, held in value.items() if isinstance(value, dict) else ():
            whole.setdefault(name, sampled(name, held))
    if whole.keys() >= {"value", "postal_code"}:
        for part in ADDRESS_PARTS:
            whole.setdefault(part, {"type": "string"})
    return whole


def scalar_type(name: str, schema: Json, values: Iterable[object]) -> str:
    """Determine the type of a column without inner objects.

    Args:
        name: Name of the column; its ending is the last resort.
        schema: Schema of the column. Samples take precedence over its format, but not over a
            declared number or boolean.
        values: Sample values.

    Returns:
        The column type.
    """
    if schema.get("type") in DECLARED:
        return DECLARED[schema["type"]]
    texts = [value for value in values if isinstance(value, str) and value]
    if texts:
        return next(
            (kind for kind, form in FORMS.items() if all(map(form.fullmatch, texts))), "text"
        )
    return FORMATS.get(schema.get("format", "")) or NAMED.get(name[-5:], "text")


def found_in(properties: Json, values: list[Any], *, prefix: str = "", top: bool = True) -> Found:
    """Determine the columns of an object: inner objects flattened, lists separate, the rest JSON.

    Args:
        properties: Schema of the object by key.
        values: Sample objects.
        prefix: Prefix of the column names.
        top: Whether the object is a row, whose lists get tables.

    Returns:
        The columns and lists.
    """
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
    """Determine the columns of a list's items; plain items are in `value`, as dlt names it."""
    schema = resolved(items)
    values = [item for held in lists if isinstance(held, list) for item in held]
    if "properties" in schema:
        return found_in(schema["properties"], values, top=False).columns
    if schema.get("type") in {"object", "array"}:
        return {"value": {"type": "json"}}
    return {"value": {"type": scalar_type("value", schema, values)}}


def documented(documents: Documents, entity: Entity) -> Found:
    """Collect the documented columns of a table; none if this project builds its rows."""
    if entity.shape in RESHAPED or entity.per_interval:
        return Found(columns={}, lists={})
    properties: dict[str, Any] = {}
    rows: list[Any] = []
    names: dict[str, None] = {}
    for endpoint in entity.endpoints:
        operation = documents.operation(endpoint)
        properties = {**item_properties(operation, entity), **properties}
        rows += documents.example_rows(endpoint, entity)
        names |= dict.fromkeys(included(operation))
    return found_in(properties, [*rows, names])


def sections_of(overrides: Mapping[str, Json], name: str) -> list[str]:
    """List the sections of a table: those that its own section names with `as`, then its own."""
    twin = overrides.get(name, {}).get("as")
    return [*(sections_of(overrides, twin) if twin else ()), name]


def overridden(found: Found, overrides: Mapping[str, Json], entity: Entity) -> Found:
    """Apply the general overrides and those of one table.

    Args:
        found: Columns from the documents; they are changed in place.
        overrides: Content of the overrides file.
        entity: The table.

    Returns:
        The columns.
    """
    for path, general in overrides.get("*", {}).items():
        for table, column in found.matching(path):
            table[column] |= general
    sections = sections_of(overrides, entity.name)
    for path, own in (each for name in sections for each in overrides.get(name, {}).items()):
        if path == "as" or (path not in overrides[entity.name] and not any(found.matching(path))):
            continue
        table, column = found.table(path)
        if own.get("drop"):
            if table.pop(column, None) is None:
                sys.exit(f"{OVERRIDES.name}: {entity.name} has no column {path} to drop.")
            continue
        table[column] = {**table.get(column, {}), **own}
        if own.get("type") == "json":
            found.lists.pop(column, None)
        if "type" not in table[column]:
            sys.exit(f"{OVERRIDES.name}: {entity.name}.{path} is undocumented and needs a type.")
    return found


def file_text(content: Any, *, depth: int = 0) -> str:
    """Format as JSON with one column per line."""
    if not isinstance(content, dict) or not any(isinstance(v, dict) for v in content.values()):
        return json.dumps(content, ensure_ascii=False)
    pad = "  " * depth
    lines = (
        f"{pad}  {json.dumps(name)}: {file_text(value, depth=depth + 1)}"
        for name, value in content.items()
    )
    return "{\n" + ",\n".join(lines) + f"\n{pad}}}"


def expected_files() -> dict[Path, str]:
    """Build the text of all column files by path."""
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


def undescribed(files: Mapping[Path, str]) -> list[str]:
    """List columns without a description as `table.column` or `table.list.column`."""
    missing = []
    for path, text in files.items():
        content = json.loads(text)
        for place, columns in {"": content["columns"], **content["lists"]}.items():
            names = (path.stem, place) if place else (path.stem,)
            missing += [
                ".".join((*names, column))
                for column, facts in columns.items()
                if not facts.get("description")
            ]
    return missing


def missing_keys(files: Mapping[Path, str]) -> list[str]:
    """List key columns and cursors that the file of a table lacks, as `table.column`."""
    missing = []
    for entity in ENTITIES:
        held = json.loads(files[TARGET / f"{entity.name}.json"])["columns"]
        wanted = (*entity.key, *filter(None, [entity.cursor]))
        missing += [f"{entity.name}.{column}" for column in wanted if column not in held]
    return missing


def differing(files: Mapping[Path, str]) -> list[Path]:
    """List files that are missing, differ, or belong to no table."""
    changed = [p for p, text in files.items() if not p.exists() or p.read_text("utf-8") != text]
    return sorted([*changed, *(set(TARGET.glob("*.json")) - set(files))])


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or print which differ (`--check`), and print what the columns lack."""
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
    missing, undocumented = undescribed(files), missing_keys(files)
    for column in missing:
        print(f"{column} has no description. Add one to {OVERRIDES.name}.")
    for column in undocumented:
        print(
            f"{column} is part of the key, or the cursor, but the reply lacks it. Add its type and "
            f"description to {OVERRIDES.name}, or correct the registry."
        )
    return 1 if missing or undocumented or (options.check and changed) else 0


if __name__ == "__main__":
    sys.exit(main())
