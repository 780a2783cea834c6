"""SQL with which DuckDB alone reads stored replies into typed tables."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipedrive_assets.registry import ENTITIES, Entity
from pipedrive_assets.rows.columns import EVERY_TABLE, Column, columns_of

TYPES = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    "json": "JSON",
}
Tree = dict[str, "str | Tree"]


def statements(folder: Path) -> Iterator[str]:
    """Yield one statement per table that has stored replies."""
    for entity in ENTITIES:
        paths = [endpoint.path for endpoint in entity.endpoints]
        patterns = [re.escape(path.replace("/", ".")).replace(r"\{id\}", r"\d+") for path in paths]
        matches = re.compile("|".join(patterns)).fullmatch
        folders = [each for each in sorted(folder.iterdir()) if matches(each.name)]
        if entity.shape not in {"definition", "mapping"} and folders:
            yield _statement(entity, folders)


def _statement(entity: Entity, folders: list[Path]) -> str:
    files = [str(file) for folder in folders for file in sorted(folder.iterdir())]
    row, expand = ("JSON", "r") if entity.parent else (_struct(entity), "r.*")
    return (
        f"CREATE TABLE {entity.name} AS SELECT {expand} FROM (SELECT unnest(data) AS r FROM "
        f"read_json({files}, columns = {{data: '{row}[]'}}, format = 'unstructured', "
        "maximum_object_size = 1073741824))"
    )


def _struct(entity: Entity) -> str:
    known = columns_of(entity.name)
    tree = _tree({name: each for name, each in known.columns.items() if name not in EVERY_TABLE})
    lists = {name: f"{_list_item(columns)}[]" for name, columns in known.lists.items()}
    custom: Tree = {"custom_fields": "JSON"} if entity.fields else {}
    return _written({**tree, **lists, **custom})


def _list_item(columns: Mapping[str, Column]) -> str:
    if set(columns) == {"value"}:
        return TYPES[columns["value"].type]
    return _written(_tree(columns))


def _tree(columns: Mapping[str, Column]) -> Tree:
    tree: Tree = {}
    for name, column in columns.items():
        outer, nested, leaf = name.partition("__")
        inner = tree.setdefault(outer, {}) if nested else None
        if isinstance(inner, dict):
            inner[leaf] = TYPES[column.type]
        else:
            tree[name] = TYPES[column.type]
    return tree


def _written(tree: "str | Tree") -> str:
    if isinstance(tree, str):
        return tree
    leaves = ", ".join(f'"{name}" {_written(leaf)}' for name, leaf in tree.items())
    return f"STRUCT({leaves})"
