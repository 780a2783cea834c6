"""A dlt pipeline into MariaDB or MySQL; needs `pip install 'dlt[sqlalchemy]' pymysql`.

The credentials are a URL, mysql+pymysql://user:password@host:3306/database, in the environment
(DESTINATION__SQLALCHEMY__CREDENTIALS) or in .dlt/secrets.toml.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dlt
from dlt.destinations.impl.sqlalchemy.type_mapper import MysqlVariantTypeMapper
from sqlalchemy.dialects.mysql import LONGTEXT, VARCHAR

from pipedrive_assets.dlt_source import pipedrive_source, unfinished


class ExactTexts(MysqlVariantTypeMapper):
    """Stores each text completely and compares texts exactly, whatever the server's defaults are.

    dlt's TEXT has at most 64 kB, which its own table of schemas exceeds. Servers may not store
    emojis, and ignore case when they compare dlt's row ids.
    """

    def db_type_from_text_type(self, column: Any, table: Any) -> Any:
        """Return the type of a text column; a text with a maximum length is a VARCHAR."""
        kind = super().db_type_from_text_type(column, table)
        if kind.length is None:
            return LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin")
        return VARCHAR(kind.length, charset="utf8mb4", collation="utf8mb4_bin")


@contextmanager
def only_run(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Refuse a second run into the same dataset: two would overwrite each other's staging tables.

    The server releases the lock when this process ends, also if it is killed.

    Args:
        pipeline: The pipeline.

    Yields:
        Once, with the lock held.

    Raises:
        SystemExit: Another run has the lock, or the connection that held it was lost.
    """
    name = f"dlt:{pipeline.dataset_name}"
    with pipeline.destination_client().sql_client as sql:  # type: ignore[attr-defined]
        if sql.execute_sql("SELECT GET_LOCK(:name, 0)", name=name) != [(1,)]:
            sys.exit("Another run is loading this dataset. Nothing was loaded. Run again later.")
        yield
        if sql.execute_sql("SELECT IS_USED_LOCK(:name) = CONNECTION_ID()", name=name) != [(1,)]:
            sys.exit("The connection with the lock was lost during the run. Run again.")


def mariadb_pipeline() -> dlt.Pipeline:
    """Create the pipeline."""
    return dlt.pipeline(
        pipeline_name="pipedrive_mariadb",
        destination=dlt.destinations.sqlalchemy(type_mapper=ExactTexts),
        dataset_name="pipedrive_data",
    )


def load_all() -> None:
    """Load all tables: their whole history first, changes in later runs."""
    pipeline = mariadb_pipeline()
    with only_run(pipeline):
        print(pipeline.run(pipedrive_source()))
    if missing := unfinished(pipeline):
        sys.exit("\n".join(f"{name} is unfinished: {why}" for name, why in missing.items()))


if __name__ == "__main__":
    load_all()
