"""Rows into a table by dlt: written by us where its schema knows them, else by the whole of dlt."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo
from dlt.extract import DltResource

from pipedrive_assets.errors import raise_alone
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.warehouse.dlt.hints import table_source
from pipedrive_assets.warehouse.dlt.package import Group, load_plain
from pipedrive_assets.warehouse.duckdb.file import DuckDbFile
from pipedrive_assets.warehouse.duckdb.file_lock import WAREHOUSE_FAULTS
from pipedrive_assets.warehouse.warehouse import Warehouse

SCHEMA_SAMPLE_ROWS = 100
"""Rows from which dlt learns new columns, before the others are looked at once more."""

WORTH_ROWS = 600
"""Fewer rows are all a lesson: dlt looks at them in the time that a second run would take."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DltRun:
    """The last dlt run of a table: what Dagster's dlt integration makes metadata from."""

    pipeline: dlt.Pipeline
    resource: DltResource
    info: LoadInfo


def load_rows(
    warehouse: Warehouse, entity: Entity, rows: Iterable[Row], custom: FieldSet | None
) -> DltRun | None:
    """Merge rows into the table; returns the last run (None: there was no row).

    Rows of one parent stay together: a set takes the place of the one before.
    """
    by_parent: dict[Any, Group] = {}
    for row in rows:
        by_parent.setdefault(row[entity.key[0]], []).append(row)
    groups = [*by_parent.values()]
    if not isinstance(warehouse.backend, DuckDbFile):
        return _run(warehouse, entity, groups, custom)
    left, last = _load_plain(warehouse, entity, groups, custom)
    if not left:
        return last
    schema_sample, rest = _parted(left)
    last = _run(warehouse, entity, schema_sample, custom)
    if rest:
        left, last = _load_plain(warehouse, entity, rest, custom)
    if rest and left:
        last = _run(warehouse, entity, left, custom)
    return last


def make_table(warehouse: Warehouse, entity: Entity, custom: FieldSet | None) -> DltRun:
    """Make the table and its columns, typed, where there are none yet."""
    if isinstance(warehouse.backend, DuckDbFile):
        _, last = _load_plain(warehouse, entity, [], custom)
        if last:
            return last
    return _run(warehouse, entity, None, custom)


def _parted(groups: Sequence[Group]) -> tuple[list[Group], list[Group]]:
    """The groups that make up a lesson, and the rest."""
    if sum(map(len, groups)) < WORTH_ROWS:
        return list(groups), []
    rows = 0
    for count, group in enumerate(groups, 1):
        rows += len(group)
        if rows >= SCHEMA_SAMPLE_ROWS:
            return list(groups[:count]), list(groups[count:])
    return list(groups), []


def _load_plain(
    warehouse: Warehouse, entity: Entity, groups: list[Group], custom: FieldSet | None
) -> tuple[list[Group], DltRun | None]:
    name = f"pipedrive_{entity.name}"
    with _one_run(warehouse, name):
        pipeline = warehouse.pipeline(name)
        left, info = load_plain(pipeline, entity, groups, custom)
    if info is None:
        return left, None
    resource = table_source(entity, None, custom).resources[entity.name]
    return left, DltRun(pipeline=pipeline, resource=resource, info=info)


def _run(
    warehouse: Warehouse, entity: Entity, groups: Iterable[Group] | None, custom: FieldSet | None
) -> DltRun:
    rows = None if groups is None else list(chain.from_iterable(groups))
    source = table_source(entity, rows, custom)
    name = f"pipedrive_{entity.name}"
    with _one_run(warehouse, name):
        pipeline = warehouse.pipeline(name)
        info = pipeline.run(source, loader_file_format=warehouse.file_format)
        info.raise_on_failed_jobs()
    return DltRun(pipeline=pipeline, resource=source.resources[entity.name], info=info)


@contextmanager
def _one_run(warehouse: Warehouse, name: str) -> Iterator[None]:
    """Turn what dlt raises into one sentence, and remove the files of a run that failed: they
    contain rows, and dlt would load them with the next run.
    """
    try:
        yield
    except WAREHOUSE_FAULTS as error:
        warehouse.forget(name)
        raise_alone(warehouse.translate_error(_cause(error)))
    except BaseException:
        warehouse.forget(name)
        raise


def _cause(error: BaseException) -> BaseException:
    """The first failure below dlt's wrapping."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
