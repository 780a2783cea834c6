"""The DuckDB files in which both sides of a comparison are read.

A side in PostgreSQL is copied to a temporary file. PostgreSQL sorts the keys of JSON objects and
stores no NUL, so a file that is compared with it is copied without these differences too.
"""

import contextlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipedrive_assets.api.nul import may_have_nul, without_nul
from pipedrive_assets.errors import ConfigurationError, raise_alone
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views.catalog import Relation, catalog
from pipedrive_assets.views.personal import base_of
from pipedrive_assets.warehouse import DatabaseServer, Warehouse
from pipedrive_assets.warehouse.dialect import POSTGRES, identifier, quoted
from pipedrive_assets.warehouse.duckdb.file import DuckDbFile
from pipedrive_assets.warehouse.duckdb.table_copies import TableCopies
from pipedrive_assets.warehouse.read_only import Patience, opened, reading
from pipedrive_assets.warehouse.server.snapshot import ALWAYS, snapshot

WITH_EXPONENT = 1e16
"""Numbers from here on have an exponent in the JSON that a load writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A warehouse to compare.

    Attributes:
        path: The DuckDB file; None: the PostgreSQL database of the credentials.
        dataset: The schema of its tables.
        moment: Compare what its histories have at this moment, UTC; None: now.
    """

    path: Path | None
    dataset: str
    moment: datetime | None = None

    def __str__(self) -> str:
        """Return the path, or `postgres` with the dataset."""
        return str(self.path) if self.path else f"{POSTGRES}:{self.dataset}"

    @property
    def place(self) -> tuple[str, str]:
        """What two sides have in common if they are in the same warehouse."""
        return (str(self.path.resolve()) if self.path else POSTGRES, self.dataset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the sides are read.

    Attributes:
        tables: The tables to compare; empty: all.
        memory: The memory that DuckDB may use.
        patience: How long to wait while a load writes a file.
    """

    tables: Collection[str]
    memory: str
    patience: Patience


@contextlib.contextmanager
def duckdb_files(sides: Sequence[Side], how: Reading) -> Iterator[list[Path]]:
    """Return a DuckDB file for each side.

    Args:
        sides: The sides.
        how: How they are read.

    Yields:
        Their own files, or temporary copies, which are removed at the end.

    Raises:
        ConfigurationError: The credentials of PostgreSQL are missing or invalid.
        WarehouseError: A side does not exist, or cannot be read or copied.
    """
    is_mixed = len({side.path is None for side in sides}) > 1
    with contextlib.ExitStack() as stack:
        found: dict[tuple[str, str], Path] = {}
        for side in sides:
            if side.place not in found:
                found[side.place] = stack.enter_context(_file(side, how, is_mixed=is_mixed))
        yield [found[side.place] for side in sides]


def check_has_tables(side: Side, relations: Collection[str]) -> None:
    """Check that a side has a warehouse of this project.

    Args:
        side: The side.
        relations: The tables that it has.

    Raises:
        ConfigurationError: It has none.
    """
    if not {*BY_NAME} & {*relations}:
        raise ConfigurationError(
            f"{side} has no tables of this project in the schema {side.dataset}. Check the path or "
            "the database, and the schema: PIPEDRIVE_DATASET, PATH:DATASET or postgres:DATASET."
        )


def _file(side: Side, how: Reading, *, is_mixed: bool) -> AbstractContextManager[Path]:
    if side.path is None:
        return _from_server(side, how)
    if is_mixed:
        return _without_differences(side, side.path, how)
    return contextlib.nullcontext(side.path)


@contextlib.contextmanager
def _from_server(side: Side, how: Reading) -> Iterator[Path]:
    with contextlib.closing(Warehouse(DatabaseServer(POSTGRES), side.dataset)) as warehouse:
        with reading(warehouse) as sql:
            check_has_tables(side, catalog(sql))
        with snapshot(warehouse, how.tables or BY_NAME, how.memory) as copied:
            yield copied.path


@contextlib.contextmanager
def _without_differences(side: Side, path: Path, how: Reading) -> Iterator[Path]:
    """Copy a file as PostgreSQL would have its rows."""
    dataset = side.dataset
    file = DuckDbFile(path.absolute(), memory=how.memory, read_only=True)
    with contextlib.closing(Warehouse(file, dataset)) as warehouse:
        with reading(warehouse, how.patience) as sql:
            relations = catalog(sql)
        check_has_tables(side, relations)
        with (
            contextlib.closing(TableCopies(warehouse.folder, dataset, how.memory)) as copies,
            contextlib.closing(opened(warehouse, _connect(how.memory), how.patience)) as source,
        ):
            try:
                source.execute("SET TimeZone = 'UTC'")
                for each in relations.values():
                    wanted = {*(how.tables or BY_NAME), *ALWAYS}
                    if not each.is_view and base_of(each.name).partition("__")[0] in wanted:
                        _copy(source, each, identifier(dataset), copies, warehouse.folder)
            except duckdb.Error as error:
                raise_alone(warehouse.translate_error(error))
        yield copies.path


def _connect(memory: str) -> Callable[[Warehouse], duckdb.DuckDBPyConnection]:
    return lambda warehouse: duckdb.connect(
        str(warehouse.path),
        read_only=True,
        config={"memory_limit": memory, "temp_directory": str(warehouse.folder / "source")},
    )


def _copy(
    source: duckdb.DuckDBPyConnection,
    relation: Relation,
    schema: str,
    copies: TableCopies,
    folder: Path,
) -> None:
    rows = folder / "source.jsonl"
    source.execute(
        f"COPY {schema}.{identifier(relation.name)} TO {quoted(str(rows))} (FORMAT json)"
    )
    has_json = "JSON" in relation.columns.values()
    with copies.table(relation.name, relation.columns) as lines, rows.open("rb") as written:
        for line in written:
            lines.write(_as_in_postgres(line) if has_json or may_have_nul(line) else line)
    rows.unlink()


def _as_in_postgres(line: bytes) -> bytes:
    row = without_nul(json.loads(line, parse_float=_number))
    return json.dumps({name: _sorted(value) for name, value in row.items()}).encode() + b"\n"


def _number(text: str) -> float:
    """Return a number, as an integer if `jsonb` has one: JSON writes 1e16 with an exponent."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) >= WITH_EXPONENT else value


def _sorted(value: Any) -> Any:
    """Sort the keys of all objects as `jsonb` does: by length in bytes, then by bytes."""
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value, key=_order)}
    return value


def _order(key: str) -> tuple[int, bytes]:
    return len(key.encode()), key.encode()
