"""Writes rows to a table with dlt: as a load package of our own, or through dlt's normalizer.

A load package of our own is faster, but works only for rows whose columns the schema has.
"""

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
"""Rows that dlt normalizes first, to add their new columns to its schema."""

WORTH_ROWS = 600
"""With fewer rows, dlt normalizes all of them: that takes no longer than a second run."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DltRun:
    """The last dlt run of a table, from which Dagster's dlt integration makes metadata.

    Attributes:
        pipeline: The pipeline of the table.
        resource: The resource of the table.
        info: dlt's report on the load.
    """

    pipeline: dlt.Pipeline
    resource: DltResource
    info: LoadInfo


def load_rows(
    warehouse: Warehouse, entity: Entity, rows: Iterable[Row], custom: FieldSet | None
) -> DltRun | None:
    """Merge rows into a table.

    The children of one parent are loaded together, because they replace the previous ones.

    Args:
        warehouse: Where the table is; the caller holds its lock.
        entity: The table.
        rows: Normalized rows.
        custom: The custom fields of the table; None if it has none.

    Returns:
        The last run of dlt; None if there was no row.

    Raises:
        WarehouseError: The warehouse refused the rows.
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
    schema_sample, rest = _split(left)
    last = _run(warehouse, entity, schema_sample, custom)
    if rest:
        left, last = _load_plain(warehouse, entity, rest, custom)
    if rest and left:
        last = _run(warehouse, entity, left, custom)
    return last


def make_table(warehouse: Warehouse, entity: Entity, custom: FieldSet | None) -> DltRun:
    """Create a table and its missing columns, with their types.

    Args:
        warehouse: Where the table is; the caller holds its lock.
        entity: The table.
        custom: The custom fields of the table; None if it has none.

    Returns:
        The run of dlt.

    Raises:
        WarehouseError: The warehouse refused the table.
    """
    if isinstance(warehouse.backend, DuckDbFile):
        _, last = _load_plain(warehouse, entity, [], custom)
        if last:
            return last
    return _run(warehouse, entity, None, custom)


def _split(groups: Sequence[Group]) -> tuple[list[Group], list[Group]]:
    """Split groups into a sample from which dlt infers new columns, and the rest."""
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
    """Translate dlt's errors, and remove the files of a failed run.

    The files contain rows, and dlt would load them with the next run.
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
    """Return the original exception that dlt's exceptions wrap."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
