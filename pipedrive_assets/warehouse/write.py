"""Writes rows to a table of the warehouse, in dlt's layout."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pipedrive_assets.errors import raise_alone
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.warehouse.dlt.schema import schema_name
from pipedrive_assets.warehouse.dlt.write import run_pipeline
from pipedrive_assets.warehouse.duckdb.file import DuckDbFile
from pipedrive_assets.warehouse.duckdb.file_lock import WAREHOUSE_FAULTS
from pipedrive_assets.warehouse.duckdb.write import write_rows
from pipedrive_assets.warehouse.statements import Sql
from pipedrive_assets.warehouse.warehouse import Warehouse

Row = dict[str, Any]


def load_rows(
    warehouse: Warehouse,
    entity: Entity,
    rows: Sequence[Row],
    custom: FieldSet | None,
    then: Callable[[Sql, str], None],
) -> str:
    """Merge rows into a table, and create the table and its missing columns.

    The children of one parent have to be loaded together, because they replace the previous ones.

    Args:
        warehouse: Where the table is; the caller holds its lock.
        entity: The table.
        rows: Normalized rows; without rows only the table is created.
        custom: The custom fields of the table; None if it has none.
        then: Further writes, with dlt's id of the load. In DuckDB they are in the transaction of
            the rows; on a server they are in the next one.

    Returns:
        dlt's id of the load, which is the `_dlt_load_id` of the rows.

    Raises:
        WarehouseError: The warehouse refused the rows or the table.
    """
    write = write_rows if isinstance(warehouse.backend, DuckDbFile) else run_pipeline
    with _translated_errors(warehouse, schema_name(entity)):
        return write(warehouse, entity, rows, custom, then)


@contextmanager
def _translated_errors(warehouse: Warehouse, name: str) -> Iterator[None]:
    """Translate the errors of dlt and DuckDB, and remove the files of a failed run.

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
