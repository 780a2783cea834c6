"""Opens both sides of a comparison and compares their tables."""

import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timezone
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_assets.compare.differences import Difference, difference
from pipedrive_assets.compare.files import Reading, Side, check_has_tables, duckdb_files
from pipedrive_assets.compare.rows import TableRows, table_rows, version_rows
from pipedrive_assets.errors import ConfigurationError, raise_alone
from pipedrive_assets.registry import ENTITIES
from pipedrive_assets.views.catalog import Relation, catalog
from pipedrive_assets.views.personal import MASK, base_of
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.dialect import identifier, quoted
from pipedrive_assets.warehouse.duckdb.file import MEMORY, DuckDbFile
from pipedrive_assets.warehouse.duckdb.file_lock import translate_error
from pipedrive_assets.warehouse.history.history_table import SUFFIX, history_name
from pipedrive_assets.warehouse.read_only import PATIENCE, Patience, opened, reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What to compare, and what to return of it.

    Attributes:
        tables: The tables; empty: all that a side has.
        most_examples: How many rows of each kind to return per table.
        shows_personal: Whether examples have the values of personal columns.
        memory: The memory that DuckDB may use.
        patience: How long to wait while a load writes a file.
    """

    tables: Collection[str] = ()
    most_examples: int = 3
    shows_personal: bool = False
    memory: str = MEMORY
    patience: Patience = PATIENCE


def compare(a: Side, b: Side, how: Comparison | None = None) -> Iterator[Difference]:
    """Compare two warehouses, table by table.

    Args:
        a: The first warehouse.
        b: The second warehouse.
        how: What to compare; None: everything.

    Yields:
        The difference of each table that a side has, also of equal ones.

    Raises:
        ConfigurationError: Both sides are the same, a side has no table, or neither has a named
            table.
        WarehouseError: A warehouse does not exist, cannot be opened or is being written.
    """
    how = how or Comparison()
    if (a.place, a.moment) == (b.place, b.moment):
        raise ConfigurationError(
            f"Both sides are {a}. Name two different warehouses, datasets or moments."
        )
    with _attached(a, b, how) as (connection, relations):
        histories = a.moment is not None or b.moment is not None
        for name in _names(relations, how.tables, histories=histories):
            try:
                one, other = (
                    _of_history(connection, name, side, *found)
                    if histories
                    else table_rows(name, found[1], found[0])
                    for side, found in zip((a, b), relations, strict=True)
                )
                found = difference(connection, one, other, most_examples=how.most_examples)
            except duckdb.Error as error:
                raise_alone(translate_error(error, Path(str(a))))
            yield found if how.shows_personal else _masked(found, one, other)


Relations = Sequence[tuple[str, Mapping[str, Relation]]]
"""The qualified and quoted schema of each side, and its tables."""


def _of_history(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    side: Side,
    schema: str,
    relations: Mapping[str, Relation],
) -> TableRows:
    """Return the rows of a table at the moment of a side.

    Raises:
        ConfigurationError: The history begins later.
    """
    ((begins,),) = connection.execute(
        f"SELECT min(_valid_from) FROM {schema}.{identifier(history_name(name))}"
    ).fetchall()
    if side.moment is not None and (begins is None or side.moment < begins):
        since = (
            f"begins at {begins.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
            if begins
            else ("is empty")
        )
        raise ConfigurationError(
            f"{history_name(name)} in {side} {since}, so {name} is not known at "
            f"{side.moment:%Y-%m-%dT%H:%M:%SZ}. Choose a later time, or name other tables."
        )
    return version_rows(name, relations, schema, side.moment)


@contextlib.contextmanager
def _attached(
    a: Side, b: Side, how: Comparison
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Relations]]:
    """Attach both sides to a database in memory, and read which tables they have.

    Raises:
        ConfigurationError: A side has no table of this project.
    """
    how_read = Reading(tables=how.tables, memory=how.memory, patience=how.patience)
    with duckdb_files((a, b), how_read) as paths, tempfile.TemporaryDirectory() as folder:
        config: dict[str, Any] = {"memory_limit": how.memory, "temp_directory": folder}
        with contextlib.closing(duckdb.connect(config=config)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            places: dict[Path, str] = {}
            relations: list[tuple[str, Mapping[str, Relation]]] = []
            for side, path in zip((a, b), paths, strict=True):
                file = DuckDbFile(path.absolute(), memory=how.memory, read_only=True)
                with contextlib.closing(Warehouse(file, side.dataset)) as warehouse:
                    with reading(warehouse, how.patience) as sql:
                        held = catalog(sql)
                    if path == side.path:
                        check_has_tables(side, held)
                    real = path.resolve()
                    if real not in places:
                        places[real] = f"side_{len(places)}"
                        opened(warehouse, _attach(connection, places[real]), how.patience)
                relations.append((f"{places[real]}.{identifier(side.dataset)}", held))
            yield connection, relations


def _attach(connection: duckdb.DuckDBPyConnection, name: str) -> Callable[[Warehouse], object]:
    return lambda warehouse: connection.execute(
        f"ATTACH {quoted(str(warehouse.path))} AS {name} (READ_ONLY)"
    )


def _names(relations: Relations, asked: Collection[str], *, histories: bool) -> list[str]:
    """Return the tables to compare, in the registry's order."""
    held = {name for _, side in relations for name in side}
    if histories:
        both = {*relations[0][1]} & {*relations[1][1]}
        held = {base_of(name) for name in both if name.endswith(SUFFIX)}
    if missing := [name for name in asked if name not in held]:
        what = "Not both sides have a history of" if histories else "Neither side has the table"
        raise ConfigurationError(f"{what} {', '.join(missing)}.")
    found = [
        entity.name
        for entity in ENTITIES
        if entity.name in held and (not asked or entity.name in asked)
    ]
    if not found:
        raise ConfigurationError("Both sides need a history of the same table (PIPEDRIVE_HISTORY).")
    return found


def _masked(found: Difference, a: TableRows, b: TableRows) -> Difference:
    """Return a difference without the values of personal columns."""
    personal = a.personal | b.personal
    examples = [
        replace(
            each,
            values={
                name: (_mask(pair[0]), _mask(pair[1])) if name in personal else pair
                for name, pair in each.values.items()
            },
        )
        for each in found.examples
    ]
    return replace(found, examples=examples)


def _mask(value: Any) -> Any:
    return None if value is None else MASK
