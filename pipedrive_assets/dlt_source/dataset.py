"""The dataset of a plain pipeline: who else loads into it, and whether it can store NUL."""

import contextlib

from dlt.common.destination.exceptions import DestinationException
from dlt.common.pipeline import SupportsPipeline
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.pipeline.pipeline import Pipeline

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.warehouse.dialect import DUCKDB
from pipedrive_assets.warehouse.statements import table

LEDGER = "_pipedrive_account"


def refuse_shared_dataset(pipeline: SupportsPipeline | None) -> None:
    """Refuse a pipeline whose dataset the Dagster project loads into.

    A destination that cannot be queried passes: the load itself reports what is wrong with it.

    Args:
        pipeline: The current pipeline; None if the resources are read without one.

    Raises:
        ConfigurationError: The dataset belongs to the Dagster project.
    """
    if not isinstance(pipeline, Pipeline) or pipeline.destination is None:
        return
    if not issubclass(pipeline.destination.client_class, SqlJobClientBase):
        return
    held = False
    # A table that does not exist is an exception like any other: what reads the catalog differs
    # between destinations.
    with contextlib.suppress(DestinationException, OSError), pipeline.sql_client() as sql:
        held = sql.has_dataset() and bool(
            sql.execute_sql(f"SELECT 1 FROM {table(sql, LEDGER)} LIMIT 1")
        )
    if held:
        raise ConfigurationError(
            f"The dataset {pipeline.dataset_name} belongs to the Dagster project, which keeps its "
            "ledger there. Nothing was loaded. Pass another dataset_name to dlt.pipeline."
        )


def stores_nul(pipeline: SupportsPipeline | None) -> bool:
    """Return whether the destination of a pipeline can store the NUL character.

    Files and DuckDB can. Resources that are read without a pipeline keep it too. A destination that
    is not known yet may be a database that cannot store it.
    """
    if not isinstance(pipeline, Pipeline):
        return pipeline is None
    if pipeline.destination is None:
        return False
    if not issubclass(pipeline.destination.client_class, SqlJobClientBase):
        return True
    return pipeline.destination.capabilities().sqlglot_dialect == DUCKDB
