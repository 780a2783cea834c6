"""Writes rows to a DuckDB file: one transaction per commit, in dlt's layout.

Tables, columns, keys of rows and lists, `_dlt_loads` and the schema in `_dlt_version` are those
that a dlt pipeline would write. dlt itself takes 0.2 seconds per commit, and loads a table and its
lists in separate transactions until it merges them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import orjson
from dlt.common.schema import Schema
from dlt.common.storages.load_package import create_load_id

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.warehouse.dialect import TYPES, Sql, changed_rows, quoted
from pipedrive_assets.warehouse.dlt.jsonl import JsonlEncoder
from pipedrive_assets.warehouse.dlt.schema import schema_name, typed_schema
from pipedrive_assets.warehouse.statements import columns_in, table, transaction
from pipedrive_assets.warehouse.warehouse import Warehouse

Row = dict[str, Any]

_KEYS = "_pipedrive_keys"
"""The file with the keys of new rows, and the table with the `_dlt_id` of the rows they replace."""

_LEAST_BYTES = 1 << 20
"""The least limit of a line; DuckDB reserves a multiple of it for each file."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file of JSON lines.

    Attributes:
        path: Its path.
        lines: The number of lines.
        longest: The length of the longest line in bytes.
    """

    path: Path
    lines: int
    longest: int


Files = Mapping[str, _File]
"""The rows to write, by table."""


def write_rows(
    warehouse: Warehouse,
    entity: Entity,
    rows: Sequence[Row],
    custom: FieldSet | None,
    then: Callable[[Sql, str], None],
) -> str:
    """Merge rows into a table, and create the table and its missing columns.

    The children of one parent replace its previous children.

    Args:
        warehouse: A warehouse in a file; the caller holds its lock.
        entity: The table.
        rows: Normalized rows; without rows only the table is created.
        custom: The custom fields of the table; None if it has none.
        then: Further writes in the transaction of the rows, with dlt's id of the load.

    Returns:
        dlt's id of the load.
    """
    held, load_id = warehouse.schema(schema_name(entity)), create_load_id()
    schema = typed_schema(held, entity, custom)
    lines = JsonlEncoder(schema, entity.name, _trusted(entity, custom), load_id)
    lines.add(rows)
    names = [entity.name, *(name for name in lines.written if name != entity.name)]
    for name in names:
        schema.tables[name]["x-normalizer"] = {"seen-data": True}
    lines.written[_KEYS] = _key_lines(entity, rows)
    with warehouse.sql() as sql, _files(warehouse.folder, lines.written) as files:
        columns = _stored_columns(sql, entity)
        with transaction(sql):
            columns |= _define(sql, schema, names, columns)
            stored = _store_schema(sql, schema, held)
            _merge(sql, stored, entity, columns, files)
            then(sql, load_id)
            _record_load(sql, stored, load_id)
        warehouse.remember(schema_name(entity), stored)
    return load_id


def _replaced_by(entity: Entity) -> Sequence[str]:
    """Return the columns that identify the rows to replace: of a child table, all of a parent."""
    return entity.key[:1] if entity.kind is Kind.CHILD else entity.key


def _key_lines(entity: Entity, rows: Sequence[Row]) -> list[bytes]:
    names = _replaced_by(entity)
    keys = dict.fromkeys(tuple(row.get(name) for name in names) for row in rows)
    return [orjson.dumps(dict(zip(names, key, strict=True))) + b"\n" for key in keys]


def _trusted(entity: Entity, custom: FieldSet | None) -> dict[str, set[str]]:
    """Return the columns that are normalized: those of column files and of custom fields."""
    known = columns_of(entity.name)
    trusted = {name: set(columns) for name, columns in known.lists.items()}
    if custom:
        trusted |= {name: set(columns) for name, columns in custom.lists.items()}
    return {**trusted, "": {*known.columns, *(custom.columns if custom else ())}}


@contextmanager
def _files(folder: Path, lines: dict[str, list[bytes]]) -> Iterator[Files]:
    """Move the lines of each table to a file, and delete the files afterwards."""
    files = {
        name: _File(folder / f"{name}.jsonl", len(some), max(map(len, some), default=0))
        for name, some in lines.items()
    }
    try:
        for name, file in files.items():
            file.path.write_bytes(b"".join(lines.pop(name)))
        yield files
    finally:
        for file in files.values():
            file.path.unlink(missing_ok=True)


def _stored_columns(sql: Sql, entity: Entity) -> dict[str, set[str]]:
    """Return the columns of the table and of its list tables, as far as they exist.

    `duckdb_columns()` would list the columns of all tables, which takes twice as long.
    """
    name, lists = quoted(entity.name), quoted(f"{entity.name}__")
    rows = sql.execute_sql(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() "
        f"AND schema_name = {quoted(sql.dataset_name)} AND (table_name IN "
        f"({name}, '_dlt_version', '_dlt_loads') OR starts_with(table_name, {lists}))"
    )
    return {each: columns_in(sql, each) for (each,) in rows or ()}


def _define(
    sql: Sql, schema: Schema, names: Iterable[str], stored: Mapping[str, set[str]]
) -> dict[str, set[str]]:
    """Create the tables and columns that do not exist, and return the columns of these tables."""
    found = {}
    for name in (schema.version_table_name, schema.loads_table_name, *names):
        types, hints = _types(schema, name), schema.tables[name]["columns"]
        parts = {key: f"{sql.escape_column_name(key)} {kind}" for key, kind in types.items()}
        if name not in stored:
            required = {key for key in types if not hints[key].get("nullable", True)}
            columns = [
                f"{part} NOT NULL" if key in required else part for key, part in parts.items()
            ]
            sql.execute_sql(f"CREATE TABLE {table(sql, name)} ({', '.join(columns)})")
        for key in types.keys() - stored.get(name, types.keys()):
            sql.execute_sql(f"ALTER TABLE {table(sql, name)} ADD COLUMN {parts[key]}")
        found[name] = {*types, *stored.get(name, ())}
    return found


def _types(schema: Schema, name: str) -> dict[str, str]:
    """Return DuckDB's types of a table's columns."""
    columns = schema.tables[name]["columns"]
    return {
        key: TYPES[str(column["data_type"])]
        for key, column in columns.items()
        if "data_type" in column
    }


def _store_schema(sql: Sql, schema: Schema, held: Schema | None) -> Schema:
    """Record the schema in `_dlt_version` if it has changed, and return it with its new version."""
    content = schema.to_dict()
    if held is not None and content["version_hash"] == held.stored_version_hash:
        return held
    sql.execute_sql(
        f"INSERT INTO {table(sql, schema.version_table_name)} "
        "(version, engine_version, inserted_at, schema_name, version_hash, schema) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        *(content["version"], content["engine_version"], datetime.now(timezone.utc)),
        *(schema.name, content["version_hash"], json.dumps(content)),
    )
    return Schema.from_stored_schema(content)


def _merge(
    sql: Sql, schema: Schema, entity: Entity, stored: Mapping[str, set[str]], files: Files
) -> None:
    if entity.name in files:
        _delete_previous(sql, schema, entity, stored, files)
    for name in (each for each in files if each != _KEYS):
        source, target = _reader(files, name, _types(schema, name)), table(sql, name)
        added = changed_rows(sql, f"INSERT INTO {target} BY NAME SELECT * FROM {source}")
        count = files[name].lines
        if added != count:
            raise WarehouseError(
                f"DuckDB added {added:,} of {count:,} rows to {name}. The transaction was undone, "
                "and the load of this table is not recorded as complete. Check the disk, then run "
                "again."
            )


def _delete_previous(
    sql: Sql, schema: Schema, entity: Entity, stored: Mapping[str, set[str]], files: Files
) -> None:
    """Delete the rows that the new rows replace, with the items of their lists."""
    types, key = _types(schema, entity.name), _replaced_by(entity)
    names = ", ".join(map(sql.escape_column_name, key))
    source = _reader(files, _KEYS, {name: types[name] for name in key})
    target = table(sql, entity.name)
    lists = [name for name, held in stored.items() if "_dlt_root_id" in held]
    sql.execute_sql(
        f"CREATE OR REPLACE TEMP TABLE {_KEYS} AS SELECT _dlt_id FROM {target} "
        f"SEMI JOIN {source} AS found USING ({names})"
    )
    for name in (*lists, entity.name):
        column = "_dlt_id" if name == entity.name else "_dlt_root_id"
        sql.execute_sql(
            f"DELETE FROM {table(sql, name)} WHERE {column} IN (SELECT _dlt_id FROM {_KEYS})"
        )
    sql.execute_sql(f"DROP TABLE {_KEYS}")


def _reader(files: Files, name: str, types: Mapping[str, str]) -> str:
    """Return a table function that reads a file of JSON lines with the types of the columns.

    Without types, DuckDB infers them from the values and changes values: a `due_time` of `12:30`
    becomes `12:30:00`, and each object in a JSON column gets the keys of all objects. DuckDB takes
    a multiple of the longest line in memory, and refuses longer ones.
    """
    file = files[name]
    columns = ", ".join(f"{quoted(each)}: {quoted(kind)}" for each, kind in types.items())
    return (
        f"read_json({quoted(str(file.path))}, format = 'newline_delimited', "
        f"maximum_object_size = {max(_LEAST_BYTES, file.longest)}, columns = {{{columns}}})"
    )


def _record_load(sql: Sql, schema: Schema, load_id: str) -> None:
    sql.execute_sql(
        f"INSERT INTO {table(sql, schema.loads_table_name)} "
        "(load_id, schema_name, status, inserted_at, schema_version_hash) "
        "VALUES (%s, %s, 0, %s, %s)",
        *(load_id, schema.name, datetime.now(timezone.utc), schema.stored_version_hash),
    )
