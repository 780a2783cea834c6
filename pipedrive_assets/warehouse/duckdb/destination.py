"""dlt's DuckDB destination, told the types of the JSON lines it reads.

dlt lets DuckDB guess the types of each file, and a guess follows the values at hand: a file in
which every `due_time` is `12:30` gives `12:30:00`, a title that is a timestamp is rewritten, and
the keys of all objects in a JSON column are put into each of them. dlt knows the types; here it
says them.
"""

from typing import Any

from dlt.common.destination.capabilities import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob
from dlt.common.normalizers.naming import NamingConvention
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob
from dlt.destinations.impl.duckdb.factory import duckdb

CHECKPOINT_AT = "64MB"
"""What is committed is held in memory up to a checkpoint; dlt has DuckDB wait for 1 GB of it."""


class TypedCopyJob(DuckDbCopyJob):
    """Copies one file of JSON lines into its table, each column read as what it is."""

    def __init__(self, file_path: str, types: dict[str, str]) -> None:
        super().__init__(file_path)
        self._types = types

    def run(self) -> None:
        """Insert the file; a value that is not of its column's type fails the job."""
        client = self._job_client.sql_client
        literal = client.capabilities.escape_literal
        columns = ", ".join(
            f"{literal(name)}: {literal(kind)}" for name, kind in self._types.items()
        )
        client.execute_sql(
            f"INSERT INTO {client.make_qualified_table_name(self.load_table_name)} BY NAME "
            f"SELECT * FROM read_json({literal(self._file_path)}, "
            f"format = 'newline_delimited', columns = {{{columns}}})"
        )


class TypedDuckDbClient(DuckDbClient):
    """Makes typed copy jobs for JSON lines, dlt's own for every other format."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        config = self.sql_client._global_config  # noqa: SLF001
        config["checkpoint_threshold"] = CHECKPOINT_AT
        # A missing table must never be taken from a variable of the user's process.
        config["python_enable_replacements"] = False

    def create_load_job(
        self, table: Any, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """The job that loads one file."""
        job = super().create_load_job(table, file_path, load_id, restore)
        if not (isinstance(job, DuckDbCopyJob) and file_path.endswith((".jsonl", ".jsonl.gz"))):
            return job
        types = {
            name: self.type_mapper.to_destination_type(column, table)
            for name, column in table["columns"].items()
            if "data_type" in column
        }
        return TypedCopyJob(file_path, types)


class typed_duckdb(duckdb):  # noqa: N801 - dlt names destinations so
    """The DuckDB destination with typed copy jobs, and with capabilities worked out once: dlt asks
    for them thirty times a commit, and resolves its whole configuration for each.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._known: dict[str, DestinationCapabilitiesContext] = {}

    def capabilities(
        self, config: Any = None, naming: NamingConvention | None = None
    ) -> DestinationCapabilitiesContext:
        """What DuckDB can do; they hang on the naming convention alone."""
        key = naming.name() if naming else ""
        if key not in self._known:
            self._known[key] = super().capabilities(config, naming)
        return self._known[key].copy()

    @property
    def client_class(self) -> Any:
        """What dlt makes to talk to the file."""
        return TypedDuckDbClient
