"""Reads the rows of a table for an export, and writes them to Parquet files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipedrive_assets.export.packing import LoadRows
from pipedrive_assets.views.catalog import Relation
from pipedrive_assets.warehouse.dialect import identifier, quoted
from pipedrive_assets.warehouse.history.history_table import history_name

NESTED = "__"
LOAD, ROOT, ID = "_dlt_load_id", "_dlt_root_id", "_dlt_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exportable:
    """A table, or the table of a list.

    Attributes:
        name: Its name.
        columns: The type of each column.
        source: SQL after FROM; `t` is the table.
        load: SQL for the load that wrote the row, or the row of a list.
    """

    name: str
    columns: Mapping[str, str]
    source: str
    load: str


def exportables(name: str, relations: Mapping[str, Relation], schema: str) -> Iterator[Exportable]:
    """Yield a table, the tables of its lists, and its history.

    Args:
        name: The table.
        relations: The tables of the warehouse.
        schema: The quoted schema, with the database if needed.
    """
    root = f"{schema}.{identifier(name)}"
    for each in relations.values():
        if each.is_view:
            continue
        source = f"{schema}.{identifier(each.name)} t"
        if each.name in {name, history_name(name)}:
            load = f"coalesce(t.{LOAD}, '')"
        elif each.name.startswith(f"{name}{NESTED}") and ROOT in each.columns:
            source += f" LEFT JOIN {root} r ON r.{ID} = t.{ROOT}"
            load = f"coalesce(r.{LOAD}, '')"
        else:
            continue
        yield Exportable(name=each.name, columns=each.columns, source=source, load=load)


def loads_of(connection: duckdb.DuckDBPyConnection, table: Exportable) -> list[LoadRows]:
    """Return the loads that wrote the rows of a table, with a fingerprint of their rows."""
    values = ", ".join(f"t.{identifier(name)}" for name in table.columns)
    rows = connection.execute(
        f"SELECT {table.load} AS load, count(*), sum(hash({values})) FROM {table.source} "
        "GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return [LoadRows(load=row[0], rows=row[1], fingerprint=int(row[2])) for row in rows]


def write_parquet(
    connection: duckdb.DuckDBPyConnection, table: Exportable, loads: Sequence[LoadRows], path: Path
) -> None:
    """Write the rows of some loads to a Parquet file.

    Args:
        connection: A connection to the warehouse.
        table: The table.
        loads: The loads, in the order of their ids; none: a file without rows.
        path: The file.
    """
    shown = ", ".join(f"t.{identifier(name)}" for name in table.columns)
    bounds = (quoted(each.load) for each in (loads[0], loads[-1])) if loads else ()
    where = f"{table.load} BETWEEN {' AND '.join(bounds)}" if loads else "false"
    connection.execute(
        f"COPY (SELECT {shown} FROM {table.source} WHERE {where}) TO {quoted(str(path))} "
        "(FORMAT parquet, COMPRESSION zstd)"
    )
