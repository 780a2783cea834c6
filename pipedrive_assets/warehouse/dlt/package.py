"""Writes dlt load packages directly, without dlt's extract and normalize steps.

These steps take most of the time of a load, and do not change rows whose columns are known. Other
rows are left to dlt. This works only for DuckDB, because our destination passes it the column
types.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo
from dlt.common.schema import Schema
from dlt.common.storages import LoadStorage
from dlt.common.storages.load_package import (
    PackageStorage,
    ParsedLoadJobFileName,
    create_load_id,
)

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.warehouse.dlt.jsonl import JsonlEncoder
from pipedrive_assets.warehouse.dlt.schema import typed_schema

Group = list[dict[str, Any]]
"""Rows that have to be loaded together: the children of one parent replace the previous ones."""


def load_plain(
    pipeline: dlt.Pipeline, entity: Entity, groups: Sequence[Group], custom: FieldSet | None
) -> tuple[list[Group], LoadInfo | None]:
    """Load the groups that dlt does not have to normalize. Without groups, create the table.

    Args:
        pipeline: The pipeline of the table.
        entity: The table.
        groups: Normalized rows.
        custom: The custom fields of the table; None if it has none.

    Returns:
        The groups that were not loaded, and dlt's report (None: nothing was loaded).
    """
    held = pipeline.default_schema if pipeline.default_schema_name else None
    schema, load_id = typed_schema(held, entity, custom), create_load_id()
    if schema is None:
        return list(groups), None
    lines = JsonlEncoder(schema, entity.name, _trusted(entity, custom), load_id)
    left = [group for group in groups if not lines.add(group)]
    if left and not lines.written:
        return left, None
    for name in {entity.name, *lines.written}:
        schema.tables[name]["x-normalizer"] = {"seen-data": True}
    # dlt has no public way to pass a schema or a load package to a pipeline.
    pipeline._inject_schema(schema)  # noqa: SLF001
    _write(pipeline, schema, load_id, {entity.name: [], **lines.written})
    info = pipeline.load()
    info.raise_on_failed_jobs()
    return left, info


def _trusted(entity: Entity, custom: FieldSet | None) -> dict[str, set[str]]:
    """Return the columns that are normalized: those of column files and of custom fields."""
    known = columns_of(entity.name)
    trusted = {name: set(columns) for name, columns in known.lists.items()}
    if custom:
        trusted |= {name: set(columns) for name, columns in custom.lists.items()}
    return {**trusted, "": {*known.columns, *(custom.columns if custom else ())}}


def _write(
    pipeline: dlt.Pipeline, schema: Schema, load_id: str, lines: Mapping[str, list[bytes]]
) -> None:
    # True: create the folders if they do not exist.
    storage = LoadStorage(True, ["jsonl"], pipeline._load_storage_config())  # noqa: SLF001
    packages = storage.new_packages
    packages.create_package(load_id)
    packages.save_schema(load_id, schema)
    packages.save_schema_updates(load_id, {})
    for table, written in lines.items():
        name = PackageStorage.build_job_file_name(
            table, ParsedLoadJobFileName.new_file_id(), loader_file_format="jsonl"
        )
        path = packages.get_job_file_path(load_id, "new_jobs", name)
        Path(packages.storage.make_full_path(path)).write_bytes(b"".join(written))
    storage.commit_new_load_package(load_id)
