"""dlt's DuckDB destination, which reads JSON lines with the column types of the schema.

dlt lets DuckDB infer the types of each file from its values. That changes values: a `due_time` of
`12:30` becomes `12:30:00`, a title that looks like a timestamp is reformatted, and each object in a
JSON column gets the keys of all objects. dlt's schema has the types, so they are passed to DuckDB.
"""

from typing import Any

from dlt.common.destination.capabilities import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob
from dlt.common.normalizers.naming import NamingConvention
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob
from dlt.destinations.impl.duckdb.factory import duckdb

CHECKPOINT_AT = "64MB"
"""Size of the write-ahead log at which DuckDB writes a checkpoint. Until then it keeps committed
rows in memory. dlt's default is 1 GB."""


class TypedCopyJob(DuckDbCopyJob):
    """Copies a file of JSON lines into its table, reading each column with its type."""

    def __init__(self, file_path: str, types: dict[str, str]) -> None:
        super().__init__(file_path)
        self._types = types

    def run(self) -> None:
        """Insert the file; the job fails if a value does not have the type of its column."""
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
    """Creates typed copy jobs for JSON lines, and dlt's own jobs for every other format."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        config = self.sql_client._global_config  # noqa: SLF001
        config["checkpoint_threshold"] = CHECKPOINT_AT
        # DuckDB must not read a variable of the process in place of a missing table.
        config["python_enable_replacements"] = False

    def create_load_job(
        self, table: Any, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """Create the job that loads a file.

        Args:
            table: dlt's schema of the table.
            file_path: The file.
            load_id: dlt's id of the load.
            restore: Whether dlt resumes the job.

        Returns:
            The job.
        """
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
    """The DuckDB destination with typed copy jobs and cached capabilities.

    dlt requests the capabilities about thirty times per commit, and resolves its whole
    configuration each time.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._known: dict[str, DestinationCapabilitiesContext] = {}

    def capabilities(
        self, config: Any = None, naming: NamingConvention | None = None
    ) -> DestinationCapabilitiesContext:
        """Return DuckDB's capabilities, which depend only on the naming convention."""
        key = naming.name() if naming else ""
        if key not in self._known:
            self._known[key] = super().capabilities(config, naming)
        return self._known[key].copy()

    @property
    def client_class(self) -> Any:
        """The class of the client that dlt uses for the file."""
        return TypedDuckDbClient
