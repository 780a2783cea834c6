"""A temporary DuckDB file with copies of tables, which are filled from JSON lines.

Its tables have the types and texts that a load gives them, because a load reads such lines too.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import duckdb

from pipedrive_assets.errors import raise_alone
from pipedrive_assets.warehouse.dialect import identifier, quoted
from pipedrive_assets.warehouse.duckdb.file_lock import translate_error

NAME = "copies.duckdb"
LEAST_BYTES = 2**20
"""DuckDB takes a multiple of the longest line in memory, and refuses longer ones."""


class Lines:
    """A file of JSON lines that is being written.

    Attributes:
        longest: The bytes of the longest line.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.longest = file, LEAST_BYTES

    def write(self, line: bytes) -> int:
        """Write a line.

        Args:
            line: The line, with its end.

        Returns:
            The number of bytes.
        """
        self.longest = max(self.longest, len(line))
        return self._file.write(line)


class TableCopies:
    """The file. It is removed with its folder.

    Attributes:
        path: The file.
    """

    def __init__(self, folder: Path, dataset: str, memory: str) -> None:
        """Create the file.

        Args:
            folder: A private folder that the caller removes.
            dataset: The schema of the copies.
            memory: The memory that DuckDB may use.

        Raises:
            WarehouseError: The file cannot be created.
        """
        self.path, self._folder, self._schema = folder / NAME, folder, identifier(dataset)
        config: dict[str, Any] = {
            "memory_limit": memory,
            "temp_directory": str(folder / "duckdb"),
        }
        with self._translated_errors():
            self._connection = duckdb.connect(str(self.path), config=config)
            self._connection.execute(f"CREATE SCHEMA {self._schema}")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def table(self, name: str, types: Mapping[str, str]) -> Iterator[Lines]:
        """Create a table.

        Args:
            name: Its name.
            types: The type of each column.

        Yields:
            Once, to write its rows as JSON lines. They are read at the end of the block.

        Raises:
            WarehouseError: The rows cannot be written or read.
        """
        path = self._folder / "rows.jsonl"
        with self._translated_errors():
            with path.open("wb") as file:
                yield (lines := Lines(file))
            columns = ", ".join(f"{quoted(each)}: {quoted(kind)}" for each, kind in types.items())
            self._connection.execute(
                f"CREATE TABLE {self._schema}.{identifier(name)} AS SELECT * FROM "
                f"read_json({quoted(str(path))}, format = 'newline_delimited', "
                f"maximum_object_size = {lines.longest}, columns = {{{columns}}})"
            )
            path.unlink()

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise_alone(translate_error(error, self.path))
